"""What is final is watched for an hour; a chain that takes it back calls a person, and the books stay as they are."""

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from community.minting.issuances import IssuanceState
from tests.support.simulated_node import Fault
from tests.support.simulated_settlement import Replica, SimulatedSettlement, simulated_settlement

pytestmark = pytest.mark.timeout(60)
CONFIGURED = 8
"""Blocks of the simulated chain before the first settlement."""


async def settled(folder: Path) -> tuple[SimulatedSettlement, Replica]:
    world = await simulated_settlement(folder, guarded=True)
    await world.produce(500)
    replica = await world.replica()
    for _ in range(4):
        await world.run(replica)
        world.chain.mine(4)
    assert [one.state for one in await world.issuances()] == [IssuanceState.FINAL]
    return world, replica


async def errors_of_a_pass(world: SimulatedSettlement, replica: Replica) -> list[str]:
    with capture_logs() as logs:
        await world.run(replica)
    return [entry["event"] for entry in logs if entry["log_level"] == "error"]


async def test_a_finalised_block_that_vanishes_is_an_alarm_every_minute_for_an_hour(tmp_path: Path) -> None:
    world, replica = await settled(tmp_path)
    await world.advance(timedelta(minutes=2))
    assert await errors_of_a_pass(world, replica) == []
    del world.chain.blocks[CONFIGURED:]
    await world.advance(timedelta(minutes=2))
    assert await errors_of_a_pass(world, replica) == ["final_settlement_vanished"]
    assert await errors_of_a_pass(world, replica) == [], "not in every pass"
    await world.advance(timedelta(minutes=2))
    assert await errors_of_a_pass(world, replica) == ["final_settlement_vanished"]
    assert [one.state for one in await world.issuances()] == [IssuanceState.FINAL]
    await world.advance(timedelta(hours=2))
    assert await errors_of_a_pass(world, replica) == []
    await world.close()


async def test_a_settlement_that_moved_to_another_block_is_an_alarm(tmp_path: Path) -> None:
    world, replica = await settled(tmp_path)
    (tx_hash, raw) = next(iter(world.chain.seen_raw.items()))
    del world.chain.blocks[CONFIGURED:]
    world.chain.forks += 1
    world.chain.mine(3, empty=True)
    world.chain.take(raw)
    world.chain.mine(8)
    assert world.chain.place_of(tx_hash) is not None
    await world.advance(timedelta(minutes=2))
    assert await errors_of_a_pass(world, replica) == ["final_block_changed"]
    await world.close()


async def test_a_node_that_only_forgot_the_receipt_is_no_alarm(tmp_path: Path) -> None:
    world, replica = await settled(tmp_path)
    await world.advance(timedelta(minutes=2))
    replica.node.faults.extend([Fault.STALE_NULL] * 3)
    assert await errors_of_a_pass(world, replica) == []
    await world.close()
