"""What an operator does with the indexer: fill it, compare it, build it anew, watch it, run two of them."""

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import delete, inspect, text
from sqlmodel import col

from community.clients.evm import EvmNode
from community.store import chain_index
from community.store.sole_sender import AnotherIndexes, sole_indexer
from community.store.tables.chain import TransferRow
from community.store.unit_of_work import Store
from indexer import __main__ as cli
from indexer.app import IndexerApp, build
from indexer.compare import compare
from indexer.settings import IndexerSettings, read_settings
from tests.conformance.indexer.ledgers import Ledger, catch_up, follower, rows
from tests.conformance.indexer.test_following import busy
from tests.support.anvil import CHAIN_ID
from tests.support.stores import new_sqlite_url, opened
from tools.private_postgres import free_port

DEADLINE_S = 30


def settings_of(ledger: Ledger, url: str, **more: str) -> IndexerSettings:
    return read_settings(
        {
            "INDEXER_DATABASE_URL": url, "INDEXER_RPC_URLS": ledger.chain.url, "INDEXER_CHAIN_ID": str(CHAIN_ID),
            "INDEXER_TOKEN_ADDRESS": ledger.contracts.token, "INDEXER_ISSUER_ADDRESS": ledger.issuer,
            "INDEXER_SHARES_ADDRESS": ledger.share_tokens, "INDEXER_POLL_MS": "60000",
            **{f"INDEXER_{name}": value for name, value in more.items()},
        }
    )  # fmt: skip


async def until(store: Store, number: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async with store.read() as work:
                known = await chain_index.checkpoint(work, CHAIN_ID)
            if known is not None and known.head.number >= number:
                return
            await asyncio.sleep(0.01)


async def secondary_indexes(store: Store) -> set[str]:
    async with store.engine.connect() as connection:
        found = await connection.run_sync(lambda sync: inspect(sync).get_indexes("transfer"))
    return {str(index["name"]) for index in found}


async def test_backfill_fills_an_empty_index_and_leaves_its_indexes(
    store: Store, store_url: str, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    before = await secondary_indexes(store)
    busy(ledger, 31, 3)
    ledger.chain.mine(90)
    await cli._backfill(settings_of(ledger, store_url), store)
    final = ledger.head() - 16
    assert f"up to final block {final}" in capsys.readouterr().out
    assert await secondary_indexes(store) == before and "transfer_sender" in before
    await cli._verify(settings_of(ledger, store_url), store)
    assert "agree to the unit" in capsys.readouterr().out


async def test_an_interrupted_first_load_gets_its_indexes_when_it_goes_on(
    store: Store, ledger: Ledger, node: EvmNode
) -> None:
    busy(ledger, 32, 2)
    ledger.chain.mine(80)
    before = await secondary_indexes(store)

    def killed(name: str) -> None:
        if name == "block_committed":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await catch_up(follower(store, ledger, killed), node)
    assert "transfer_sender" not in await secondary_indexes(store)
    await catch_up(follower(store, ledger), node)
    assert await secondary_indexes(store) == before


async def test_the_first_block_that_differs_is_found(
    sqlite_store: Store, ledger: Ledger, node: EvmNode, tmp_path: Path
) -> None:
    busy(ledger, 33, 8)
    await catch_up(follower(sqlite_store, ledger), node)
    async with opened(await new_sqlite_url(tmp_path, "other.db")) as other:
        await catch_up(follower(other, ledger), node)
        assert (await compare(sqlite_store, other, CHAIN_ID)).differs_at is None
        async with other.begin() as work:
            at = (await chain_index.blocks_from(work, CHAIN_ID, ledger.head() - 4))[0].ref.number
            await work.session.execute(text("DROP TRIGGER chain_block_no_update"))
            await work.session.execute(
                text("UPDATE chain_block SET digest = 'ff' || substr(digest, 3) WHERE number >= :at"), {"at": at}
            )
        found = await compare(sqlite_store, other, CHAIN_ID)
    assert (found.agreed_upto, found.differs_at) == (at - 1, at)


async def test_reindexing_mends_the_index_while_it_is_in_use(
    store: Store, store_url: str, ledger: Ledger, node: EvmNode, tmp_path: Path
) -> None:
    busy(ledger, 34, 4)
    ledger.chain.mine(20)
    following = follower(store, ledger)
    await catch_up(following, node)
    async with store.begin() as work:
        await work.session.execute(delete(TransferRow).where(col(TransferRow.block_number) > 0))
    await cli._reindex(settings_of(ledger, store_url), store)
    busy(ledger, 35, 1)
    await catch_up(following, node)
    async with opened(await new_sqlite_url(tmp_path, "fresh.db")) as fresh:
        await catch_up(follower(fresh, ledger), node)
        assert await rows(store, blocks=False) == await rows(fresh, blocks=False)
    assert not list(tmp_path.glob("*.reindex*"))


async def test_of_two_indexers_one_works_and_the_other_takes_over(
    store: Store, store_url: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.app.STAND_BY_S", 0.05)
    busy(ledger, 36, 1)
    stops, apps, tasks = [], [], []
    for _ in range(2):
        app, stop = build(settings_of(ledger, store_url, POLL_MS="20")), asyncio.Event()
        apps.append(app)
        stops.append(stop)
        tasks.append(asyncio.create_task(app.run(stop)))
        await until(store, ledger.head())
    async with asyncio.timeout(DEADLINE_S):
        while not apps[1].condition.standing_by:
            await asyncio.sleep(0.01)
    assert not apps[0].condition.standing_by
    stops[0].set()
    await tasks[0]
    busy(ledger, 37, 1)
    await until(store, ledger.head())
    assert not apps[1].condition.standing_by
    stops[1].set()
    await tasks[1]


async def test_the_right_to_index_is_one(store: Store) -> None:
    async with sole_indexer(store, CHAIN_ID) as still_held:
        await still_held()
        with pytest.raises(AnotherIndexes):
            async with sole_indexer(store, CHAIN_ID):
                pass
        async with sole_indexer(store, CHAIN_ID + 1):
            pass
    async with sole_indexer(store, CHAIN_ID):
        pass


async def test_heads_come_by_websocket_and_probes_tell_how_it_is(ledger: Ledger, tmp_path: Path) -> None:
    port = free_port()
    heads = ledger.chain.url.replace("http://", "ws://")
    url = await new_sqlite_url(tmp_path)
    app: IndexerApp = build(settings_of(ledger, url, PROBES_PORT=str(port), HEAD_URLS=f"ws://127.0.0.1:9,{heads}"))
    stop = asyncio.Event()
    running = asyncio.create_task(app.run(stop))
    async with opened(url) as store, aiohttp.ClientSession() as session:
        await until(store, ledger.head())
        # nodes are asked once a minute here: only the announcement brings these blocks in time
        began = time.monotonic()
        while time.monotonic() - began < DEADLINE_S:
            ledger.chain.mine()
            await asyncio.sleep(0.05)
            async with store.read() as work:
                known = await chain_index.checkpoint(work, CHAIN_ID)
            if known is not None and known.head.number >= ledger.head():
                break
        else:
            raise AssertionError("no head was announced")
        async with session.get(f"http://127.0.0.1:{port}/health") as response:
            assert response.status == 200
        async with session.get(f"http://127.0.0.1:{port}/ready") as response:
            assert (response.status, (await response.json())["ok"]) == (200, True)
        async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
            figures = await response.text()
    assert (
        f"indexer_head_block {float(known.head.number)}" in figures
        and "indexer_ready 1.0" in figures
        and "# TYPE indexer_behind_blocks gauge" in figures
    )
    stop.set()
    await running
