"""What those who watch over the system count in the books: a handful of indexed queries, cheap enough for every minute."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from community.minting.issuances import OPEN_STATES
from community.store.tables.identity import DeviceRow, IdentityRow
from community.store.tables.measuring import FrameRow, GapRow, QuarantineRow
from community.store.tables.minting import ChainAccountRow, IssuanceRow
from community.store.tables.reconciling import BreakRow
from community.store.unit_of_work import Work

SILENT_AFTER = timedelta(hours=2)
"""A device sends every quarter-hour; by radio it may need a few attempts."""


@dataclass(frozen=True, slots=True)
class IntakeFigures:
    """How intake stands. `newest_frame_at` is None before the first frame."""

    active_devices: int
    silent_devices: int
    open_gaps: int
    open_quarantine: int
    newest_frame_at: datetime | None


@dataclass(frozen=True, slots=True)
class SettlementFigures:
    """How settlement stands. `oldest_open_at` is when the oldest issuance under way was planned; None where none is."""

    oldest_open_at: datetime | None
    frozen_accounts: int


async def intake_figures(work: Work, now: datetime) -> IntakeFigures:
    """Counts of devices, gaps, quarantine, and the newest frame."""
    gap, entry = GapRow, QuarantineRow
    return IntakeFigures(
        active_devices=await _count(work, select(func.count()).where(col(DeviceRow.state) == "active")),
        silent_devices=await _count(work, _silent(select(func.count()).select_from(DeviceRow), now)),
        open_gaps=await _count(work, select(func.count()).where(col(gap.state) == "open")),
        open_quarantine=await _count(work, select(func.count()).where(col(entry.resolved_at).is_(None))),
        newest_frame_at=(await work.session.execute(select(func.max(col(FrameRow.received_at))))).scalar_one(),
    )


async def silent_devices(work: Work, now: datetime, limit: int = 100) -> list[tuple[str, str]]:
    """EUI and name of active devices of which nothing has come for two hours, by EUI."""
    statement = (
        _silent(select(col(DeviceRow.eui), col(IdentityRow.name)), now)
        .join(IdentityRow, col(IdentityRow.id) == col(DeviceRow.identity_id))
        .order_by(col(DeviceRow.eui))
        .limit(limit)
    )
    return [(eui, name) for eui, name in await work.session.execute(statement)]


async def settlement_figures(work: Work) -> SettlementFigures:
    """The oldest issuance under way, and accounts from which nothing may be sent."""
    row = IssuanceRow
    oldest = select(func.min(col(row.planned_at))).where(col(row.state).in_([state.value for state in OPEN_STATES]))
    return SettlementFigures(
        oldest_open_at=(await work.session.execute(oldest)).scalar_one(),
        frozen_accounts=await _count(work, select(func.count()).where(col(ChainAccountRow.frozen).is_(True))),
    )


async def open_breaks_by_severity(work: Work) -> dict[str, int]:
    """How many breaks are open, by their severity."""
    row = BreakRow
    statement = select(col(row.severity), func.count()).where(col(row.closed_at).is_(None)).group_by(col(row.severity))
    return {severity: count for severity, count in await work.session.execute(statement)}  # noqa: C416 - rows are no pairs


def _silent(selected: Any, now: datetime) -> Any:
    """Active devices without a frame in the last two hours. The few frames of these two hours are found by their time."""
    frame = FrameRow
    heard = select(col(frame.device_eui)).where(
        col(frame.received_at) >= now - SILENT_AFTER, col(frame.device_eui).is_not(None)
    )
    return selected.where(col(DeviceRow.state) == "active", col(DeviceRow.eui).not_in(heard))


async def _count(work: Work, statement: Any) -> int:
    return int((await work.session.execute(statement)).scalar_one())
