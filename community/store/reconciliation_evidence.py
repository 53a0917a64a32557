"""Stored readings, intervals and share tables beside what they must agree with: their own evidence."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from community.attestation.statement import MalformedStatement, SignedStatement, parse_cose_sign1
from community.clock import QUARTER_HOUR
from community.metering.intervals import RegisterPoint, energy_between
from community.reconciliation.facts import AlteredInterval, AlteredReading, ShareTableFacts
from community.reconciliation.proofs import signed_wh
from community.store.reconciliation_facts import VERIFIED, newest_revisions
from community.store.statements import path_of
from community.store.tables.identity import DeviceKeyRow, EnergySourceRow, ShareRow, ShareTableRow
from community.store.tables.measuring import IntervalRow, MeasurementRow, StatementRow
from community.store.tables.metering import InstallationRow, MeteringPointRow, RegisterRow
from community.store.unit_of_work import Work

_FETCHED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class StoredShareTable:
    """A share table with the keys (SEC1) of the devices at its source: one of them is part of what was committed."""

    facts: ShareTableFacts
    public_keys: tuple[bytes, ...]


async def altered_readings(work: Work, known_at: datetime) -> tuple[AlteredReading, ...]:
    """Readings of the sources' registers that their device-signed statement contradicts."""
    measurement, statement = MeasurementRow, StatementRow
    columns: tuple[Any, ...] = (
        col(EnergySourceRow.identity_id), col(RegisterRow.obis), col(measurement.id), col(measurement.at),
        col(measurement.register_wh), col(measurement.leaf_index), col(measurement.leaf_input),
        col(measurement.leaf_path), col(statement.leaves), col(statement.signed),
    )  # fmt: skip
    asked = (
        select(*columns)
        .join(InstallationRow, col(InstallationRow.metering_point_id) == col(EnergySourceRow.metering_point_id))
        .join(measurement, col(measurement.installation_id) == col(InstallationRow.id))
        .join(
            RegisterRow,
            (col(RegisterRow.id) == col(measurement.register_id))
            & (col(RegisterRow.meter_id) == col(InstallationRow.meter_id)),
        )
        .join(statement, col(statement.digest) == col(measurement.statement_digest))
        .where(col(statement.format) == "ecw1", col(measurement.recorded_at) <= known_at)
        .order_by(col(measurement.statement_digest), col(measurement.at))
        .execution_options(yield_per=_FETCHED_AT_ONCE)
    )
    found = []
    async for source_id, obis, name, at, stored_wh, index, leaf, path, leaves, signed in await work.session.stream(
        asked
    ):
        parsed = _parsed(signed)
        proven = (
            None
            if parsed is None or leaf is None
            else signed_wh(parsed, obis, leaf, index, path_of(path, leaves, index))
        )
        if proven != stored_wh:
            found.append(AlteredReading(source_id, name, at, stored_wh, proven))
    return tuple(sorted(found, key=lambda one: (one.source_id, one.at)))


@lru_cache(maxsize=4)
def _parsed(signed: bytes) -> SignedStatement | None:
    """The statement of these bytes. Readings come in its order, so a few are enough to keep."""
    try:
        return parse_cose_sign1(signed)
    except MalformedStatement:
        return None


async def altered_intervals(work: Work, known_at: datetime) -> tuple[AlteredInterval, ...]:
    """Verified intervals of the sources, in their latest revision, that are not the difference of their two readings."""
    newest = newest_revisions(known_at)
    start: Any = aliased(MeasurementRow)
    end: Any = aliased(MeasurementRow)
    columns: tuple[Any, ...] = (
        col(EnergySourceRow.identity_id), col(IntervalRow.starts_at), col(IntervalRow.energy_wh),
        start.id, start.at, start.register_wh, start.register_id,
        end.id, end.at, end.register_wh, end.register_id,
        col(RegisterRow.modulus_wh), col(InstallationRow.factor),
    )  # fmt: skip
    asked = (
        select(*columns)
        .join(EnergySourceRow, col(EnergySourceRow.metering_point_id) == col(IntervalRow.metering_point_id))
        .join(newest, newest.c.id == col(IntervalRow.id))
        .join(start, start.id == col(IntervalRow.from_measurement_id))
        .join(end, end.id == col(IntervalRow.to_measurement_id))
        .join(RegisterRow, col(RegisterRow.id) == end.register_id)
        .join(InstallationRow, col(InstallationRow.id) == end.installation_id)
        .where(col(IntervalRow.quality) == VERIFIED[0])
        .order_by(col(EnergySourceRow.identity_id), col(IntervalRow.starts_at))
        .execution_options(yield_per=_FETCHED_AT_ONCE)
    )
    found = []
    async for row in await work.session.stream(asked):
        source_id, starts_at, stored_wh, *points, modulus_wh, factor = row
        if points[3] != points[7]:
            continue  # across a meter exchange the record of the exchange counts
        try:
            earlier, later = RegisterPoint(*points[:3]), RegisterPoint(*points[4:7])
            registers_wh = int(energy_between(earlier, later, modulus_wh, factor))
        except ValueError:
            registers_wh = points[6] - points[2]
        if registers_wh != stored_wh:
            found.append(AlteredInterval(source_id, starts_at, stored_wh, registers_wh))
    return tuple(found) + await _missing_intervals(work, known_at)


async def _missing_intervals(work: Work, known_at: datetime) -> tuple[AlteredInterval, ...]:
    """Quarter-hours with a reading at both ends and no interval, which intake writes together with the second one."""
    measurement, interval = MeasurementRow, IntervalRow
    stored = exists().where(
        col(interval.metering_point_id) == col(EnergySourceRow.metering_point_id),
        col(interval.starts_at) == col(measurement.at),
    )
    columns: tuple[Any, ...] = (
        col(EnergySourceRow.identity_id), col(measurement.register_id), col(measurement.at), col(measurement.register_wh),
        stored,
    )  # fmt: skip
    readings = (
        select(*columns)
        .join(MeteringPointRow, col(MeteringPointRow.id) == col(EnergySourceRow.metering_point_id))
        .join(InstallationRow, col(InstallationRow.metering_point_id) == col(MeteringPointRow.id))
        .join(measurement, col(measurement.installation_id) == col(InstallationRow.id))
        .join(RegisterRow, col(RegisterRow.id) == col(measurement.register_id))
        .where(
            col(RegisterRow.meter_id) == col(InstallationRow.meter_id),
            col(RegisterRow.obis) == col(MeteringPointRow.settled_obis),
            col(measurement.recorded_at) <= known_at,
            col(measurement.at) >= col(EnergySourceRow.opening_at),
        )
        .order_by(col(EnergySourceRow.identity_id), col(measurement.register_id), col(measurement.at))
        .execution_options(yield_per=_FETCHED_AT_ONCE)
    )
    missing, before = [], None
    async for source_id, register_id, at, register_wh, has_interval in await work.session.stream(readings):
        here = (source_id, register_id, at, register_wh, has_interval)
        neighbours = before is not None and before[:2] == here[:2] and at - before[2] == QUARTER_HOUR
        if before is not None and neighbours and not before[4]:
            missing.append(AlteredInterval(source_id, before[2], None, register_wh - before[3]))
        before = here
    return tuple(missing)


async def share_tables(work: Work, known_at: datetime) -> tuple[StoredShareTable, ...]:
    """Every revision of every source's share register, with the device keys that may be committed with it."""
    table, share = ShareTableRow, ShareRow
    held: dict[str, list[tuple[str, int]]] = {}
    asked = select(col(share.share_table_id), col(share.address), col(share.share_count)).order_by(
        col(share.share_table_id), col(share.position)
    )
    for table_id, address, count in await work.session.execute(asked):
        held.setdefault(table_id, []).append((address.lower(), count))
    keys: dict[str, list[bytes]] = {}
    of_devices = (
        select(col(EnergySourceRow.identity_id), col(DeviceKeyRow.public_key))
        .join(InstallationRow, col(InstallationRow.metering_point_id) == col(EnergySourceRow.metering_point_id))
        .join(DeviceKeyRow, col(DeviceKeyRow.device_id) == col(InstallationRow.device_id))
        .order_by(col(DeviceKeyRow.valid_from))
    )
    for source_id, public_key in await work.session.execute(of_devices):
        keys.setdefault(source_id, []).append(public_key)
    rows = select(table).where(col(table.recorded_at) <= known_at).order_by(col(table.source_id), col(table.revision))
    return tuple(
        StoredShareTable(
            ShareTableFacts(
                row.id, row.source_id, row.share_total, tuple(held.get(row.id, ())), row.config_hash.lower(), None,
                row.valid_from, row.recorded_at, row.valid_to,
            ),
            tuple(dict.fromkeys(keys.get(row.source_id, ()))),
        )
        for row in (await work.session.execute(rows)).scalars()
    )  # fmt: skip
