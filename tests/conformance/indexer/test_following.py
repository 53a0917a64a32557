"""Following a real node: what the chain says is what the index holds, in blocks and in ranges."""

import random

import pytest

from community.clients.evm import EvmNode
from community.store import balances, chain_index, issuer_events
from community.store.unit_of_work import Store
from community.units import BASE_UNITS_PER_WH
from indexer.pace import Pace
from tests.conformance.indexer.ledgers import SOURCE_REF, START_WH, Ledger, catch_up, follower, rows
from tests.support.anvil import CHAIN_ID
from tests.support.stores import new_sqlite_url, opened


def busy(ledger: Ledger, seed: int, steps: int) -> None:
    """Settlements, transfers and burns drawn from `seed`, one block each."""
    draw = random.Random(seed)
    ledger.settle(1_000)
    for _ in range(steps):
        match draw.randrange(6):
            case 4:
                ledger.give_shares(draw.randrange(1, 4), [draw.randrange(3) for _ in range(draw.randrange(1, 3))])
            case 5:
                ledger.grant(draw.randrange(1, 4), revoke=draw.random() < 0.5)
            case 0:
                ledger.settle(draw.randrange(1, 700))
            case 1:
                ledger.burn(1, draw.randrange(1, ledger.balance(1) // 2 + 2))
            case 2:
                ledger.chain.mine(draw.randrange(1, 3))
            case _:
                sender = draw.randrange(1, 4)
                ledger.transfer(sender, draw.randrange(1, 5), draw.randrange(0, ledger.balance(sender) + 1))


async def test_the_index_holds_what_the_chain_holds(store: Store, ledger: Ledger, node: EvmNode) -> None:
    busy(ledger, 1, 12)
    await catch_up(follower(store, ledger), node)
    token = ledger.contracts.token
    async with store.read() as work:
        held = await balances.balances(work, CHAIN_ID, token)
        supply = await balances.supply(work, CHAIN_ID, token)
        settled = await issuer_events.settled(work, CHAIN_ID, ledger.head())
        configured = await issuer_events.others(work, CHAIN_ID, ["SourceConfigured"], ledger.head())
    assert {ledger.accounts[n]: ledger.balance(n) for n in range(5) if ledger.balance(n)} == held
    assert supply.outstanding == ledger.supply() == sum(held.values())
    assert supply.minted == (ledger.source().register_wh - START_WH) * BASE_UNITS_PER_WH
    assert [event.seq for event in settled] == list(range(1, len(settled) + 1))
    assert settled[0].from_wh == START_WH and settled[-1].to_wh == ledger.source().register_wh
    assert configured[0].source_ref == SOURCE_REF and configured[0].fields["opening_wh"] == START_WH


async def test_final_books_follow_the_finalised_block(store: Store, ledger: Ledger, node: EvmNode) -> None:
    ledger.settle(500)
    following = follower(store, ledger)
    await catch_up(following, node)
    token = ledger.contracts.token
    async with store.read() as work:
        before = await balances.balances(work, CHAIN_ID, token, final=True)
    ledger.chain.mine(17)
    progress = await following.step(node)
    async with store.read() as work:
        after = await balances.balances(work, CHAIN_ID, token, final=True)
        at_head = await balances.balances(work, CHAIN_ID, token)
    assert before == {} and after == at_head and sum(after.values()) == 500 * BASE_UNITS_PER_WH
    assert progress.settled_final


@pytest.mark.parametrize("range_size", [1, 7, 2_000])
async def test_ranges_give_the_same_index_as_blocks(
    sqlite_store: Store, ledger: Ledger, node: EvmNode, tmp_path_factory: pytest.TempPathFactory, range_size: int
) -> None:
    start = ledger.head()
    following = follower(sqlite_store, ledger, start_block=start - 8)
    for _ in range(4):  # followed while it grows, so never in ranges
        busy(ledger, start, 3)
        ledger.chain.mine(15)
        await catch_up(following, node)
    ledger.chain.mine(30)
    await catch_up(following, node)
    async with opened(await new_sqlite_url(tmp_path_factory.mktemp("ranges"))) as other:
        steps: list[str] = []
        await catch_up(
            follower(
                other,
                ledger,
                steps.append,
                start_block=start - 8,
                pace=Pace(blocks=range_size, blocks_allowed=range_size),
            ),
            node,
        )
        assert "range_read" in steps
        assert await rows(other, blocks=False) == await rows(sqlite_store, blocks=False)
        async with other.read() as one, sqlite_store.read() as two:
            head = ledger.head()
            ours = await chain_index.block_at(one, CHAIN_ID, head)
            theirs = await chain_index.block_at(two, CHAIN_ID, head)
        assert ours is not None and ours == theirs
