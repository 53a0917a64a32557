"""Messages to devices as they were handed to a network, and what became of them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlmodel import col

from community.store.tables.radio import DownlinkReportRow, DownlinkRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent


@dataclass(frozen=True, slots=True)
class Downlink:
    """A message to a device. `acknowledged` is the slot (LoRaWAN) or statement counter up to which all is stored."""

    id: str
    device_id: str
    network: str
    generation: int
    counter: int
    plaintext: bytes
    asks: bool
    acknowledged: int | None
    corrects_clock: bool
    handed_at: datetime


async def add_downlink(work: Work, downlink: Downlink) -> None:
    """Record a message before it is handed over: if the process dies in between, it counts as sent."""
    await work.session.execute(
        insert(DownlinkRow).values(
            id=downlink.id,
            device_id=downlink.device_id,
            network=downlink.network,
            generation=downlink.generation,
            counter=downlink.counter,
            plaintext=downlink.plaintext,
            asks=downlink.asks,
            acknowledged=downlink.acknowledged,
            corrects_clock=downlink.corrects_clock,
            handed_at=downlink.handed_at,
        )
    )


async def downlinks_since(work: Work, device_id: str, since: datetime) -> list[Downlink]:
    """What a device was sent since an instant, oldest first."""
    rows = await work.session.execute(
        select(DownlinkRow)
        .where(col(DownlinkRow.device_id) == device_id, col(DownlinkRow.handed_at) > since)
        .order_by(col(DownlinkRow.handed_at), col(DownlinkRow.counter))
    )
    return [
        Downlink(
            row.id,
            row.device_id,
            row.network,
            row.generation,
            row.counter,
            row.plaintext,
            row.asks,
            row.acknowledged,
            row.corrects_clock,
            row.handed_at,
        )
        for row in rows.scalars()
    ]


async def last_handed_at(work: Work, device_id: str) -> datetime | None:
    """When a device was last sent anything."""
    found = await work.session.execute(
        select(col(DownlinkRow.handed_at))
        .where(col(DownlinkRow.device_id) == device_id)
        .order_by(col(DownlinkRow.handed_at).desc())
        .limit(1)
    )
    return found.scalar_one_or_none()


async def last_acknowledged(work: Work, device_id: str) -> int | None:
    """The highest acknowledgement that a device was sent."""
    found = await work.session.execute(
        select(func.max(col(DownlinkRow.acknowledged))).where(col(DownlinkRow.device_id) == device_id)
    )
    return found.scalar_one_or_none()


async def add_report(work: Work, downlink_id: str, state: str, at: datetime, detail: str) -> bool:
    """Record what a network server said of a downlink. Says whether it is news; a downlink not of ours is none."""
    found = await work.session.execute(select(col(DownlinkRow.id)).where(col(DownlinkRow.id) == downlink_id))
    if found.scalar_one_or_none() is None:
        return False
    values = {"downlink_id": downlink_id, "state": state, "at": at, "detail": detail}
    return await insert_if_absent(work, DownlinkReportRow, values)


async def reports_of(work: Work, downlink_id: str) -> list[tuple[str, datetime, str]]:
    """(state, when, detail) of all that was said of a downlink, oldest first."""
    row = DownlinkReportRow
    rows = await work.session.execute(
        select(col(row.state), col(row.at), col(row.detail))
        .where(col(row.downlink_id) == downlink_id)
        .order_by(col(row.at), col(row.id))
    )
    return [(state, at, detail) for state, at, detail in rows]
