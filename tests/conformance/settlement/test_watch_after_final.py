"""What is final is watched for an hour; a chain that takes it back calls a person, and the books stay as they are."""

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from community.minting.issuances import IssuanceState
from tests.support.simulated_node import Fault
from tests.support.simulated_settlement import Replica, SimulatedSettlement, simulated_settlement

pytestmark = pytest.mark.timeout(60)
CONFIGURED = 15
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
    world, _ = await settled(tmp_path)
    await world.advance(timedelta(minutes=2))
    fresh = await world.replica()
    fresh.node.faults.extend([Fault.STALE_NULL] * 3)
    assert await errors_of_a_pass(world, fresh) == []
    await world.close()


async def test_watching_what_lies_below_a_block_seen_before_costs_one_call(tmp_path: Path) -> None:
    world, replica = await settled(tmp_path)
    for _ in range(3):
        await world.produce(500, 700)
        for _ in range(3):
            await world.run(replica)
            world.chain.mine(4)
    assert len(await world.issuances()) == 7
    calls: list[str] = []

    async def note(method: str) -> None:
        calls.append(method)

    for looks in (2, 1, 1):  # the highest one seen before and the new one; then the new one stands for all
        await world.advance(timedelta(minutes=2))
        replica.node.before_call = note
        calls.clear()
        await world.run(replica)
        # the senders' balances are noted each minute beside it
        assert [call for call in calls if call != "eth_getBalance"] == ["eth_getBlockByNumber"] * looks
    await world.close()
