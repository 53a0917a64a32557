"""Gaps of evidence as objects: what a device read or signed and the books lack, how old that is, and what follows. Pure.

A gap is a range of slots or of statement counters. When a part of it comes, or it grows, it ends, and what is left goes on as new
gaps that keep its age and how often it was asked for. Every change says why.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from community.clock import as_utc, slot_start

KEPT_FOR = timedelta(days=40)
"""How long a device keeps what was not acknowledged (wire-format 2.4)."""
ASKED_MAX = 6
"""After so many requests in vain a person has to look."""
PATIENCE = timedelta(days=2)
"""After this a person has to look, asked for or not."""


class GapKind(StrEnum):
    """What is missing."""

    SLOTS = "slots"
    STATEMENTS = "statements"


class GapState(StrEnum):
    """How far a gap has come. It is asked for as long as it has not ended, also when it was handed over."""

    OPEN = "open"
    ASKED = "asked"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        return self in (GapState.CLOSED, GapState.LOST)


@dataclass(frozen=True, slots=True)
class EvidenceGap:
    """Slots or statement counters `first` to `last`, missing since `since_at`, asked for `asked` times."""

    kind: GapKind
    first: int
    last: int
    state: GapState
    since_at: datetime
    asked: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError("a gap goes from a number to the same or a higher one")
        if self.asked < 0:
            raise ValueError("nothing can be asked for less than never")
        as_utc(self.since_at)

    def overlaps(self, other: "EvidenceGap") -> bool:
        """Whether both miss something in common, or lie side by side."""
        return self.kind is other.kind and self.first <= other.last + 1 and other.first <= self.last + 1


@dataclass(frozen=True, slots=True)
class GapChange:
    """A gap as it is from now on, and why it changed. `is_new` says that it begins with this."""

    gap: EvidenceGap
    cause: str
    is_new: bool = False


Missing = tuple[GapKind, int, int]
"""(kind, first, last)"""


def review(known: Sequence[EvidenceGap], missing: Iterable[Missing], now: datetime) -> list[GapChange]:
    """What changes about the gaps that are not closed, given what is missing now. Safe to repeat: then nothing changes."""
    wanted = [EvidenceGap(kind, first, last, GapState.OPEN, now) for kind, first, last in sorted(missing)]
    same = {(gap.kind, gap.first, gap.last): gap for gap in known}
    changes: list[GapChange] = []
    for gap in known:
        if any(_range(gap) == _range(each) for each in wanted):
            continue
        left = [each for each in wanted if gap.overlaps(each)]
        cause = "it came" if not left else "a part came, or more is missing now: it goes on as another gap"
        changes.append(GapChange(replace(gap, state=GapState.CLOSED), cause))
    for each in wanted:
        found = same.get(_range(each))
        if found is None:
            heirs = [gap for gap in known if gap.overlaps(each)]
            found = _inherited(each, heirs)
            cause = "what is left of an older gap" if heirs else "later evidence is here, this is not"
            changes.append(GapChange(found, cause, is_new=True))
        aged = _aged(found, now)
        if aged is not None:
            changes.append(aged)
    return changes


def ask(gap: EvidenceGap) -> GapChange:
    """The device is asked for it."""
    state = gap.state if gap.state is GapState.HANDED_OVER else GapState.ASKED
    return GapChange(
        replace(gap, state=state, asked=gap.asked + 1), f"the device is asked for the {gap.asked + 1}. time"
    )


def _range(gap: EvidenceGap) -> Missing:
    return gap.kind, gap.first, gap.last


def _inherited(gap: EvidenceGap, heirs: Sequence[EvidenceGap]) -> EvidenceGap:
    if not heirs:
        return gap
    asked = max(each.asked for each in heirs)
    handed_over = any(each.state is GapState.HANDED_OVER for each in heirs)
    state = GapState.HANDED_OVER if handed_over else GapState.ASKED if asked else GapState.OPEN
    return replace(gap, state=state, since_at=min(each.since_at for each in heirs), asked=asked)


def _aged(gap: EvidenceGap, now: datetime) -> GapChange | None:
    if gap.state is GapState.LOST:
        return None
    oldest = slot_start(gap.last) if gap.kind is GapKind.SLOTS else gap.since_at
    if now - oldest > KEPT_FOR:
        return GapChange(
            replace(gap, state=GapState.LOST), f"the device keeps nothing longer than {KEPT_FOR.days} days"
        )
    if gap.state is GapState.HANDED_OVER:
        return None
    if gap.asked >= ASKED_MAX:
        return GapChange(replace(gap, state=GapState.HANDED_OVER), f"asked for {gap.asked} times in vain")
    if now - gap.since_at > PATIENCE:
        return GapChange(replace(gap, state=GapState.HANDED_OVER), f"missing for more than {PATIENCE.days} days")
    return None


def ranges_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as ranges (first, last), ascending."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] + 1 == number:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
