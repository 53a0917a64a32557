"""Readings whose statement is not verified yet: to be shown, never booked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import col

from community.store.tables.radio import ProvisionalReadingRow
from community.store.unit_of_work import Work
from community.store.upserts import upsert_all


@dataclass(frozen=True, slots=True)
class ProvisionalReading:
    """Registers (Wh, in the order of the device's profile) at a boundary, as they most plausibly are."""

    at: datetime
    registers: tuple[int, ...]
    off_s: int
    status: int
    frame_digest: str


async def show_provisional(work: Work, device_id: str, readings: Sequence[ProvisionalReading], now: datetime) -> None:
    """Show readings; a newer one of the same instant takes the place of the older."""
    rows = [
        {
            "device_id": device_id,
            "at": reading.at,
            "registers": " ".join(map(str, reading.registers)),
            "off_s": reading.off_s,
            "status": reading.status,
            "frame_digest": reading.frame_digest,
            "recorded_at": now,
        }
        for reading in readings
    ]
    await upsert_all(work, ProvisionalReadingRow, rows, ["device_id", "at"])


async def drop_provisional(work: Work, device_id: str, first_at: datetime, last_at: datetime) -> None:
    """What was provisional from one instant to another is judged now, or known not to exist."""
    await work.session.execute(
        delete(ProvisionalReadingRow).where(
            col(ProvisionalReadingRow.device_id) == device_id,
            col(ProvisionalReadingRow.at) >= first_at,
            col(ProvisionalReadingRow.at) <= last_at,
        )
    )


async def provisional_readings(work: Work, device_id: str, limit: int = 1000) -> list[ProvisionalReading]:
    """The provisional readings of a device, oldest first."""
    rows = await work.session.execute(
        select(ProvisionalReadingRow)
        .where(col(ProvisionalReadingRow.device_id) == device_id)
        .order_by(col(ProvisionalReadingRow.at))
        .limit(limit)
    )
    return [
        ProvisionalReading(row.at, tuple(map(int, row.registers.split())), row.off_s, row.status, row.frame_digest)
        for row in rows.scalars()
    ]
