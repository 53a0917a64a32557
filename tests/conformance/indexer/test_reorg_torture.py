"""Reorgs by the hundred: after each one rows, balances and digests equal those of a fresh index of the final chain."""

import asyncio
import random
import signal
import sys
from pathlib import Path

import pytest

from community.clients.evm import EvmNode
from community.store import chain_index
from community.store.unit_of_work import Store
from tests.conformance.indexer.ledgers import Ledger, catch_up, follower, rows
from tests.conformance.indexer.reorgs import KINDS, disturb, grow_beyond, once_at
from tests.conformance.indexer.test_following import busy
from tests.support.anvil import CHAIN_ID
from tests.support.stores import new_sqlite_url, opened

REORGS, REORGS_LONG = 10, 210


async def assert_as_fresh(store: Store, ledger: Ledger, node: EvmNode, folder: Path, start_block: int) -> None:
    """The index in `store` is the one that a new index of the same chain would be, down to the digests."""
    async with opened(await new_sqlite_url(folder, "fresh.db")) as fresh:
        await catch_up(follower(fresh, ledger, start_block=start_block), node)
        expected = await rows(fresh, blocks=False)
        async with fresh.read() as one, store.read() as two:
            theirs = await chain_index.blocks_from(one, CHAIN_ID, start_block)
            ours = {block.ref: block for block in await chain_index.blocks_from(two, CHAIN_ID, start_block)}
    assert await rows(store, blocks=False) == expected
    assert all(ours[block.ref] == block for block in theirs if block.ref in ours)
    assert theirs[-1].ref in ours


async def torture(store: Store, ledger: Ledger, node: EvmNode, folder: Path, seed: int, reorgs: int) -> None:
    draw = random.Random(seed)
    start_block = ledger.head() - 16
    following = follower(store, ledger, start_block=start_block)
    for turn in range(reorgs):
        busy(ledger, draw.randrange(10**6), draw.randrange(1, 5))
        await catch_up(following, node)
        head, kind = ledger.head(), KINDS[turn % len(KINDS)]
        disturb(ledger, draw, kind)
        busy(ledger, draw.randrange(10**6), draw.randrange(3))
        grow_beyond(ledger, head)
        if draw.random() < 0.3:
            # the chain is reorganised once more while the rollback is being done
            again = once_at(draw.choice(("rollback_written", "rollback_committed")), lambda: ledger.reorganise(2))
            await catch_up(follower(store, ledger, again, start_block=start_block), node)
        await catch_up(following, node)
        await assert_as_fresh(store, ledger, node, folder, start_block)


@pytest.mark.parametrize("seed", [3])
async def test_random_reorgs(store: Store, ledger: Ledger, node: EvmNode, tmp_path: Path, seed: int) -> None:
    await torture(store, ledger, node, tmp_path, seed, REORGS)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_hundreds_of_random_reorgs(store: Store, ledger: Ledger, node: EvmNode, tmp_path: Path) -> None:
    await torture(store, ledger, node, tmp_path, 1, REORGS_LONG)


async def killed_at(step: str, url: str, ledger: Ledger) -> int:
    """Let another process follow, which kills itself with SIGKILL when `step` is reached; its exit code."""
    contracts = ",".join(ledger.contracts.addresses)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.conformance.indexer.killed_follower", step, url, ledger.chain.url, contracts,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    return await asyncio.wait_for(process.wait(), 60)


@pytest.mark.parametrize("step", ["rollback_written", "rollback_committed"])
async def test_killed_in_a_rollback(store_url: str, ledger: Ledger, node: EvmNode, tmp_path: Path, step: str) -> None:
    start_block = ledger.head() - 16
    async with opened(store_url) as store:
        following = follower(store, ledger, start_block=start_block)
        busy(ledger, 4, 5)
        await catch_up(following, node)
        ledger.reorganise(4)
        busy(ledger, 5, 2)
        assert await killed_at(step, store_url, ledger) == -signal.SIGKILL
        await catch_up(following, node)
        await assert_as_fresh(store, ledger, node, tmp_path, start_block)
