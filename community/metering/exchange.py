"""Energy across a meter exchange: what the old register still counted and what the new one has counted since.

Neither register alone knows it. The record of the exchange says where the old one ended and the new one began, so
nothing is interpolated; an interval that follows from it is `calculated`, not measured.
"""

from dataclasses import dataclass
from datetime import datetime

from community.clock import QUARTER_HOUR, as_utc
from community.metering.intervals import Gap, IntervalEnergy, RegisterPoint
from community.metering.plausibility import RegisterLimits
from community.units import WattHours

CALCULATED = "calculated"


@dataclass(frozen=True, slots=True)
class MeterExchange:
    """At `at` the old meter's register stood at `final_wh` and the new one's at `initial_wh`, as somebody read them off.

    The factors are those of the transformers in front of each; `old_modulus_wh` is where the old register wraps.
    Raises ValueError for values that no register can show.
    """

    at: datetime
    final_wh: int
    initial_wh: int
    old_modulus_wh: int | None = None
    old_factor: int = 1
    new_factor: int = 1

    def __post_init__(self) -> None:
        as_utc(self.at)
        if self.final_wh < 0 or self.initial_wh < 0:
            raise ValueError("a register cannot stand below zero at an exchange")
        if self.old_modulus_wh is not None and self.final_wh >= self.old_modulus_wh:
            raise ValueError(f"a register that wraps at {self.old_modulus_wh} Wh cannot end at {self.final_wh} Wh")
        if self.old_factor < 1 or self.new_factor < 1:
            raise ValueError("a transformer factor is at least 1")


@dataclass(frozen=True, slots=True)
class ExchangePlan:
    """What follows from the last reading before an exchange and the first after it: an interval, a gap, or neither."""

    interval: IntervalEnergy | None = None
    gap: Gap | None = None


def energy_across(before: RegisterPoint, exchange: MeterExchange, after: RegisterPoint) -> WattHours:
    """(final - before) x old factor + (after - initial) x new factor: exact, whatever lies between.

    `before` is of the old register and not later than the exchange, `after` of the new one and not earlier. The old
    register may have wrapped on its last stretch; the new one, fresh, may not.
    Raises ValueError if either register would have run backwards, or if the readings lie on the wrong sides.
    """
    if before.at > exchange.at or after.at < exchange.at:
        raise ValueError("the readings must lie on either side of the exchange")
    old_wh = exchange.final_wh - before.register_wh
    if old_wh < 0:
        if exchange.old_modulus_wh is None:
            raise ValueError(f"the old register ended {-old_wh} Wh below its last reading")
        old_wh %= exchange.old_modulus_wh
    new_wh = after.register_wh - exchange.initial_wh
    if new_wh < 0:
        raise ValueError(f"the new register stands {-new_wh} Wh below where it began")
    return WattHours(old_wh * exchange.old_factor + new_wh * exchange.new_factor)


def plan_exchange(before: RegisterPoint, exchange: MeterExchange, after: RegisterPoint) -> ExchangePlan:
    """The interval that the exchange lies in, if the readings are a quarter-hour apart, else the gap. Raises ValueError.

    Two readings of one instant, one of each meter, leave nothing between them.
    """
    energy = energy_across(before, exchange, after)
    length = after.at - before.at
    if not length:
        return ExchangePlan()
    if length == QUARTER_HOUR:
        return ExchangePlan(
            interval=IntervalEnergy(before.at, energy, before.measurement_id, after.measurement_id, CALCULATED)
        )
    return ExchangePlan(gap=Gap(before.at, after.at, energy))


def fits_exchange(
    value_wh: int, at: datetime, exchange_at: datetime, register_wh: int, limits: RegisterLimits, *, old: bool
) -> bool:
    """Whether a reading can stand on its side of an exchange at which its register stood at `register_wh`.

    `old` says that it is the old register, which ran on from the reading to the exchange; the new one ran from the
    exchange to the reading. A quarter-hour is allowed for, since the exchange's own time is a person's.
    """
    run_wh = register_wh - value_wh if old else value_wh - register_wh
    if run_wh < 0 and old and limits.modulus_wh is not None:
        run_wh %= limits.modulus_wh
    between = abs(int((exchange_at - at).total_seconds())) + int(QUARTER_HOUR.total_seconds())
    return run_wh >= 0 and limits.allow(run_wh, between)
