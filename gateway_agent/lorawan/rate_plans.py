"""What a device sends at each data rate (wire-format 2.4), and which waiting readings go under one signature."""

from collections.abc import Sequence
from dataclasses import dataclass

from community.attestation.lora_frame_readings import SPAN_MAX
from community.attestation.statement import SlotReading

STATEMENT_SPAN_MAX = 96
"""A day."""


@dataclass(frozen=True, slots=True)
class RatePlan:
    """Numbers of quarter-hours."""

    readings: int
    """New ones in each frame."""
    statement: int
    """Under one signature."""
    shown: int
    """In each frame at most, those sent before included: what one frame lost takes along is in the next one."""
    shown_least: int
    """As many in any case; the others only where they cost no further block of symbols."""
    readings_when_tight: int
    """New ones in each frame while loss and repair have used up two thirds of the day's airtime."""


RATE_PLANS = (
    RatePlan(12, 96, 12, 12, 16),
    RatePlan(8, 96, 8, 8, 12),
    RatePlan(4, 96, 8, 8, 6),
    RatePlan(4, 24, 8, 8, 6),
    RatePlan(2, 8, 8, 6, 4),
    RatePlan(1, 4, 8, 5, 2),
)


def due_statements(unsigned: Sequence[SlotReading], plan: RatePlan, slot_now: int) -> list[list[SlotReading]]:
    """Which of `unsigned` (oldest first) are to be signed now, one list per statement.

    A statement ends at the plan's boundary of the UTC day. It is cut where frames could not say what lies between:
    at a gap longer than a frame covers, and where a register fell.
    """
    boundary = (slot_now + 1) // plan.statement * plan.statement
    groups: list[list[SlotReading]] = []
    for reading in unsigned:
        if reading.slot >= boundary:
            break
        if groups and _together(groups[-1], reading):
            groups[-1].append(reading)
        else:
            groups.append([reading])
    return groups


def _together(group: list[SlotReading], reading: SlotReading) -> bool:
    last = group[-1]
    return (
        reading.slot // STATEMENT_SPAN_MAX == group[0].slot // STATEMENT_SPAN_MAX
        and reading.slot - last.slot < SPAN_MAX
        and len(reading.registers) == len(last.registers)
        and all(new >= old for new, old in zip(reading.registers, last.registers, strict=True))
    )
