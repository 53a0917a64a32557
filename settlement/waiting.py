"""When to ask again what the contract or the signer will not have until a person has acted: ever less often, up to a ceiling."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

FIRST = timedelta(seconds=1)
LONGEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Wait:
    until: datetime
    length: timedelta


@dataclass(frozen=True, slots=True)
class Waiting:
    """The issuances that wait, by their ids. In memory only: a process that starts anew asks at once."""

    waits: dict[str, _Wait] = field(default_factory=dict)

    def is_due(self, issuance_id: str, now: datetime) -> bool:
        """Whether this may be asked about now."""
        wait = self.waits.get(issuance_id)
        return wait is None or now >= wait.until

    def wait(self, issuance_id: str, now: datetime) -> None:
        """Ask again later: twice as late as the last time."""
        before = self.waits.get(issuance_id)
        length = FIRST if before is None else min(2 * before.length, LONGEST)
        self.waits[issuance_id] = _Wait(now + length, length)

    def over(self, issuance_id: str) -> None:
        """It goes on: the next wait is a short one again."""
        self.waits.pop(issuance_id, None)
