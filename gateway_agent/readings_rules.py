"""The checks between a reading and its statement, pure: what is noticed, and what waits in quarantine.

A check sets a flag and drops nothing. Only a register that falls is held back: the reading waits until the next two agree
with it (then the meter was replaced or set back, a reset) or until the registers are back (then it was a spike).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from community.attestation.statement import OFFSET_UNKNOWN_S, ReadingStatus
from community.clock import QUARTER_HOUR_S
from gateway_agent.reading import ReadingFlag, RegisterReading

LATE_S = 60
AGREEING = 3
"""The reading that fell and the next two."""
_WS_IN_WH = 3600

EventKind = Literal[
    "gap",
    "register_fell",
    "reset",
    "spike",
    "meter_changed",
    "clock_went_back",
    "restored",
    "counter_jumped",
    "spool_full",
]


@dataclass(frozen=True, slots=True)
class ReadingEvent:
    """Something a person should know about the readings, kept in the spool."""

    kind: EventKind
    slot: int
    detail: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What the connection can carry; None where nobody said."""

    max_power_w: int | None = None

    def __post_init__(self) -> None:
        if self.max_power_w is not None and self.max_power_w <= 0:
            raise ValueError(f"a connection of {self.max_power_w} W carries nothing; give the fuse's power in watts")


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the readings at hand, all of it in one step."""

    accepted: tuple[RegisterReading, ...] = ()
    held: tuple[RegisterReading, ...] = ()
    """Everything that waits from now on."""
    refused: tuple[RegisterReading, ...] = ()
    """Kept, and never signed."""
    events: tuple[ReadingEvent, ...] = ()


def status_of(flags: ReadingFlag) -> int:
    """The status byte that is signed (wire-format 2.2), of the flags that are not."""
    status = ReadingStatus.READ_OK
    unsure = ReadingFlag.METER_CLOCK_WRONG | ReadingFlag.HOST_CLOCK_UNSYNCHRONISED | ReadingFlag.HOST_CLOCK_WENT_BACK
    if flags & unsure:
        status |= ReadingStatus.CLOCK_UNSYNCHRONISED
    if flags & (ReadingFlag.METER_ERROR | ReadingFlag.RESET):
        status |= ReadingStatus.METER_ERROR
    if ReadingFlag.CASE_OPENED in flags:
        status |= ReadingStatus.CASE_OPENED
    if ReadingFlag.POWER_FAILED in flags:
        status |= ReadingStatus.POWER_FAILED
    return int(status)


def differences(before: RegisterReading | None, reading: RegisterReading, limits: Limits) -> ReadingFlag:
    """What is noticed about `reading` beside the one `before` it."""
    flags = ReadingFlag(0)
    if before is None:
        return flags
    if before.meter_serial != reading.meter_serial:
        flags |= ReadingFlag.METER_CHANGED
    elif (
        before.invocation_counter is not None
        and reading.invocation_counter is not None
        and reading.invocation_counter <= before.invocation_counter
    ):
        flags |= ReadingFlag.COUNTER_NOT_RISING
    if reading.frame_sha256 is not None and reading.frame_sha256 == before.frame_sha256:
        flags |= ReadingFlag.DUPLICATE_FRAME
    if fell(before, reading):
        flags |= ReadingFlag.REGISTER_FELL
    if any(old > 0 and new == 0 for old, new in zip(before.registers, reading.registers, strict=True)):
        flags |= ReadingFlag.ZERO_AFTER_NONZERO
    if too_fast(before, reading, limits):
        flags |= ReadingFlag.TOO_FAST
    if _units(before) != _units(reading):
        flags |= ReadingFlag.UNIT_CHANGED
    if before.resolution_wh != reading.resolution_wh:
        flags |= ReadingFlag.RESOLUTION_CHANGED
    return flags


def fell(before: RegisterReading, reading: RegisterReading) -> bool:
    """Whether any register is lower than before."""
    return any(new < old for old, new in zip(before.registers, reading.registers, strict=True))


def too_fast(before: RegisterReading, reading: RegisterReading, limits: Limits) -> bool:
    """Whether any register rose by more than the greatest power can bring in the time between.

    A register that counts in steps may show one step too much; an unknown offset may hide a minute.
    """
    if limits.max_power_w is None:
        return False
    elapsed_s = (reading.slot - before.slot) * QUARTER_HOUR_S
    if OFFSET_UNKNOWN_S in (before.off_s, reading.off_s):
        elapsed_s += LATE_S
    else:
        elapsed_s += reading.off_s - before.off_s
    step_wh = max(before.resolution_wh, reading.resolution_wh) - 1
    return any(
        (new - old - step_wh) * _WS_IN_WH > limits.max_power_w * elapsed_s
        for old, new in zip(before.registers, reading.registers, strict=True)
    )


def decide(
    last: RegisterReading | None, held: Sequence[RegisterReading], reading: RegisterReading, limits: Limits
) -> Decision:
    """What becomes of `reading`, and of those `held` since a register fell. `last` is the newest that was accepted."""
    reading = _flagged(held[-1] if held else last, reading, limits)
    changed = _changed_event(last, reading)
    if last is None or (not held and not fell(last, reading)):
        return Decision(accepted=(reading,), events=changed)
    if not held:
        return Decision(held=(reading,), events=(*changed, _event("register_fell", reading, last)))
    agrees = not fell(held[-1], reading) and not too_fast(held[-1], reading, limits)
    is_back = last.meter_serial == reading.meter_serial and not fell(last, reading)
    if is_back and (not agrees or not too_fast(last, reading, limits)):
        # What the held ones showed does not count: the reading stands beside the last one that does.
        own = reading.flags & ~_COMPARED
        reading = _flagged(last, replace(reading, flags=own), limits)
        return Decision(
            accepted=(reading,),
            refused=tuple(held),
            events=(_event("spike", held[0], last),),
        )
    if not agrees:
        reading = _flagged(last, reading, limits)
        return Decision(held=(reading,), refused=tuple(held), events=(_event("register_fell", reading, last),))
    waiting = (*held, reading)
    if len(waiting) < AGREEING:
        return Decision(held=waiting)
    first = with_flags(waiting[0], waiting[0].flags | ReadingFlag.RESET)
    return Decision(accepted=(first, *waiting[1:]), events=(_event("reset", first, last),))


_COMPARED = (
    ReadingFlag.COUNTER_NOT_RISING
    | ReadingFlag.DUPLICATE_FRAME
    | ReadingFlag.REGISTER_FELL
    | ReadingFlag.ZERO_AFTER_NONZERO
    | ReadingFlag.TOO_FAST
    | ReadingFlag.UNIT_CHANGED
    | ReadingFlag.RESOLUTION_CHANGED
    | ReadingFlag.METER_CHANGED
)


def with_flags(reading: RegisterReading, flags: ReadingFlag) -> RegisterReading:
    """`reading` with `flags` and the status byte that follows from them."""
    return replace(reading, flags=flags, status=status_of(flags))


def drift_ppm(points: Sequence[tuple[int, int]]) -> int | None:
    """How fast the meter's clock runs away from ours, in parts per million, positive = too fast.

    `points` are (slot, meter's time minus ours in seconds), the line through them by least squares. None where they
    span less than a day: whole seconds say nothing about less.
    """
    if len(points) < 2 or (max(points)[0] - min(points)[0]) * QUARTER_HOUR_S < 86_400:
        return None
    count = len(points)
    times = [slot * QUARTER_HOUR_S for slot, _ in points]
    skews = [skew for _, skew in points]
    total_t, total_s = sum(times), sum(skews)
    over = sum((count * t - total_t) * (count * s - total_s) for t, s in zip(times, skews, strict=True))
    under = sum((count * t - total_t) ** 2 for t in times)
    return round(over * 1_000_000 / under)


def _flagged(before: RegisterReading | None, reading: RegisterReading, limits: Limits) -> RegisterReading:
    return with_flags(reading, reading.flags | differences(before, reading, limits))


def _units(reading: RegisterReading) -> list[str]:
    """The scaler is no part of it: that of a float follows its value, and a coarser one shows in the resolution."""
    return [each.unit for each in reading.raw] or ["Wh"] * len(reading.registers)


def _changed_event(last: RegisterReading | None, reading: RegisterReading) -> tuple[ReadingEvent, ...]:
    if last is None or ReadingFlag.METER_CHANGED not in reading.flags:
        return ()
    detail = f"meter {reading.meter_serial or '?'} where {last.meter_serial or '?'} was"
    return (ReadingEvent("meter_changed", reading.slot, detail),)


def _event(kind: EventKind, reading: RegisterReading, last: RegisterReading) -> ReadingEvent:
    return ReadingEvent(kind, reading.slot, f"{list(last.registers)} Wh, then {list(reading.registers)} Wh")
