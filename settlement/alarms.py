"""What calls a person: said at once, and again every minute for as long as it lasts, not in every pass."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

_log = structlog.get_logger()

EVERY = timedelta(minutes=1)
REMEMBERED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Alarms:
    """Remembers when each thing was said last. Forgetting only repeats it."""

    last: dict[str, datetime] = field(default_factory=dict)

    def is_due(self, key: str, now: datetime) -> bool:
        """Whether a minute has passed since this was asked about `key` with the answer yes."""
        before = self.last.get(key)
        if before is not None and now - before < EVERY:
            return False
        if len(self.last) >= REMEMBERED_MAX:
            self.last.clear()
        self.last[key] = now
        return True

    def raise_alarm(self, event: str, now: datetime, *, issuance: str, **facts: Any) -> None:
        """Log an error that a person must look at."""
        if self.is_due(f"{event} {issuance}", now):
            _log.error(event, issuance=issuance, **facts)
