"""Alive, ready, and the figures: what the indexer says of itself."""

from datetime import UTC, datetime, timedelta

import pytest

from community.chain.blocks import BlockRef
from community.chain.index_checkpoint import IndexCheckpoint
from community.runtime.figures import page
from indexer.compare import first_difference
from indexer.condition import Condition
from indexer.progress import BackfillProgress

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HASH = "0x" + "11" * 32


class Clock:
    def __init__(self) -> None:
        self.now = NOW


def at(head: int, node_head: int) -> IndexCheckpoint:
    return IndexCheckpoint(1, 0, BlockRef(head, HASH), BlockRef(0, HASH), node_head, NOW)


async def test_ready_is_who_is_not_far_behind_and_not_stalled() -> None:
    clock = Clock()
    condition = Condition(lambda: clock.now, behind_max=10)
    assert await condition.why_not_ready() == "nothing is indexed yet"
    condition.progressed(at(90, 100))
    assert await condition.why_not_ready() == ""
    condition.progressed(at(89, 100))
    assert await condition.why_not_ready() == "11 blocks behind the node"
    condition.stalled("the node is down")
    assert await condition.why_not_ready() == "the node is down" and condition.why_not_alive() == ""
    clock.now += timedelta(minutes=2)
    assert "no step was done for 120 s: the node is down" in condition.why_not_alive()
    condition.standing_by = True
    assert condition.why_not_alive() == "" and "stands by" in await condition.why_not_ready()


async def test_figures_are_in_prometheus_text() -> None:
    condition = Condition(lambda: NOW, behind_max=10)
    condition.progressed(at(98, 100))
    condition.node_failed("one:8545")
    condition.node_failed("one:8545")
    condition.rolled_back(3)
    condition.rolled_back(1)
    lines = page(await condition.figures()).splitlines()
    assert 'indexer_node_failures_total{endpoint="one:8545"} 2.0' in lines
    assert "indexer_behind_blocks 2.0" in lines
    assert "indexer_reorgs_total 2.0" in lines and "indexer_reorg_depth_blocks 3.0" in lines
    assert all(line.startswith("#") or len(line.split()) == 2 for line in lines)


def test_progress_tells_rate_and_time_left() -> None:
    progress = BackfillProgress(blocks_done=250, blocks_left=750, logs=1_000, elapsed_s=20.0)
    assert progress.sentence() == "25 %: 250 blocks, 1000 logs, 50 logs/s, 1 min 00 s left"
    assert BackfillProgress(0, 5, 0, 0.0).sentence() == "0 %: 0 blocks, 0 logs, 0 logs/s"
    assert "2 h 46 min left" in BackfillProgress(1, 10_000, 0, 1.0).sentence()


@pytest.mark.parametrize("first", [5, 6, 17, 40, None])
async def test_the_first_difference_is_bisected(first: int | None) -> None:
    asked = []

    async def ours(number: int) -> str:
        asked.append(number)
        return f"{number}"

    async def theirs(number: int) -> str:
        return f"{number}" if first is None or number < first else "other"

    assert await first_difference(ours, theirs, 5, 40) == first
    assert len(asked) <= 7
