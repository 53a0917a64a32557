"""What settlement waits for by itself, and how often it raises the fees before it calls a person."""

import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from community.chain.transactions import ATTEMPTS_MAX
from community.minting.issuances import IssuanceState
from community.store.transactions import transaction_of
from tests.support.plant_on_chain import SOURCE_REF
from tests.support.simulated_settlement import simulated_settlement

pytestmark = pytest.mark.timeout(60)
REF = "0x" + SOURCE_REF.hex()


async def test_fees_rise_six_times_then_a_person_is_called_and_any_attempt_may_be_mined(tmp_path: Path) -> None:
    world = await simulated_settlement(tmp_path, guarded=True)
    await world.produce(500)
    replica = await world.replica()
    with capture_logs() as logs:
        for _ in range(3 * ATTEMPTS_MAX):
            await world.run(replica)
            await world.advance(timedelta(seconds=world.terms.bump_after_s + 1))
    (waiting,) = await world.issuances()
    async with world.store.read() as work:
        transaction = await transaction_of(work, waiting.id)
    assert transaction is not None and ATTEMPTS_MAX == 7
    fees = [attempt.fees for attempt in transaction.signed_attempts]
    assert len(fees) == ATTEMPTS_MAX == len(transaction.attempts)
    assert all(4 * later.max_fee_wei >= 5 * earlier.max_fee_wei for earlier, later in itertools.pairwise(fees))
    assert [entry["event"] for entry in logs].count("fees_raised") == 6
    stuck = [entry for entry in logs if entry["event"] == "transaction_stuck"]
    assert stuck and stuck[0]["attempts"] == ATTEMPTS_MAX and "Raise the fee ceiling" in stuck[0]["do"]
    for _ in range(4):
        world.chain.mine(4)
        await world.run(replica)
    assert [one.state for one in await world.issuances()] == [IssuanceState.FINAL]
    assert max(world.chain.counts().values()) == 1
    await world.close()


async def test_shares_that_are_not_committed_yet_are_waited_for(tmp_path: Path) -> None:
    world = await simulated_settlement(tmp_path, guarded=True)
    committed = world.chain.head.state.sources[REF]
    world.chain.configure(REF, replace(committed, config_hash=bytes(32)))
    await world.produce(500, 300)
    replica = await world.replica()
    with capture_logs() as logs:
        await world.run(replica)
        await world.run(replica)
    assert [one.source_id for one in await world.issuances()] == ["barn"], "the other one goes its way"
    (reason,) = [entry["reason"] for entry in logs if entry["event"] == "settlement_waits"]
    assert "have the registrar commit exactly these" in reason
    world.chain.configure(REF, committed)
    await world.advance(timedelta(seconds=1))
    for _ in range(4):
        await world.run(replica)
        world.chain.mine(4)
    assert [one.state for one in await world.issuances()] == [IssuanceState.FINAL] * 2
    await world.close()
