"""The settlement process lives through a database that ends every connection, and goes on as the one sender."""

import asyncio
from pathlib import Path

import pytest

from settlement import app
from settlement.settings import read_settings
from tests.conformance.settlement.test_processes import settlement_environment, until_final
from tests.support.settlement_world import settlement_world
from tests.support.stores import new_postgres_url
from tools.private_postgres import PrivatePostgres

pytestmark = pytest.mark.timeout(90)


async def test_it_settles_on_after_every_connection_was_ended(
    tmp_path: Path, postgres_server: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "RETRY_S", 0.1)
    url = await new_postgres_url(postgres_server)
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.rsplit('/', 1)[1]}'"
    async with settlement_world(tmp_path, store_url=url) as world:
        stop = asyncio.Event()
        running = asyncio.create_task(app.build(read_settings(settlement_environment(world))).run(stop))
        for after in (1, 2, 3):
            await world.add_readings((after, 400 * after))
            await until_final(world, after)
            await asyncio.to_thread(postgres_server.execute, ended)
        stop.set()
        await running
        assert world.supply() == 1200 * 10**15
        assert world.mine_nonces() == 3
