"""What is missing and what was refused: gaps and quarantine, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col

from community.store.tables.measuring import FrameRow, GapRow, QuarantineRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows
from community.store.views.scope import Scope
from community.units import WattHours


@dataclass(frozen=True, slots=True)
class GapView:
    """Intervals [starts_at, ends_at) without a reading. The energy over the whole gap is known once it is closed."""

    id: str
    metering_point_id: str
    starts_at: datetime
    ends_at: datetime
    energy_wh: WattHours | None
    state: str
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class QuarantineView:
    """A frame, or one reading of it, that was not taken in, and why. The bytes are kept."""

    id: str
    device_id: str | None
    device_eui: str | None
    source: str
    frame_digest: str
    payload: bytes
    at: datetime | None
    reason: str
    detail: str
    recorded_at: datetime
    resolved_at: datetime | None
    resolution: str | None


async def gaps(
    work: Work, scope: Scope, metering_point_id: str | None, state: str | None, first: int, after: str | None
) -> Page[GapView]:
    """Gaps, newest first."""
    row = GapRow
    statement = select_rows(row, col(row.starts_at).label("key_at"), col(row.id).label("key")).where(
        scope.metering_points(col(row.metering_point_id))
    )
    if metering_point_id is not None:
        statement = statement.where(col(row.metering_point_id) == metering_point_id)
    if state is not None:
        statement = statement.where(col(row.state) == state)
    keyset = Keyset((col(row.starts_at), col(row.id)), (datetime, str))
    return await fetch_page(work, statement, keyset, _gap, first, after)


def _gap(row: Any) -> GapView:
    each = row[0]
    return GapView(
        each.id,
        each.metering_point_id,
        each.starts_at,
        each.ends_at,
        None if each.energy_wh is None else WattHours(each.energy_wh),
        each.state,
        each.opened_at,
        each.closed_at,
    )


def _quarantine_columns() -> Any:
    row = QuarantineRow
    return select_rows(row, FrameRow, col(row.recorded_at).label("key_at"), col(row.id).label("key")).join(
        FrameRow, col(FrameRow.digest) == col(row.frame_digest)
    )


async def quarantine(work: Work, resolved: bool | None, first: int, after: str | None) -> Page[QuarantineView]:
    """The quarantine, newest first. For operators: the caller's permission was checked."""
    row = QuarantineRow
    statement = _quarantine_columns()
    if resolved is not None:
        condition = col(row.resolved_at).is_not(None) if resolved else col(row.resolved_at).is_(None)
        statement = statement.where(condition)
    keyset = Keyset((col(row.recorded_at), col(row.id)), (datetime, str))
    return await fetch_page(work, statement, keyset, _quarantine, first, after)


async def quarantine_by_id(work: Work, entry_id: str) -> QuarantineView | None:
    """One entry of the quarantine."""
    row = (await work.session.execute(_quarantine_columns().where(col(QuarantineRow.id) == entry_id))).first()
    return None if row is None else _quarantine(row)


def _quarantine(row: Any) -> QuarantineView:
    each, frame = row[0], row[1]
    return QuarantineView(
        id=each.id,
        device_id=each.device_id,
        device_eui=frame.device_eui,
        source=frame.source,
        frame_digest=each.frame_digest,
        payload=frame.payload,
        at=each.at,
        reason=each.reason,
        detail=each.detail,
        recorded_at=each.recorded_at,
        resolved_at=each.resolved_at,
        resolution=each.resolution,
    )
