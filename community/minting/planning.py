"""Which energy of a source is issued next: pure planning on verified register readings.

A period never crosses a change of the share table, has energy above zero, and follows the last one without a hole:
registers are cumulative, so a late or missing reading only makes the next issuance larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from community.clock import QUARTER_HOUR, as_utc
from community.identity.identities import SettlementPeriod
from community.identity.shares import ShareTable
from community.units import WattHours

_LENGTHS = {SettlementPeriod.INTERVAL: QUARTER_HOUR, SettlementPeriod.HOUR: timedelta(hours=1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class VerifiedReading:
    """A measurement that was admitted: the count of one meter's register at an instant.

    `factor` is that of the transformers before the meter: the installation moved the count's difference times it.
    """

    measurement_id: str
    at: datetime
    register_wh: WattHours
    register_id: str
    factor: int = 1


@dataclass(frozen=True, slots=True)
class Cadence:
    """When a source settles: its period, in whose time zone days end, and whether the chain is cheap enough now.

    `cheap` counts only for the period `base_fee`: then what was read so far is settled, else the day is waited for.
    """

    period: SettlementPeriod = SettlementPeriod.INTERVAL
    zone: tzinfo = UTC
    cheap: bool = False

    @property
    def takes_all(self) -> bool:
        """Whether everything read so far is settled, without waiting for the end of a period."""
        return self.period is SettlementPeriod.BASE_FEE and self.cheap

    def end_after(self, start: datetime) -> datetime:
        """The end of the period that `start` lies in. Quarter-hours and hours in UTC; a day ends at local midnight."""
        if self.takes_all:
            return _NEVER
        length = _LENGTHS.get(self.period)
        if length is not None:
            return _EPOCH + ((start - _EPOCH) // length + 1) * length
        midnight = datetime.combine(start.astimezone(self.zone).date() + timedelta(days=1), time(0), self.zone)
        return midnight.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class SettledUpTo:
    """The register value and instant up to which a source's energy is issued; at first its opening values.

    `register_id` names the register; None where no issuance has told it yet: then it is the first reading's. `epoch`
    counts how often the source's register has begun anew; of one that has, `begins_at` is where the one before was
    settled, if time is open from there on.
    """

    register_wh: WattHours
    at: datetime
    register_id: str | None = None
    epoch: int = 0
    begins_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedPeriod:
    """The next issuance: the register's way from `from_wh` to the reading's, under one share table."""

    from_wh: WattHours
    reading: VerifiedReading
    period_start: datetime
    share_table: ShareTable
    epoch: int = 0

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
    cadence: Cadence,
    settled: SettledUpTo,
    readings: Sequence[VerifiedReading],
    share_tables: Sequence[ShareTable],
    nameplate_w: int,
) -> Plan:
    """The next issuance of a source from its verified `readings`, oldest first.

    Intervals without energy are passed over: they move the start of the period, not the register. A gap is issued
    whole, because its total is exact, unless the shares changed inside it. What exceeds the nameplate's power, as the
    issuer and the signer will reckon it, is issued together with the readings after it.
    """
    start, from_wh = as_utc(settled.begins_at or settled.at), settled.register_wh
    after, way_ends = _way_of_the_register(settled, [reading for reading in readings if reading.at > settled.at])
    while after:
        table = next((table for table in share_tables if table.is_valid_at(start)), None)
        if table is None:
            return PlanBlocked(f"No share table is valid for the interval from {start.isoformat()}: record one.")
        target = _target(_bound(cadence, start, table), after, cadence, closed=way_ends is not None)
        if target is None:
            return NothingToSettle()
        if target.register_wh > from_wh:
            return _issued_up_to(target, start, table, after, settled, nameplate_w)
        start = target.at
        after = [reading for reading in after if reading.at > start]
    return NothingToSettle() if way_ends is None else PlanBlocked(way_ends)


def power_ceiling_wh(nameplate_w: int, seconds: int) -> int:
    """The most that the issuer contract and the signer let a plant make in that time, in Wh."""
    return nameplate_w * seconds // 3600 + 1


def _issued_up_to(
    target: VerifiedReading,
    start: datetime,
    table: ShareTable,
    after: Sequence[VerifiedReading],
    settled: SettledUpTo,
    nameplate_w: int,
) -> Plan:
    """The issuance up to `target`, or up to the first later reading whose energy fits under the nameplate's power."""
    ends_at = table.valid_to
    if ends_at is not None and target.at > ends_at:
        return PlanBlocked(
            f"The shares changed at {ends_at.isoformat()}, inside a gap from {start.isoformat()} to "
            f"{target.at.isoformat()}: energy on both sides is only known together."
        )
    for reading in after:
        seconds = int((reading.at - settled.at).total_seconds())
        fits = reading.register_wh - settled.register_wh <= power_ceiling_wh(nameplate_w, seconds)
        if fits and reading.at >= target.at and (ends_at is None or reading.at <= ends_at):
            return PlannedPeriod(settled.register_wh, reading, start, table, settled.epoch)
    return PlanBlocked(
        f"{target.register_wh - settled.register_wh} Wh up to {target.at.isoformat()} are more than {nameplate_w} W can "
        "make since the last settlement. They wait for readings with which the average fits under the same shares; if "
        "none comes, compare the plant's nameplate power with what stands on chain."
    )


def _way_of_the_register(
    settled: SettledUpTo, after: Sequence[VerifiedReading]
) -> tuple[list[VerifiedReading], str | None]:
    """The readings that go on from the settled one on the same register, and why they end where they do."""
    register_id, last_wh = settled.register_id, settled.register_wh
    way: list[VerifiedReading] = []
    for reading in after:
        when = reading.at.isoformat()
        register_id = register_id or reading.register_id
        if reading.register_id != register_id:
            return way, (
                f"From {when} on another meter's register counts than the one settled up to {last_wh} Wh: their "
                "difference is no energy. Record the exchange (`python -m ingest meter exchange`), then begin the new "
                "register: `python -m settlement epoch` says what that needs."
            )
        if reading.factor != 1:
            return way, (
                f"The meter stands behind transformers with factor {reading.factor}, but the contract mints what the "
                "signed register itself counts: the source needs a register of primary energy."
            )
        if reading.register_wh < last_wh:
            return way, (
                f"The register fell from {last_wh} to {reading.register_wh} Wh at {when}: it started anew or the meter "
                "is wrong. Check it; what follows needs a new configuration of the source."
            )
        last_wh = reading.register_wh
        way.append(reading)
    return way, None


def _bound(cadence: Cadence, start: datetime, table: ShareTable) -> datetime:
    """The end of the settlement period that `start` lies in, or of the share table if that is sooner."""
    end = cadence.end_after(start)
    return end if table.valid_to is None else min(end, table.valid_to)


def _target(
    bound: datetime, after: Sequence[VerifiedReading], cadence: Cadence, *, closed: bool
) -> VerifiedReading | None:
    """The reading to settle up to: the last one within the bound once it is reached; the end of a gap over it.

    `closed`: nothing can follow the last reading on this register, so its period waits for nothing.
    """
    within = [reading for reading in after if reading.at <= bound]
    if not within:
        return after[0]
    waits_for_nothing = closed or cadence.takes_all or cadence.period is SettlementPeriod.INTERVAL
    return within[-1] if waits_for_nothing or after[-1].at >= bound else None
