"""The running indexer beside nodes in trouble: it waits, changes over, and ends only where going on would be wrong."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from community.errors import FatalError
from community.runtime.system_clock import SystemClock
from community.store import balances
from community.store.unit_of_work import Store
from indexer.app import IndexerApp
from indexer.condition import Condition
from indexer.follow import Follower
from indexer.nodes import Nodes
from indexer.settings import IndexerSettings
from tests.support.scripted_node import ScriptedChain, ScriptedNode
from tests.support.stores import new_sqlite_url
from tests.unit.indexer.test_distrust import ANNA, CHAIN_ID, CONTRACTS, TOKEN, mint

DEADLINE_S = 20


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


async def app_with(tmp_path: Path, *nodes: ScriptedNode) -> IndexerApp:
    url = await new_sqlite_url(tmp_path)
    store = Store.open(url)
    settings = IndexerSettings(
        database_url=url, rpc_urls=tuple(node.url for node in nodes), head_urls=(), finality_quorum=1, chain_id=CHAIN_ID, contracts=CONTRACTS, start_block=0,
        poll_ms=10, rpc_timeout_ms=1_000, reconcile_every_s=600, reconcile_pause_ms=600_000, grace_s=900,
    )  # fmt: skip
    panel = Nodes(nodes)
    follower = Follower(store, CHAIN_ID, CONTRACTS, start_block=0, now=now, nodes=panel)
    return IndexerApp(settings, store, panel, follower, SystemClock(), asyncio.Event(), Condition(now, 10))


async def until_held(app: IndexerApp, amount: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async with app.store.read() as work:
                held = await balances.balances(work, CHAIN_ID, TOKEN)
            if held.get(ANNA) == amount:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
def chain() -> ScriptedChain:
    made = ScriptedChain()
    made.add(mint(5))
    return made


async def test_a_node_that_goes_down_is_replaced_and_may_come_back(tmp_path: Path, chain: ScriptedChain) -> None:
    one, two = ScriptedNode(chain, "http://one"), ScriptedNode(chain, "http://two")
    app, stop = await app_with(tmp_path, one, two), asyncio.Event()
    running = asyncio.create_task(app.run(stop))
    try:
        await until_held(app, 5)
        one.down = True
        chain.add(mint(6))
        await until_held(app, 11)
        assert app.nodes.current is two
        one.down, two.down = False, True
        chain.add(mint(7))
        await until_held(app, 18)
    finally:
        stop.set()
        await running


async def test_a_node_without_the_next_block_is_not_asked_without_end(tmp_path: Path, chain: ScriptedChain) -> None:
    node = ScriptedNode(chain)
    app, stop = await app_with(tmp_path, node), asyncio.Event()
    running = asyncio.create_task(app.run(stop))
    try:
        await until_held(app, 5)
        chain.add(salt="x")
        chain.add(salt="y")
        hidden = chain.blocks[-2]["number"]
        node.lies["eth_getBlockByNumber"] = lambda block: None if block and block["number"] == hidden else block
        node.calls.clear()
        await asyncio.sleep(0.3)
        assert 0 < len(node.calls) < 400
        node.lies.clear()
        chain.add(mint(1))
        await until_held(app, 6)
    finally:
        stop.set()
        await running


async def test_one_lying_node_about_finality_does_not_stop_the_other(tmp_path: Path, chain: ScriptedChain) -> None:
    chain.finalised = 1
    liar, honest = ScriptedNode(chain, "http://liar"), ScriptedNode(chain, "http://honest")
    app, stop = await app_with(tmp_path, liar, honest), asyncio.Event()
    running = asyncio.create_task(app.run(stop))
    try:
        await until_held(app, 5)
        other = ScriptedChain()
        other.add(mint(5), salt="another history")
        other.finalised = 1
        other.add()
        liar.chain = other
        async with asyncio.timeout(DEADLINE_S):
            while app.nodes.current is liar:
                await asyncio.sleep(0.01)
        chain.add(mint(2))
        await until_held(app, 7)
        honest.chain = liar.chain
        with pytest.raises(FatalError, match="Nothing was rewritten"):
            await asyncio.wait_for(running, DEADLINE_S)
    finally:
        stop.set()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_wrong_chain_ends_the_process_with_a_sentence(tmp_path: Path) -> None:
    app = await app_with(tmp_path, ScriptedNode(ScriptedChain(chain_id=1)))
    with pytest.raises(FatalError, match="follows chain 1, but this index is of chain 31337"):
        await asyncio.wait_for(app.run(asyncio.Event()), DEADLINE_S)
