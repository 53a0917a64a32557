"""Supplements on the supplementary register: a counter of what documents prove beyond a plant's meter. Pure.

The n-th supplement moves the register from the sum of those before it to the sum with it, at the instant it was recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from community.minting.corrections import Correction
from community.units import WattHours


@dataclass(frozen=True, slots=True)
class SupplementStep:
    """One supplement's way of the supplementary register, and the whole second at which it counts as read."""

    correction: Correction
    from_wh: WattHours
    to_wh: WattHours
    begins_at: datetime
    read_at: datetime


def supplement_steps(opened_at: datetime, supplements: Sequence[Correction]) -> list[SupplementStep]:
    """The way of the register through `supplements`, oldest first. Instants rise by at least a second, as on chain."""
    steps: list[SupplementStep] = []
    register, at = WattHours(0), opened_at
    for one in supplements:
        read_at = max(one.recorded_at.replace(microsecond=0), at.replace(microsecond=0) + timedelta(seconds=1))
        after = WattHours(register + one.energy_wh)
        steps.append(SupplementStep(one, register, after, at, read_at))
        register, at = after, read_at
    return steps
