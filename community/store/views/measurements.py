"""Measurements with what proves them, and the energy of quarter-hours in columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from community.attestation.statement import is_boundary_inexact
from community.clock import QUARTER_HOUR, QUARTER_HOUR_S, as_utc, slot_at, slot_start
from community.errors import CommunityError
from community.store.revocations import signed_after_revocation
from community.store.tables.identity import DeviceKeyRow
from community.store.tables.measuring import IntervalRow, MeasurementRow, StatementRow
from community.store.tables.metering import InstallationRow, RegisterRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows
from community.store.views.scope import Scope
from community.units import WattHours

SERIES_MAX = timedelta(days=40)
OF_STATEMENTS_MAX = 50_000


class SeriesTooLong(CommunityError):
    """More quarter-hours were asked for than one answer holds."""


@dataclass(frozen=True, slots=True)
class MeasurementView:
    id: str
    metering_point_id: str
    device_id: str
    register_id: str
    obis: str
    at: datetime
    register_wh: WattHours
    read_offset_s: int
    status: int
    evidence_mode: str
    statement_digest: str
    leaf_index: int
    recorded_at: datetime
    suspect: bool = False
    """Whether the key that signed it was revoked from an instant at or before the reading's."""
    boundary_inexact: bool = False
    """Whether it is not known to have been read at its quarter-hour's boundary (MEA-9)."""


@dataclass(frozen=True, slots=True)
class StatementView:
    digest: str
    device_id: str
    key_number: int
    kid: str
    public_key: bytes
    development_key: bool
    counter: int
    format: str
    first_at: datetime
    reading_count: int
    signed: bytes
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class SeriesView:
    """Energy by quarter-hour from `start`, one entry each; None and "missing" where nothing is known."""

    metering_point_id: str
    start: datetime
    step_s: int
    energy_wh: tuple[WattHours | None, ...]
    quality: tuple[str, ...]


def _statement(scope: Scope) -> Any:
    row = MeasurementRow
    return (
        select_rows(
            row,
            InstallationRow.metering_point_id,
            RegisterRow.obis,
            signed_after_revocation().label("suspect"),
            col(row.at).label("key_at"),
            col(row.id).label("key"),
        )
        .join(InstallationRow, col(InstallationRow.id) == col(row.installation_id))
        .join(RegisterRow, col(RegisterRow.id) == col(row.register_id))
        .join(StatementRow, col(StatementRow.digest) == col(row.statement_digest))
        .join(DeviceKeyRow, col(DeviceKeyRow.id) == col(StatementRow.device_key_id))
        .where(scope.metering_points(col(InstallationRow.metering_point_id)))
    )


def _view(row: Any) -> MeasurementView:
    each = row[0]
    return MeasurementView(
        id=each.id,
        metering_point_id=row[1],
        device_id=each.device_id,
        register_id=each.register_id,
        obis=row[2],
        at=each.at,
        register_wh=WattHours(each.register_wh),
        read_offset_s=each.off_s,
        status=each.status,
        evidence_mode=each.evidence_mode,
        statement_digest=each.statement_digest,
        leaf_index=each.leaf_index,
        recorded_at=each.recorded_at,
        suspect=bool(row[3]),
        boundary_inexact=is_boundary_inexact(each.off_s, each.status),
    )


async def page(
    work: Work,
    scope: Scope,
    metering_point_id: str,
    *,
    since: datetime | None,
    until: datetime | None,
    first: int,
    after: str | None,
) -> Page[MeasurementView]:
    """Measurements of a metering point with `since <= at < until`, newest first."""
    row = MeasurementRow
    statement = _statement(scope).where(col(InstallationRow.metering_point_id) == metering_point_id)
    if since is not None:
        statement = statement.where(col(row.at) >= since)
    if until is not None:
        statement = statement.where(col(row.at) < until)
    return await fetch_page(work, statement, Keyset((col(row.at), col(row.id)), (datetime, str)), _view, first, after)


async def suspect_page(work: Work, scope: Scope, first: int, after: str | None) -> Page[MeasurementView]:
    """Readings that were signed by a key from the instant on from which it is not believed, newest first."""
    statement = _statement(scope).where(signed_after_revocation())
    keyset = Keyset((col(MeasurementRow.at), col(MeasurementRow.id)), (datetime, str))
    return await fetch_page(work, statement, keyset, _view, first, after)


async def by_ids(work: Work, scope: Scope, ids: Sequence[str]) -> dict[str, MeasurementView]:
    """The measurements among `ids` that the asker may see."""
    rows = await work.session.execute(_statement(scope).where(col(MeasurementRow.id).in_(ids)))
    return {row[0].id: _view(row) for row in rows}


async def of_statements(work: Work, scope: Scope, digests: Sequence[str]) -> dict[str, list[MeasurementView]]:
    """The readings of statements that the asker may see, by statement and time."""
    row = MeasurementRow
    statement = _statement(scope).where(col(row.statement_digest).in_(digests))
    found: dict[str, list[MeasurementView]] = {}
    for each in await work.session.execute(statement.order_by(col(row.at), col(row.id)).limit(OF_STATEMENTS_MAX)):
        view = _view(each)
        found.setdefault(view.statement_digest, []).append(view)
    return found


async def statements(work: Work, digests: Sequence[str]) -> dict[str, StatementView]:
    """Statements by digest, each with the key it verifies under. Reach them through a measurement that may be seen."""
    statement = (
        select(StatementRow, DeviceKeyRow)
        .join(DeviceKeyRow, col(DeviceKeyRow.id) == col(StatementRow.device_key_id))
        .where(col(StatementRow.digest).in_(digests))
    )
    return {
        row.digest: StatementView(
            digest=row.digest,
            device_id=row.device_id,
            key_number=row.keyno,
            kid=key.kid,
            public_key=key.public_key,
            development_key=key.development_key,
            counter=row.ctr,
            format=row.format,
            first_at=row.first_at,
            reading_count=row.reading_count,
            signed=row.signed,
            recorded_at=row.recorded_at,
        )
        for row, key in await work.session.execute(statement)
    }


def _rests_on_a_revoked_key() -> Any:
    """Whether an interval begins or ends at a suspect reading: its row stays as it is, what it is worth does not."""
    measurement, interval = aliased(MeasurementRow), IntervalRow
    ends = or_(
        col(measurement.id) == col(interval.from_measurement_id), col(measurement.id) == col(interval.to_measurement_id)
    )
    return (
        select(col(measurement.id))
        .join(StatementRow, col(StatementRow.digest) == col(measurement.statement_digest))
        .join(DeviceKeyRow, col(DeviceKeyRow.id) == col(StatementRow.device_key_id))
        .where(ends, col(DeviceKeyRow.revoked_from) <= col(measurement.at))
        .exists()
    )


async def series(work: Work, scope: Scope, metering_point_id: str, since: datetime, until: datetime) -> SeriesView:
    """Energy of the quarter-hours that start in `[since, until)`, each at its newest revision.

    Raises SeriesTooLong for more than 40 days.
    """
    start = slot_start(slot_at(as_utc(since) + QUARTER_HOUR - timedelta(microseconds=1)))
    if until - start > SERIES_MAX:
        raise SeriesTooLong(f"Ask for at most {SERIES_MAX.days} days of quarter-hours at once.")
    row = IntervalRow
    newest = (
        select(col(row.starts_at), func.max(col(row.revision)).label("revision"))
        .where(
            col(row.metering_point_id) == metering_point_id,
            col(row.starts_at) >= start,
            col(row.starts_at) < until,
            scope.metering_points(col(row.metering_point_id)),
        )
        .group_by(col(row.starts_at))
        .subquery()
    )
    statement = (
        select(col(row.starts_at), col(row.energy_wh), col(row.quality), _rests_on_a_revoked_key())
        .join(newest, (newest.c.starts_at == col(row.starts_at)) & (newest.c.revision == col(row.revision)))
        .where(col(row.metering_point_id) == metering_point_id)
    )
    known = {
        at: (energy, "suspect" if suspect else quality)
        for at, energy, quality, suspect in await work.session.execute(statement)
    }
    count = max(0, -(-int((until - start).total_seconds()) // QUARTER_HOUR_S))
    starts = [start + QUARTER_HOUR * number for number in range(count)]
    return SeriesView(
        metering_point_id=metering_point_id,
        start=start,
        step_s=QUARTER_HOUR_S,
        energy_wh=tuple(WattHours(known[at][0]) if at in known else None for at in starts),
        quality=tuple(known[at][1] if at in known else "missing" for at in starts),
    )
