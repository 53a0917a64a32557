"""What nodes get wrong or lie about is noticed before it is used; an honest node next to them suffices."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from community.clients.evm import NodeRefused, NodeUnavailable
from community.errors import FatalError
from community.store import balances
from community.store.unit_of_work import Store
from contracts import abi
from indexer import reading
from indexer.decode import Contracts
from indexer.distrust import NodeContradiction
from indexer.follow import Follower
from indexer.nodes import Nodes, check_node
from tests.support.scripted_node import ScriptedChain, ScriptedNode, address_topic, word

TOKEN, STRANGER = "0x" + "aa" * 20, "0x" + "ee" * 20
ANNA = "0x" + "01" * 20
CONTRACTS = Contracts(TOKEN, None)
CHAIN_ID = 31337


def mint(amount: int, holder: str = ANNA, token: str = TOKEN) -> tuple[str, list[str], str]:
    """A Transfer log from the zero address."""
    topics = [abi.TOPIC_TRANSFER, address_topic(abi.ZERO_ADDRESS), address_topic(holder)]
    return token, topics, "0x" + word(amount)


def following(store: Store, **options: Any) -> Follower:
    return Follower(store, CHAIN_ID, CONTRACTS, start_block=0, now=lambda: datetime(2026, 1, 1, tzinfo=UTC), **options)


async def held(store: Store) -> dict[str, int]:
    async with store.read() as work:
        return await balances.balances(work, CHAIN_ID, TOKEN)


@pytest.fixture
def chain() -> ScriptedChain:
    """Genesis and one block with two mints."""
    made = ScriptedChain()
    made.add(mint(5), mint(6))
    return made


def changed(log: dict[str, Any], **changes: Any) -> Callable[[Any], Any]:
    return lambda answer: [log | changes]


LIES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "nothing, though the header says otherwise": ("eth_getLogs", lambda logs: []),
    "logs of another block": ("eth_getLogs", lambda logs: [log | {"blockHash": "0x" + "99" * 32} for log in logs]),
    "logs of another height": ("eth_getLogs", lambda logs: [log | {"blockNumber": "0x7"} for log in logs]),
    "logs out of order": ("eth_getLogs", lambda logs: logs[::-1]),
    "one log twice": ("eth_getLogs", lambda logs: [logs[0], logs[0]]),
    "logs nobody asked for": ("eth_getLogs", lambda logs: [log | {"address": STRANGER} for log in logs]),
    "a holder that the header excludes": (
        "eth_getLogs",
        lambda logs: [log | {"topics": [*log["topics"][:2], address_topic(STRANGER)]} for log in logs],
    ),
    "half a log": ("eth_getLogs", lambda logs: [{"address": TOKEN}]),
    "a log that is too short": ("eth_getLogs", lambda logs: [log | {"data": "0x01"} for log in logs]),
    "no latest block": ("eth_getBlockByNumber", lambda block: None),
    "a block without a hash": ("eth_getBlockByNumber", lambda block: {"number": "0x1"}),
    "a number that is none": ("eth_getBlockByNumber", lambda block: block | {"number": "seven"}),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_noticed_and_nothing_of_it_is_used(sqlite_store: Store, chain: ScriptedChain, lie: str) -> None:
    node, honest = ScriptedNode(chain), ScriptedNode(chain)
    method, twist = LIES[lie]
    node.lies[method] = twist
    follower = following(sqlite_store)
    with pytest.raises((NodeContradiction, NodeUnavailable)):
        await follower.step(node)
    assert await held(sqlite_store) == {}
    assert (await follower.step(honest)).caught_up
    assert await held(sqlite_store) == {ANNA: 11}


async def test_an_empty_answer_stands_when_the_receipts_agree(sqlite_store: Store, chain: ScriptedChain) -> None:
    chain.add(mint(7, token=STRANGER))
    saturated = chain.blocks[-1] | {"logsBloom": "0x" + "ff" * 256}
    chain.blocks[-1] = saturated
    node = ScriptedNode(chain)
    node.unknown_methods.add("eth_getBlockReceipts")  # then the receipts are asked one by one
    assert (await following(sqlite_store).step(node)).caught_up
    assert "eth_getTransactionReceipt" in node.calls
    assert await held(sqlite_store) == {ANNA: 11}


async def test_ranges_shrink_until_the_node_agrees(sqlite_store: Store, chain: ScriptedChain) -> None:
    for amount in range(100):
        chain.add(mint(amount))
    chain.finalised = len(chain.blocks) - 3
    node = ScriptedNode(chain)
    node.log_range_max = 10
    follower = following(sqlite_store)
    for _ in range(200):
        if (await follower.step(node)).caught_up:
            break
    assert await held(sqlite_store) == {ANNA: 11 + sum(range(100))}


async def test_a_range_that_hides_a_block_of_another_branch_is_refused(
    sqlite_store: Store, chain: ScriptedChain
) -> None:
    for amount in range(100):
        chain.add(mint(amount))
    chain.finalised = len(chain.blocks) - 1
    node = ScriptedNode(chain)
    node.lies["eth_getLogs"] = lambda logs: [log | {"blockHash": "0x" + "99" * 32} for log in logs]
    with pytest.raises(NodeContradiction, match=r"came for|out of place"):
        await following(sqlite_store).step(node)
    assert await held(sqlite_store) == {}


async def test_a_wrong_chain_and_a_missing_contract_are_fatal(chain: ScriptedChain) -> None:
    node = ScriptedNode(chain)
    with pytest.raises(FatalError, match="follows chain 31337, but this index is of chain 137"):
        await check_node(node, 137, CONTRACTS)
    node.lies["eth_getCode"] = lambda code: "0x"
    with pytest.raises(FatalError, match="No contract stands at"):
        await check_node(node, CHAIN_ID, CONTRACTS)


def test_nodes_take_turns() -> None:
    first, second = ScriptedNode(ScriptedChain(), "http://one"), ScriptedNode(ScriptedChain(), "http://two")
    nodes = Nodes([first, second])
    assert nodes.current is first
    nodes.fail_over("down")
    assert nodes.current is second
    nodes.fail_over("down")
    assert nodes.current is first
    with pytest.raises(ValueError, match="at least one"):
        Nodes([])


async def test_a_refusal_of_single_blocks_is_passed_on(sqlite_store: Store, chain: ScriptedChain) -> None:
    node = ScriptedNode(chain)
    node.unknown_methods.add("eth_getLogs")
    with pytest.raises(NodeRefused):
        await following(sqlite_store).step(node)


async def test_a_header_is_read_whole(chain: ScriptedChain) -> None:
    node = ScriptedNode(chain)
    header = await reading.header(node, 1)
    assert header is not None and (header.number, header.parent_hash) == (1, chain.blocks[0]["hash"])
    for missing in ("number", "hash", "parentHash", "timestamp", "logsBloom"):
        node.lies["eth_getBlockByNumber"] = lambda block, name=missing: {
            key: value for key, value in block.items() if key != name
        }
        with pytest.raises((NodeContradiction, NodeUnavailable)):
            await reading.header(node, 1)
