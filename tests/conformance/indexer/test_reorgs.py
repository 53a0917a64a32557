"""Reorgs on a real node: the index ends as if the given-up blocks had never been; nothing final is ever rewritten."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from community.clients.evm import EvmNode
from community.clients.json_rpc import Call
from community.store.chain_index import CheckpointMoved
from community.store.unit_of_work import Store
from indexer.follow import FinalityContradicted
from tests.conformance.indexer.ledgers import Ledger, catch_up, follower, rows
from tests.conformance.indexer.test_following import busy
from tests.support.stores import new_sqlite_url, opened

STEPS = (
    "block_read", "block_written", "block_committed", "rollback_written", "rollback_committed", "finality_written",
    "finality_committed",
)  # fmt: skip


class Killed(BaseException):
    """The process is gone: nobody catches this."""


async def assert_equals_fresh_index(store: Store, ledger: Ledger, node: EvmNode, folder: Path) -> None:
    async with opened(await new_sqlite_url(folder, "fresh.db")) as fresh:
        await catch_up(follower(fresh, ledger), node)
        expected = await rows(fresh, blocks=False)
    assert await rows(store, blocks=False) == expected


@pytest.mark.parametrize("seed", [11, 12])
async def test_index_equals_a_fresh_one_after_reorgs(
    store: Store, ledger: Ledger, node: EvmNode, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    following = follower(store, ledger)
    depths = [1, 2, 3, 4, 5]
    draw.shuffle(depths)
    for depth in depths:
        busy(ledger, draw.randrange(10**6), 6)
        await catch_up(following, node)
        ledger.reorganise(depth)
        busy(ledger, draw.randrange(10**6), draw.randrange(4))
        await catch_up(following, node)
    await assert_equals_fresh_index(store, ledger, node, tmp_path)


async def test_nothing_is_lost_when_killed_at_any_step(
    sqlite_store: Store, ledger: Ledger, node: EvmNode, tmp_path: Path
) -> None:
    await catch_up(follower(sqlite_store, ledger), node)
    killed = []
    for turn, step in enumerate((*STEPS, *STEPS)):

        def kill(name: str, at: str = step) -> None:
            if name == at:
                raise Killed(name)

        busy(ledger, turn, 2)
        if "rollback" in step:
            await catch_up(follower(sqlite_store, ledger), node)
            ledger.reorganise(2)
        try:
            await catch_up(follower(sqlite_store, ledger, kill), node)
        except Killed:
            killed.append(step)
        await catch_up(follower(sqlite_store, ledger), node)
    assert killed == [*STEPS, *STEPS]
    await assert_equals_fresh_index(sqlite_store, ledger, node, tmp_path)


async def test_a_changed_final_block_stops_and_rewrites_nothing(
    sqlite_store: Store, ledger: Ledger, node: EvmNode
) -> None:
    ledger.settle(500)
    ledger.chain.mine(17)
    following = follower(sqlite_store, ledger)
    await catch_up(following, node)
    before = await rows(sqlite_store)
    ledger.reorganise(18)  # takes the settlement, which was final, with it
    with pytest.raises(FinalityContradicted, match="Nothing was rewritten"):
        await catch_up(following, node)
    assert await rows(sqlite_store) == before


async def test_two_indexers_on_one_database_double_nothing(
    store: Store, ledger: Ledger, node: EvmNode, tmp_path: Path
) -> None:
    busy(ledger, 8, 4)
    other = follower(store, ledger)
    await catch_up(other, node)
    busy(ledger, 9, 4)
    raced = []

    class Racing(EvmNode):
        """Lets the other indexer work between our reading and our writing."""

        async def fetch(self, calls: Sequence[Call]) -> bytes:
            found = await super().fetch(calls)
            if calls[0][0] == "eth_getLogs" and not raced:
                raced.append(True)
                await catch_up(other, node)
            return found

    racing = Racing(node.url)
    try:
        with pytest.raises(CheckpointMoved):
            await follower(store, ledger).step(racing)
    finally:
        await racing.close()
    await catch_up(follower(store, ledger), node)
    await assert_equals_fresh_index(store, ledger, node, tmp_path)
