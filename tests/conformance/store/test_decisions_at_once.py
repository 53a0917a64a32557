"""Two operators decide about the same thing at once: the first decision stands. On PostgreSQL, where both can be under way."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlmodel import col

from community.store import decisions
from community.store.decisions import NotPossible
from community.store.quarantine import Refusal, quarantine
from community.store.tables.identity import DeviceRow
from community.store.tables.measuring import FrameRow, QuarantineRow
from community.store.unit_of_work import Store, Work
from tests.support.sending_device import SendingDevice, register
from tests.support.stores import new_postgres_url, opened, waiting_for_a_lock
from tools.private_postgres import PrivatePostgres

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def state(work: Work) -> str:
    return (await work.session.execute(select(col(DeviceRow.state)))).scalar_one()


async def approve(store: Store) -> decisions.Outcome:
    async with store.begin() as work:
        return await decisions.approve_device(work, "dev-plant", NOW)


async def resolve(store: Store, entry_id: str, resolution: str) -> decisions.Outcome:
    async with store.begin() as work:
        return await decisions.resolve_quarantine(work, entry_id, resolution, NOW)


async def test_an_approval_under_way_does_not_bring_back_a_revoked_device(postgres_server: PrivatePostgres) -> None:
    url = await new_postgres_url(postgres_server)
    async with opened(url) as store:
        await register(store, SendingDevice(), state="pending")
        async with store.begin() as work:
            await decisions.revoke_device(work, "dev-plant", NOW)
            approval = asyncio.create_task(approve(store))
            await waiting_for_a_lock(postgres_server, url)
        assert isinstance(await approval, NotPossible)
        async with store.read() as work:
            assert await state(work) == "revoked"


async def test_a_resolution_under_way_does_not_replace_another(postgres_server: PrivatePostgres) -> None:
    url = await new_postgres_url(postgres_server)
    async with opened(url) as store:
        async with store.begin() as work:
            frame = {"digest": "f", "source": "device_broker", "payload": b"", "received_at": NOW}
            await work.session.execute(insert(FrameRow).values(**frame, verdict="rejected"))
            entry_id = await quarantine(work, "f", None, Refusal("malformed", "no CBOR"), NOW)
        async with store.begin() as work:
            await decisions.resolve_quarantine(work, entry_id, "a test device", NOW)
            second = asyncio.create_task(resolve(store, entry_id, "an attack"))
            await waiting_for_a_lock(postgres_server, url)
        assert isinstance(await second, NotPossible)
        async with store.read() as work:
            assert (await work.session.execute(select(col(QuarantineRow.resolution)))).scalar_one() == "a test device"
