"""Which energy of a source is issued next: pure planning on verified register readings.

A period never crosses a change of the share table, has energy above zero, and follows the last one without a hole:
registers are cumulative, so a late or missing reading only makes the next issuance larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from community.clock import QUARTER_HOUR, as_utc
from community.identity.identities import SettlementPeriod
from community.identity.shares import ShareTable
from community.units import WattHours

_LENGTHS = {
    SettlementPeriod.INTERVAL: QUARTER_HOUR,
    SettlementPeriod.HOUR: timedelta(hours=1),
    SettlementPeriod.DAY: timedelta(days=1),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class VerifiedReading:
    """A measurement that was admitted: the register at an instant."""

    measurement_id: str
    at: datetime
    register_wh: WattHours


@dataclass(frozen=True, slots=True)
class SettledUpTo:
    """The register value and instant up to which a source's energy is issued; at first its opening values."""

    register_wh: WattHours
    at: datetime


@dataclass(frozen=True, slots=True)
class PlannedPeriod:
    """The next issuance: the register's way from `from_wh` to the reading's, under one share table."""

    from_wh: WattHours
    reading: VerifiedReading
    period_start: datetime
    share_table: ShareTable

    @property
    def energy_wh(self) -> WattHours:
        return WattHours(self.reading.register_wh - self.from_wh)


@dataclass(frozen=True, slots=True)
class NothingToSettle:
    """No closed period has energy yet."""


@dataclass(frozen=True, slots=True)
class PlanBlocked:
    """Going on would be a guess; a person must decide. `reason` is a sentence for him."""

    reason: str


Plan = PlannedPeriod | NothingToSettle | PlanBlocked


def plan_next(
    period: SettlementPeriod,
    settled: SettledUpTo,
    readings: Sequence[VerifiedReading],
    share_tables: Sequence[ShareTable],
) -> Plan:
    """The next issuance of a source from its verified `readings`, oldest first.

    Intervals without energy are passed over: they move the start of the period, not the register. A gap is issued
    whole, because its total is exact, unless the shares changed inside it.
    """
    start, from_wh = as_utc(settled.at), settled.register_wh
    after = [reading for reading in readings if reading.at > start]
    while after:
        table = next((table for table in share_tables if table.is_valid_at(start)), None)
        if table is None:
            return PlanBlocked(f"No share table is valid for the interval from {start.isoformat()}: record one.")
        target = _target(_bound(period, start, table), after, period)
        if target is None:
            return NothingToSettle()
        if table.valid_to is not None and target.at > table.valid_to:
            return PlanBlocked(
                f"The shares changed at {table.valid_to.isoformat()}, inside a gap from {start.isoformat()} to "
                f"{target.at.isoformat()}: energy on both sides is only known together."
            )
        if target.register_wh < from_wh:
            return PlanBlocked(
                f"The register fell from {from_wh} to {target.register_wh} Wh at {target.at.isoformat()}: "
                "check the meter; an exchange needs a new configuration of the source."
            )
        if target.register_wh > from_wh:
            return PlannedPeriod(from_wh, target, start, table)
        start = target.at
        after = [reading for reading in after if reading.at > start]
    return NothingToSettle()


def _bound(period: SettlementPeriod, start: datetime, table: ShareTable) -> datetime:
    """The end of the settlement period that `start` lies in (UTC grid), or of the share table if that is sooner."""
    length = _LENGTHS[period]
    end = _EPOCH + ((start - _EPOCH) // length + 1) * length
    return end if table.valid_to is None else min(end, table.valid_to)


def _target(bound: datetime, after: Sequence[VerifiedReading], period: SettlementPeriod) -> VerifiedReading | None:
    """The reading to settle up to: the last one within the bound once it is reached; the end of a gap over it."""
    within = [reading for reading in after if reading.at <= bound]
    if not within:
        return after[0]
    closed = period is SettlementPeriod.INTERVAL or after[-1].at >= bound
    return within[-1] if closed else None
