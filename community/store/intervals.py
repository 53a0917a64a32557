"""Energy of quarter-hours at metering points."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from community.metering.intervals import IntervalEnergy
from community.store.bulk import insert_rows
from community.store.tables.measuring import IntervalRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent
from community.units import WattHours


async def add_interval(work: Work, metering_point_id: str, interval: IntervalEnergy, now: datetime) -> bool:
    """Record the first revision of an interval. Says whether it is new."""
    return await insert_if_absent(
        work,
        IntervalRow,
        {
            "metering_point_id": metering_point_id,
            "starts_at": interval.starts_at,
            "revision": 1,
            "energy_wh": interval.energy_wh,
            "quality": interval.quality,
            "from_measurement_id": interval.from_measurement_id,
            "to_measurement_id": interval.to_measurement_id,
            "recorded_at": now,
        },
    )


INTERVAL_COLUMNS = (
    "metering_point_id",
    "starts_at",
    "revision",
    "energy_wh",
    "quality",
    "from_measurement_id",
    "to_measurement_id",
    "recorded_at",
)


async def add_interval_rows(work: Work, rows: Sequence[tuple[object, ...]]) -> None:
    """Record first revisions of intervals that are not on the books, each as a tuple of INTERVAL_COLUMNS. Raises RowRefused."""
    await insert_rows(work, IntervalRow, INTERVAL_COLUMNS, rows)


async def intervals_of(
    work: Work, metering_point_id: str, starts_at: datetime, ends_at: datetime, limit: int = 1000
) -> list[IntervalEnergy]:
    """First revisions of the intervals in [starts_at, ends_at), oldest first."""
    rows = await work.session.execute(
        select(IntervalRow)
        .where(
            col(IntervalRow.metering_point_id) == metering_point_id,
            col(IntervalRow.starts_at) >= starts_at,
            col(IntervalRow.starts_at) < ends_at,
            col(IntervalRow.revision) == 1,
        )
        .order_by(col(IntervalRow.starts_at))
        .limit(limit)
    )
    return [
        IntervalEnergy(
            row.starts_at, WattHours(row.energy_wh), row.from_measurement_id, row.to_measurement_id, row.quality
        )
        for row in rows.scalars()
    ]
