"""Ranges of a metering point without readings: opened, split and closed as readings come."""

from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from community.ids import named_id
from community.metering.intervals import Gap
from community.store.tables.measuring import GapRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent
from community.units import WattHours


async def open_gap(work: Work, metering_point_id: str, gap: Gap, now: datetime) -> bool:
    """Record a gap with its total energy. Says whether it is new."""
    return await insert_if_absent(
        work,
        GapRow,
        {
            "id": named_id("gap", metering_point_id, gap.starts_at.isoformat(), gap.ends_at.isoformat()),
            "metering_point_id": metering_point_id,
            "starts_at": gap.starts_at,
            "ends_at": gap.ends_at,
            "energy_wh": gap.energy_wh,
            "state": "open",
            "opened_at": now,
        },
    )


async def close_gap(work: Work, metering_point_id: str, starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Close the gap with exactly this range: a reading inside it has come."""
    await work.session.execute(
        update(GapRow)
        .where(
            col(GapRow.metering_point_id) == metering_point_id,
            col(GapRow.starts_at) == starts_at,
            col(GapRow.ends_at) == ends_at,
            col(GapRow.state) == "open",
        )
        .values(state="closed", closed_at=now)
    )


async def open_gaps(work: Work, metering_point_id: str, limit: int = 1000) -> list[Gap]:
    """The open gaps of a metering point, oldest first."""
    rows = await work.session.execute(
        select(GapRow)
        .where(col(GapRow.metering_point_id) == metering_point_id, col(GapRow.state) == "open")
        .order_by(col(GapRow.starts_at))
        .limit(limit)
    )
    return [Gap(row.starts_at, row.ends_at, WattHours(row.energy_wh or 0)) for row in rows.scalars()]
