"""Nodes that lie, lag, hang and limit: nothing wrong is ever committed, progress resumes, and the log names the endpoint."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from community.clients.evm import EvmNode
from community.store import chain_index
from community.store.unit_of_work import Store
from indexer.condition import Condition
from indexer.follow import Follower
from indexer.following import Following
from indexer.heads import HeadWatch
from indexer.nodes import Nodes
from tests.conformance.indexer.ledgers import Ledger, catch_up, follower, now, rows
from tests.conformance.indexer.test_following import busy
from tests.support.anvil import CHAIN_ID, AnvilChain
from tests.support.lies import LIES, LIMITS, disordered_heads, limiting
from tests.support.lying_node import LyingNode, lying_node
from tests.support.stores import new_sqlite_url, opened

Rows = dict[str, list[dict[str, Any]]]
DEADLINE_S = 30
TIMEOUT_S = 0.4


BUSY_BLOCKS, EMPTY_BLOCKS = 5, 90


@dataclass(frozen=True, slots=True)
class History:
    """Contracts whose first block is `start`; nothing more happens to them."""

    ledger: Ledger
    start: int


@pytest.fixture(scope="module")
def histories(chain: AnvilChain) -> dict[str, History]:
    """On a chain that stands still: one that is far back and read in ranges, one that is read block by block."""
    made = {}
    for kind, empty_blocks in (("ranges", EMPTY_BLOCKS), ("blocks", 0)):
        start = int(chain.rpc("eth_blockNumber"), 16) + 1
        ledger = Ledger.deploy(chain)
        busy(ledger, 21, BUSY_BLOCKS)
        if empty_blocks:
            chain.mine(empty_blocks)
        made[kind] = History(ledger, start)
    return made


@pytest.fixture(scope="module")
def truths() -> dict[str, Rows]:
    """What an index of each history truly has."""
    return {}


@pytest.fixture
async def liar(chain: AnvilChain) -> AsyncIterator[LyingNode]:
    async with lying_node(chain.url) as node:
        yield node


@asynccontextmanager
async def following(store: Store, ledger: Ledger, start_block: int, *urls: str) -> AsyncIterator[Nodes]:
    """The indexer's loop over these nodes while the block runs."""
    nodes = Nodes([EvmNode(url, TIMEOUT_S if url != ledger.chain.url else 10) for url in urls])
    loop = Follower(store, CHAIN_ID, ledger.contracts, start_block=start_block, now=now, nodes=nodes)
    following = Following(loop, nodes, HeadWatch((), 0.02), Condition(now, 10), CHAIN_ID, ledger.contracts)
    stop = asyncio.Event()

    async def held() -> None:
        """Nobody else indexes here."""

    running = asyncio.create_task(following.run(stop, held, lambda: None))
    try:
        yield nodes
    finally:
        stop.set()
        async with asyncio.timeout(DEADLINE_S):
            await running
        await nodes.close()


async def until_at_head(store: Store, ledger: Ledger) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async with store.read() as work:
                known = await chain_index.checkpoint(work, CHAIN_ID)
            if known is not None and known.head.number == ledger.head():
                return
            await asyncio.sleep(0.02)


async def truth(ledger: Ledger, start_block: int, folder: Path) -> Rows:
    """What an index from the honest node has."""
    node = EvmNode(ledger.chain.url)
    async with opened(await new_sqlite_url(folder, "true.db")) as true:
        await catch_up(follower(true, ledger, start_block=start_block), node)
        found = await rows(true, blocks=False)
    await node.close()
    return found


async def assert_true(store: Store, expected: Rows) -> None:
    found = await rows(store, blocks=False)
    for kind in ("TransferRow", "SettledEventRow", "IssuerEventRow", "ShareTransferRow"):
        assert found[kind] == expected[kind]
    assert [(row["address"], row["amount"]) for row in found["BalanceRow"]] == [
        (row["address"], row["amount"]) for row in expected["BalanceRow"]
    ]


@pytest.mark.parametrize("kind", ["ranges", "blocks"])
@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_noticed_and_another_node_asked(
    sqlite_store: Store, histories: dict[str, History], truths: dict[str, Rows], liar: LyingNode, tmp_path: Path,
    lie: str, kind: str,
) -> None:  # fmt: skip
    history = histories[kind]
    LIES[lie](liar)
    with capture_logs() as logs:
        async with following(sqlite_store, history.ledger, history.start, liar.url, history.ledger.chain.url):
            await until_at_head(sqlite_store, history.ledger)
    if kind not in truths:
        truths[kind] = await truth(history.ledger, history.start, tmp_path)
    await assert_true(sqlite_store, truths[kind])
    told = {"chain_node_failed": "endpoint", "witness_disagrees": "witness"}
    assert any(log["event"] in told and log[told[log["event"]]] == liar.name for log in logs), logs


@pytest.mark.parametrize("lie", ["no logs at all", "truncated", "another block"])
async def test_alone_with_a_liar_nothing_is_committed_until_it_is_honest(
    sqlite_store: Store, histories: dict[str, History], liar: LyingNode, tmp_path: Path, lie: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("indexer.following.RETRY_MAX_S", 0.2)
    history = histories["blocks"]
    LIES[lie](liar)
    async with following(sqlite_store, history.ledger, history.start, liar.url):
        while len(liar.asked) < 6:
            await asyncio.sleep(0.02)
        found = await rows(sqlite_store, blocks=False)
        assert found["TransferRow"] == [] and found["BalanceRow"] == []
        liar.honest()
        await until_at_head(sqlite_store, history.ledger)
    await assert_true(sqlite_store, await truth(history.ledger, history.start, tmp_path))


@pytest.mark.parametrize("provider", LIMITS)
async def test_a_providers_limit_is_learnt_from_its_words(
    sqlite_store: Store, histories: dict[str, History], truths: dict[str, Rows], liar: LyingNode, tmp_path: Path, provider: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("indexer.backfill.PAUSE_S", 0.01)
    history = histories["ranges"]
    limiting(LIMITS[provider], 6 if "rate" not in provider and provider != "batch" else 2)(liar)
    with capture_logs() as logs:
        async with following(sqlite_store, history.ledger, history.start, liar.url):
            await until_at_head(sqlite_store, history.ledger)
    if "ranges" not in truths:
        truths["ranges"] = await truth(history.ledger, history.start, tmp_path)
    await assert_true(sqlite_store, truths["ranges"])
    refused = [log for log in logs if log["event"] == "index_range_refused"]
    assert refused and all(log["endpoint"] == liar.name for log in refused)


async def test_where_the_witness_disagrees_receipts_decide(
    sqlite_store: Store, histories: dict[str, History], truths: dict[str, Rows], liar: LyingNode, tmp_path: Path
) -> None:
    history = histories["ranges"]
    LIES["no logs at all"](liar)
    with capture_logs() as logs:
        # the honest node is read, and the one beside it lies: that must neither be believed nor cost the honest one its turn
        async with following(sqlite_store, history.ledger, history.start, history.ledger.chain.url, liar.url) as nodes:
            await until_at_head(sqlite_store, history.ledger)
            assert nodes.current.url == history.ledger.chain.url
    if "ranges" not in truths:
        truths["ranges"] = await truth(history.ledger, history.start, tmp_path)
    await assert_true(sqlite_store, truths["ranges"])
    disagreed = [log for log in logs if log["event"] == "witness_disagrees"]
    assert disagreed and all(log["witness"] == liar.name and log["blocks"] for log in disagreed)
    assert not [log for log in logs if log["event"] == "chain_node_failed"]


async def test_heads_out_of_order_undo_nothing(
    sqlite_store: Store, ledger: Ledger, liar: LyingNode, tmp_path: Path
) -> None:
    start_block = ledger.head() - 20
    disordered_heads(liar)
    with capture_logs() as logs:
        async with following(sqlite_store, ledger, start_block, liar.url):
            for seed in range(4):
                busy(ledger, seed, 1)
                await asyncio.sleep(0.05)
            liar.honest()
            await until_at_head(sqlite_store, ledger)
    await assert_true(sqlite_store, await truth(ledger, start_block, tmp_path))
    assert not any(log["event"] == "chain_reorganised" for log in logs)


async def test_a_stale_node_is_no_reorg(sqlite_store: Store, ledger: Ledger, liar: LyingNode, tmp_path: Path) -> None:
    start_block = ledger.head() - 20
    busy(ledger, 25, 3)
    old: list[Any] = []

    def stale(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == "latest":
            old.append(result)
            return old[0]
        return result

    async with following(sqlite_store, ledger, start_block, liar.url):
        await until_at_head(sqlite_store, ledger)
        liar.twist = stale
        busy(ledger, 26, 2)
        while len(old) < 3:
            await asyncio.sleep(0.02)
        liar.honest()
        await until_at_head(sqlite_store, ledger)
    await assert_true(sqlite_store, await truth(ledger, start_block, tmp_path))


def _final(change: Callable[[Any], Any]) -> Callable[[str, list[Any], Any], Any]:
    def twist(method: str, params: list[Any], result: Any) -> Any:
        return change(result) if method == "eth_getBlockByNumber" and params[0] == "finalized" else result

    return twist


async def test_finality_is_a_matter_of_several_nodes(
    sqlite_store: Store, ledger: Ledger, liar: LyingNode, node: EvmNode
) -> None:
    busy(ledger, 27, 2)
    head = await node.block("latest")
    liar.twist = _final(lambda _block: head)
    start_block = ledger.head() - 8
    async with following(sqlite_store, ledger, start_block, liar.url, ledger.chain.url):
        await until_at_head(sqlite_store, ledger)
        await asyncio.sleep(0.1)
        async with sqlite_store.read() as work:
            known = await chain_index.checkpoint(work, CHAIN_ID)
    assert known is not None and known.finalised.number <= ledger.head() - 16
