"""A database that is away, restarts or breaks a deadlock is an outage to be waited out; a missing schema is not."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from community.errors import FatalError
from community.store import outbox
from community.store.unit_of_work import Store, StoreUnavailable
from tests.support.stores import new_postgres_url, opened
from tools.private_postgres import PrivatePostgres, private_postgres


async def cursor(store: Store) -> int:
    async with store.begin() as work:
        return await outbox.latest_cursor(work)


async def test_a_server_that_goes_and_comes_back_is_unavailable_meanwhile() -> None:
    with private_postgres() as server:
        async with opened(await new_postgres_url(server)) as store:
            assert await cursor(store) == 0
            server.stop()
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="away"):
                    await cursor(store)
                with pytest.raises(StoreUnavailable, match="away"):
                    async with store.read() as work:
                        await outbox.latest_cursor(work)


async def test_a_server_without_room_for_another_connection_is_unavailable(postgres_server: PrivatePostgres) -> None:
    url = await new_postgres_url(postgres_server)
    name = url.rsplit("/", 1)[1]
    postgres_server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    async with opened(url) as store:
        with pytest.raises(StoreUnavailable, match="away"):
            await cursor(store)


async def test_a_connection_ended_by_the_server_is_unavailable(postgres_server: PrivatePostgres) -> None:
    async with opened(await new_postgres_url(postgres_server)) as store:

        async def cut_off() -> None:
            async with store.begin() as work:
                pid = (await work.session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
                postgres_server.execute(f"SELECT pg_terminate_backend({pid})")
                await outbox.latest_cursor(work)

        with pytest.raises(StoreUnavailable):
            await cut_off()
        assert await cursor(store) == 0


async def test_of_two_units_that_wait_for_each_other_one_is_to_be_tried_again(postgres_server: PrivatePostgres) -> None:
    async with opened(await new_postgres_url(postgres_server)) as store:
        both = asyncio.Barrier(2)

        async def take(first: int, second: int) -> None:
            async with store.begin() as work:
                await work.session.execute(text(f"SELECT pg_advisory_xact_lock({first})"))
                await both.wait()
                await work.session.execute(text(f"SELECT pg_advisory_xact_lock({second})"))

        outcomes = await asyncio.gather(take(1, 2), take(2, 1), return_exceptions=True)
        assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "StoreUnavailable"]


async def test_a_missing_schema_says_how_to_make_it(postgres_server: PrivatePostgres, tmp_path: Path) -> None:
    for url in (postgres_server.create_database(), f"sqlite:///{tmp_path / 'empty.db'}"):
        async with opened(url) as store:
            with pytest.raises(FatalError, match="migrate"):
                await cursor(store)


async def test_a_database_that_does_not_exist_is_no_outage(postgres_server: PrivatePostgres) -> None:
    async with opened(postgres_server.url("nowhere")) as store:
        with pytest.raises(FatalError, match="nowhere"):
            await cursor(store)
