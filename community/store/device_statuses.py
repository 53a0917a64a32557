"""What each device said of itself last. No evidence rests on it, so the newest word takes the place of the one before."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from community.attestation.device_status import DeviceStatus
from community.store.tables.identity import DeviceRow
from community.store.tables.repairing import DeviceStatusRow
from community.store.unit_of_work import Work
from community.store.upserts import upsert


async def keep_statuses(work: Work, told: Mapping[str, DeviceStatus], now: datetime) -> set[str]:
    """Keep what devices said, by EUI; returns the EUIs that are registered. A farewell leaves what was said before it."""
    rows = await work.session.execute(
        select(col(DeviceRow.eui), col(DeviceRow.identity_id)).where(col(DeviceRow.eui).in_(sorted(told)))
    )
    known = {eui: device_id for eui, device_id in rows}  # noqa: C416 - rows are no pairs
    for eui, device_id in sorted(known.items()):
        status = told[eui]
        said = {
            "firmware": status.firmware,
            "backlog": status.backlog,
            "ctr": status.ctr,
            "development_key": status.development_key,
        }
        values = {"device_id": device_id, "is_online": status.is_online, "told_at": now}
        values |= {name: value for name, value in said.items() if value is not None}
        await upsert(work, DeviceStatusRow, values, ["device_id"])
    return set(known)
