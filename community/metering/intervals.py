"""Interval energies and gaps that follow from one more reading of a register.

A reading is looked at together with its neighbours, the accepted readings next before and next after it. What follows
depends on those three alone, so the final intervals and open gaps are the same in whatever order readings arrive.
"""

from dataclasses import dataclass
from datetime import datetime

from community.clock import QUARTER_HOUR, is_boundary
from community.units import WattHours


@dataclass(frozen=True, slots=True)
class RegisterPoint:
    """An accepted reading of one register: its measurement's id, the boundary instant, the count in Wh."""

    measurement_id: str
    at: datetime
    register_wh: int

    def __post_init__(self) -> None:
        if not is_boundary(self.at):
            raise ValueError(f"{self.at.isoformat()} is no quarter-hour boundary")
        if self.register_wh < 0:
            raise ValueError(f"a register cannot stand at {self.register_wh} Wh")


@dataclass(frozen=True, slots=True)
class IntervalEnergy:
    """Energy of the quarter-hour from `starts_at`, between two measurements at its ends."""

    starts_at: datetime
    energy_wh: WattHours
    from_measurement_id: str
    to_measurement_id: str
    quality: str = "measured"


@dataclass(frozen=True, slots=True)
class Gap:
    """[starts_at, ends_at) without a reading inside. Its total energy is exact, its course unknown."""

    starts_at: datetime
    ends_at: datetime
    energy_wh: WattHours

    def __post_init__(self) -> None:
        if self.ends_at - self.starts_at <= QUARTER_HOUR:
            raise ValueError("a gap is longer than one quarter-hour")


@dataclass(frozen=True, slots=True)
class IntervalPlan:
    """What a new reading changes. `gap_closed` is the one range that it split or filled."""

    intervals: tuple[IntervalEnergy, ...] = ()
    gaps_opened: tuple[Gap, ...] = ()
    gap_closed: tuple[datetime, datetime] | None = None


def energy_between(earlier: RegisterPoint, later: RegisterPoint, modulus_wh: int | None, factor: int) -> WattHours:
    """Energy from `earlier` to `later`: the difference of the register, over its wrap if it fell, times the factor.

    Raises ValueError if the register fell and is not known to wrap: such a reading must not have been accepted.
    """
    difference = later.register_wh - earlier.register_wh
    if difference < 0:
        if modulus_wh is None:
            raise ValueError(f"the register fell by {-difference} Wh and is not known to wrap")
        difference %= modulus_wh
    return WattHours(difference * factor)


def plan_intervals(
    before: RegisterPoint | None,
    new: RegisterPoint,
    after: RegisterPoint | None,
    *,
    modulus_wh: int | None = None,
    factor: int = 1,
) -> IntervalPlan:
    """The intervals, gaps and the closed gap that follow from `new` between its neighbours. Raises ValueError.

    Neighbours one quarter-hour apart give an interval; further apart, a gap with its total.
    """
    if (before is not None and before.at >= new.at) or (after is not None and after.at <= new.at):
        raise ValueError("neighbours must lie before and after the new reading")
    intervals: list[IntervalEnergy] = []
    gaps: list[Gap] = []
    for earlier, later in ((before, new), (new, after)):
        if earlier is None or later is None:
            continue
        energy = energy_between(earlier, later, modulus_wh, factor)
        if later.at - earlier.at == QUARTER_HOUR:
            intervals.append(IntervalEnergy(earlier.at, energy, earlier.measurement_id, later.measurement_id))
        else:
            gaps.append(Gap(earlier.at, later.at, energy))
    closed = None if before is None or after is None else (before.at, after.at)
    return IntervalPlan(tuple(intervals), tuple(gaps), closed)
