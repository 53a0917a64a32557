"""From a device-signed reading to a final issuance: real chain, committed contracts, real broker, real signer."""

from itertools import pairwise
from pathlib import Path

import pytest

from community.minting.apportionment import apportion
from community.minting.issuances import IssuanceState
from community.runtime.system_clock import SystemClock
from community.store.transactions import transaction_of
from community.store.views.senders import senders
from community.units import BASE_UNITS_PER_WH, WattHours
from settlement.failpoints import FAILPOINTS
from settlement.loop import SettlementLoop
from settlement.report import resume
from tests.support.plant_on_chain import HOLDERS, OPENING_WH, WEIGHTS
from tests.support.sending_device import SendingDevice
from tests.support.settlement_world import SettlementWorld, settlement_world
from tests.support.stores import opened

pytestmark = pytest.mark.timeout(90)


ON_OTHER_WAYS = ("proposal_stored", "attempt_stored", "block_vanished")
"""Places that an issuance passes only with a window for objections, when its fees rise, or after a reorg."""


class Killed(Exception):
    """The process ends here."""


def assert_minted_exactly(world: SettlementWorld, *energies: int, transactions: int | None = None) -> None:
    """Supply and balances are those of these settlements, and each took one transaction, if not told otherwise."""
    parts = [apportion(WattHours(energy), WEIGHTS) for energy in energies]
    assert [world.balance(holder) for holder in HOLDERS] == [sum(column) for column in zip(*parts, strict=True)]
    assert world.supply() == sum(energies) * BASE_UNITS_PER_WH
    assert world.mine_nonces() == (len(energies) if transactions is None else transactions)


async def test_a_signed_reading_becomes_a_final_issuance(tmp_path: Path, store_url: str) -> None:
    async with settlement_world(tmp_path, store_url=store_url) as world:
        await world.add_readings((1, 0), (2, 1234))
        (issuance,) = await world.settle_until(1)
        assert (issuance.from_wh, issuance.to_wh) == (OPENING_WH, OPENING_WH + 1234)
        assert issuance.state is IssuanceState.FINAL and issuance.mined_block is not None
        assert [part.amount for part in issuance.parts] == list(apportion(WattHours(1234), WEIGHTS))
        assert_minted_exactly(world, 1234)
        async with opened(store_url) as store, store.read() as work:
            (sender,) = await senders(work)
        assert sender.balance_at is not None and 0 < (sender.balance_wei or 0) <= 10**20


async def test_each_producing_interval_is_one_issuance_in_a_chain_without_holes(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        await world.add_readings((1, 100), (2, 100), (3, 250))
        await world.add_readings((5, 333))
        found = await world.settle_until(3)
        assert [one.to_wh - OPENING_WH for one in found] == [100, 250, 333]
        assert [later.from_wh for later in found[1:]] == [one.to_wh for one in found[:-1]]
        assert_minted_exactly(world, 100, 150, 83)


@pytest.mark.parametrize("name", [name for name in FAILPOINTS if name not in ON_OTHER_WAYS])
async def test_killed_anywhere_it_still_mints_exactly_once(tmp_path: Path, name: str) -> None:
    """Of two plants: what both have at first goes in one transaction, what comes then in another."""
    async with settlement_world(tmp_path) as world:
        await world.build("barn")
        await world.add_readings((1, 700))
        await world.add_readings((2, 1500))
        await world.add_readings((1, 300), plant="barn")
        reached = []

        def kill(at: str) -> None:
            if at == name and not reached:
                reached.append(at)
                raise Killed(at)

        async with world.running(kill) as loop:
            with pytest.raises(Killed):
                await pass_and_mine(world, loop, 10)
        assert reached == [name]
        found = await world.settle_until(3)
        assert [one.state for one in found] == [IssuanceState.FINAL] * 3
        assert_minted_exactly(world, 700, 800, 300, transactions=2)


async def test_a_reorg_that_drops_the_mint_is_healed_with_the_same_bytes(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, slots_in_an_epoch=8) as world:
        world.chain.mine(3)
        await world.add_readings((1, 900))
        (mined,) = await world.settle_until(1, IssuanceState.MINED)
        assert world.supply() == 900 * BASE_UNITS_PER_WH
        world.chain.rpc("anvil_reorg", 2, [])
        world.chain.rpc("anvil_dropAllTransactions")
        assert world.supply() == 0
        (final,) = await world.settle_until(1)
        assert final.id == mined.id and final.tx_hash == mined.tx_hash
        assert_minted_exactly(world, 900)


async def test_a_waiting_transaction_gets_higher_fees_and_is_mined_once(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, automine=False) as world:
        await world.add_readings((1, 400))
        world.terms_changes = {"bump_after_s": 0}
        async with world.running() as loop:
            for _ in range(6):
                await loop.pass_once()
        assert int(world.chain.rpc("txpool_status")["pending"], 16) == 1
        (waiting,) = await world.issuances()
        async with opened(world.store_url) as store, store.read() as work:
            transaction = await transaction_of(work, waiting.id)
        assert transaction is not None
        fees = [attempt.fees.max_fee_wei for attempt in transaction.signed_attempts]
        assert len(fees) >= 3 and all(later * 4 >= earlier * 5 for earlier, later in pairwise(fees))
        newest = world.chain.rpc("eth_getTransactionByHash", transaction.signed_attempts[-1].tx_hash)
        assert int(newest["maxFeePerGas"], 16) == fees[-1]
        (final,) = await world.settle_until(1)
        assert final.state is IssuanceState.FINAL
        assert_minted_exactly(world, 400)


async def test_a_transaction_that_the_nodes_take_no_more_gets_higher_fees(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, automine=False) as world:
        await world.add_readings((1, 400))
        world.terms_changes = {"bump_after_s": 0}
        async with world.running() as loop:
            await loop.pass_once()
            (waiting,) = await world.issuances()
            assert waiting.state is IssuanceState.BROADCAST
            async with loop.store.read() as work:
                sent = await transaction_of(work, waiting.id)
            assert sent is not None
            world.chain.rpc("anvil_dropAllTransactions")
            world.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(2 * sent.newest.fees.max_fee_wei))
            world.chain.mine()
            for _ in range(12):
                await loop.pass_once()
        async with opened(world.store_url) as store, store.read() as work:
            transaction = await transaction_of(work, waiting.id)
        assert transaction is not None
        assert transaction.newest.fees.max_fee_wei > 2 * sent.newest.fees.max_fee_wei
        await world.settle_until(1)
        assert_minted_exactly(world, 400)


async def test_a_forged_reading_stops_the_source_before_a_nonce_is_taken(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        await world.add_readings((1, 400), forger=SendingDevice())
        (stopped,) = await world.settle_until(1, IssuanceState.STOPPED)
        assert "BadSignature" in (stopped.failure or "")
        assert (world.supply(), world.mine_nonces()) == (0, 0)


async def test_what_the_signer_refuses_stops_and_can_be_resumed_under_the_same_nonce(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        world.registry["limits"]["gas_max"] = 21_000
        world.pin()
        await world.add_readings((1, 400))
        (stopped,) = await world.settle_until(1, IssuanceState.STOPPED)
        assert "ceiling is 21000" in (stopped.failure or "")
        world.registry["limits"]["gas_max"] = 3_000_000
        world.pin()
        await resume_issuance(world, stopped.id)
        (final,) = await world.settle_until(1)
        assert final.id == stopped.id and final.failure is None
        assert_minted_exactly(world, 400)


async def pass_and_mine(world: SettlementWorld, loop: SettlementLoop, times: int) -> None:
    for _ in range(times):
        await loop.pass_once()
        world.chain.mine()


async def resume_issuance(world: SettlementWorld, issuance_id: str) -> None:
    async with opened(world.store_url) as store:
        await resume(store, issuance_id, SystemClock())
