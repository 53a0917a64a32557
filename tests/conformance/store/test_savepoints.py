"""A row that the database cannot take is refused alone; it is no outage that a repeat would heal."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, text

from community.store import frames
from community.store.savepoints import RowRefused, savepoint
from community.store.tables.measuring import FrameRow, SeenMessageRow
from community.store.unit_of_work import Store, StoreUnavailable
from tests.support.stores import new_postgres_url, opened
from tools.private_postgres import PrivatePostgres

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FRAME = {"digest": "f", "source": "device_broker", "payload": b"", "received_at": NOW, "verdict": "rejected"}


@pytest.mark.parametrize(
    ("row", "values"),
    [
        (FrameRow, {**FRAME, "envelope": "a NUL: \x00"}),
        (FrameRow, {**FRAME, "envelope": "half a pair: \ud800"}),
        (FrameRow, {**FRAME, "verdict": "perhaps"}),
        (FrameRow, {**FRAME, "received_at": NOW, "digest": None}),
        (SeenMessageRow, {"device_id": "nobody", "generation": 0, "counter": 2**63}),
        (SeenMessageRow, {"device_id": "nobody", "generation": 2**31, "counter": 0}),
    ],
)
async def test_a_row_that_cannot_be_stored_is_refused_alone(
    postgres_server: PrivatePostgres, row: Any, values: dict[str, Any]
) -> None:
    async with opened(await new_postgres_url(postgres_server)) as store:
        async with store.begin() as work:
            with pytest.raises(RowRefused):
                async with savepoint(work):
                    await work.session.execute(insert(row).values(**values))
            await work.session.execute(insert(FrameRow).values(**(FRAME | {"digest": "good"})))
        async with store.read() as work:
            assert await frames.verdict_of(work, "good") == "rejected"


async def test_a_connection_that_breaks_inside_is_an_outage(postgres_server: PrivatePostgres) -> None:
    async def cut_off(store: Store) -> None:
        async with store.begin() as work, savepoint(work):
            pid = (await work.session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            postgres_server.execute(f"SELECT pg_terminate_backend({pid})")
            await frames.verdict_of(work, "f")

    async with opened(await new_postgres_url(postgres_server)) as store:
        with pytest.raises(StoreUnavailable):
            await cut_off(store)
