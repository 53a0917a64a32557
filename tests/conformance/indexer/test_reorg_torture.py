"""Reorgs by the hundred: after each one rows, balances and digests equal those of a fresh index of the final chain."""

import asyncio
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from community.clients.evm import EvmNode
from community.store import chain_index
from community.store.unit_of_work import Store
from indexer.follow import Follower
from tests.conformance.indexer.ledgers import Ledger, catch_up, follower, rows
from tests.conformance.indexer.reorgs import FINALITY_DISTANCE, KINDS, disturb, grow_beyond, once_at
from tests.conformance.indexer.test_following import busy
from tests.support.anvil import CHAIN_ID, AnvilChain, start_anvil
from tests.support.stores import new_sqlite_url, opened

REORGS = 10
SEEDS_LONG, REORGS_LONG = 7, 30
"""Seeds, and random reorgs of each."""
ROLLBACK_STEPS = ("rollback_written", "rollback_committed")


@pytest.fixture
def chain() -> Iterator[AnvilChain]:
    """A new chain for each seed: after about 800 blocks with many reorgs anvil forgets the state that a deep one goes back to."""
    with start_anvil(slots_in_an_epoch=8) as running:
        yield running


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


@dataclass(slots=True)
class Torture:
    """One chain that is reorganised again and again as a seed says, and the index that has to follow it."""

    store: Store
    url: str
    ledger: Ledger
    node: EvmNode
    folder: Path
    kills: float
    """How often, of 1, the process that rolls back is killed there."""
    done: Counter[str] = field(default_factory=Counter)

    async def run(self, seed: int, reorgs: int) -> None:
        draw = random.Random(seed)
        start_block = self.ledger.head() - 16
        self.ledger.chain.mine(FINALITY_DISTANCE)  # no reorg may take the contracts away
        following = follower(self.store, self.ledger, start_block=start_block)
        for turn in range(reorgs):
            kind = KINDS[(seed + turn) % len(KINDS)]
            await self._reorganise(following, draw, kind)
            again = draw.random()
            if again < self.kills:
                await self._killed_in_the_rollback(draw.choice(ROLLBACK_STEPS))
            elif again < self.kills + 0.3:
                await self._reorganised_in_the_rollback(draw.choice(ROLLBACK_STEPS), start_block)
            await catch_up(following, self.node)
            await assert_as_fresh(self.store, self.ledger, self.node, self.folder, start_block)
            self.done[kind] += 1

    async def _reorganise(self, following: Follower, draw: random.Random, kind: str) -> None:
        """Blocks that are indexed, and given up again."""
        ledger = self.ledger
        await catch_up(following, self.node)
        snapshot = ledger.chain.rpc("evm_snapshot") if kind == "revert" else None
        busy(ledger, draw.randrange(10**6), draw.randrange(1, 5))
        await catch_up(following, self.node)
        head = ledger.head()
        if snapshot is not None:
            ledger.chain.rpc("evm_revert", snapshot)
        else:
            disturb(ledger, draw, kind)
        busy(ledger, draw.randrange(10**6), draw.randrange(3))
        grow_beyond(ledger, head)

    async def _reorganised_in_the_rollback(self, step: str, start_block: int) -> None:
        again = once_at(step, lambda: self.ledger.reorganise(2))
        await catch_up(follower(self.store, self.ledger, again, start_block=start_block), self.node)
        self.done["reorganised in the rollback"] += 1

    async def _killed_in_the_rollback(self, step: str) -> None:
        assert await killed_at(step, self.url, self.ledger) == -signal.SIGKILL, "there was a rollback to be killed in"
        self.done["killed in the rollback"] += 1


async def test_random_reorgs(store_url: str, ledger: Ledger, node: EvmNode, tmp_path: Path) -> None:
    async with opened(store_url) as store:
        await Torture(store, store_url, ledger, node, tmp_path, kills=0.0).run(3, REORGS)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(SEEDS_LONG))
async def test_hundreds_of_random_reorgs(
    store_url: str, ledger: Ledger, node: EvmNode, tmp_path: Path, seed: int
) -> None:
    async with opened(store_url) as store:
        torture = Torture(store, store_url, ledger, node, tmp_path, kills=0.15)
        await torture.run(seed, REORGS_LONG)
    print(f"seed {seed}: {dict(torture.done)}")
    assert sum(torture.done[kind] for kind in KINDS) == REORGS_LONG
    assert torture.done["killed in the rollback"] and torture.done["reorganised in the rollback"]


async def killed_at(step: str, url: str, ledger: Ledger) -> int:
    """Let another process follow, which kills itself with SIGKILL when `step` is reached; its exit code."""
    contracts = ",".join(ledger.contracts.addresses)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.conformance.indexer.killed_follower", step, url, ledger.chain.url, contracts,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    async with asyncio.timeout(60):
        return await process.wait()


@pytest.mark.parametrize("step", ROLLBACK_STEPS)
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
