"""Whether what a new device sent in its first week can be right: present, free of contradictions, and not nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from community.attestation.reasons import Reason

DOUBTS = (
    Reason.REGISTER_REGRESSION,
    Reason.RESET_SUSPECTED,
    Reason.BEYOND_NAMEPLATE,
    Reason.CONFLICTING_READING,
    Reason.EQUIVOCATION,
    Reason.REPEATED_COUNTER,
    Reason.WRONG_ROOT,
)
"""Refusals that speak against a device. Each is open until somebody has resolved it."""


@dataclass(frozen=True, slots=True)
class WeekRules:
    """How long is looked at, and how many of a hundred quarter-hours must be there."""

    length: timedelta = timedelta(days=7)
    present_percent: int = 90

    def __post_init__(self) -> None:
        if self.length < timedelta(hours=1):
            raise ValueError("a device is looked at for an hour or longer")
        if not 0 < self.present_percent <= 100:
            raise ValueError("the share of readings that must be present lies between 1 and 100 percent")


@dataclass(frozen=True, slots=True)
class WeekFacts:
    """What came in the time that is looked at: readings of the settled register, and refusals by reason."""

    first_reading_at: datetime | None
    readings_present: int
    energy_wh: int
    open_refusals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Plausible:
    """It can be right; `text` says on what grounds."""

    text: str


@dataclass(frozen=True, slots=True)
class NotPlausible:
    """Why not, or why not yet."""

    reasons: tuple[str, ...]


WeekVerdict = Plausible | NotPlausible


def judge_week(facts: WeekFacts, rules: WeekRules, now: datetime) -> WeekVerdict:
    """The verdict on the last `rules.length` of a device's readings."""
    if facts.first_reading_at is None:
        return NotPlausible(("no reading is on the books yet",))
    reasons = []
    ready_at = facts.first_reading_at + rules.length
    if now < ready_at:
        reasons.append(
            f"the first reading is of {facts.first_reading_at:%Y-%m-%d %H:%M} UTC: wait until {ready_at:%Y-%m-%d %H:%M} UTC"
        )
    expected = rules.length // timedelta(minutes=15)
    if facts.readings_present * 100 < expected * rules.present_percent:
        reasons.append(
            f"{facts.readings_present} of {expected} quarter-hours came, {rules.present_percent} % are asked for"
        )
    if facts.energy_wh <= 0:
        reasons.append("the register did not move: check that this is the register that counts, and its direction")
    reasons += [
        f"{count} readings or frames were refused as {reason} and nobody has resolved them"
        for reason, count in sorted(facts.open_refusals.items())
        if count and reason in DOUBTS
    ]
    if reasons:
        return NotPlausible(tuple(reasons))
    return Plausible(
        f"{facts.readings_present} of {expected} quarter-hours, {facts.energy_wh} Wh, nothing doubtful that is open"
    )
