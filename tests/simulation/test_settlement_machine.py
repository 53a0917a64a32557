"""Settlement as a state machine: whatever fails in whatever order, I1 to I8 hold after every step (design chain.md 7).

I1 each issuance is minted at most once. I2 if faults stop, all is final. I3 minted energy is the registers' way less what
was netted, without a hole. I4 one intent per nonce, one nonce per issuance, in books, journal and chain. I5 nothing is
sent that is not stored, nothing signed without a journal row. I6 no token without the device's signature, no split but
the committed one. I7 `final` is canonical and finalised. I8 the audit verifies; each finalised settlement has one issuance.
"""

import asyncio
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from community.chain.signed_transactions import read_signed
from community.errors import RetryableError
from community.minting.apportionment import apportion
from community.minting.issuances import IssuanceState, issuance_id
from community.units import BASE_UNITS_PER_WH, WattHours
from settlement.failpoints import FAILPOINTS
from tests.support.plant_on_chain import HOLDERS, OPENING_WH, WEIGHTS, ref_of
from tests.support.simulated_chain import CHAIN_ID
from tests.support.simulated_node import Fault
from tests.support.simulated_settlement import (
    ISSUER,
    PLANTS,
    BrokerFault,
    Killed,
    Replica,
    SimulatedSettlement,
    simulated_settlement,
)

PASSES_TO_SETTLE_MAX = 200
PHASES = (Phase.explicit, Phase.generate)
"""Without shrinking: a failure prints its steps, and shrinking them would take longer than anybody waits."""
MEMORY = "/dev/shm"


def refs() -> dict[str, str]:
    """The plants' ids on chain."""
    return {plant: "0x" + ref_of(plant).hex() for plant in PLANTS}


class SettlementMachine(RuleBasedStateMachine):
    """Two replicas, of which one has the right to send; the other may still be in the middle of what it began."""

    guarded = True

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="settlement-", dir=MEMORY if Path(MEMORY).is_dir() else None))
        self.world: SimulatedSettlement = self.go(simulated_settlement(self.folder, guarded=self.guarded))
        self.active: Replica = self.go(self.world.replica())
        self.zombies: list[Replica] = []
        self.debt_wh = 0

    def go(self, work: Any) -> Any:
        return self.runner.run(work)

    # --- what happens

    @initialize(energies=st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 5000)), min_size=1, max_size=3))
    def the_sun_shone(self, energies: list[tuple[int, int]]) -> None:
        for both in energies:
            self.go(self.world.produce(*both))

    @rule(energy=st.integers(0, 5000), other=st.none() | st.integers(0, 5000))
    def the_plants_produce(self, energy: int, other: int | None) -> None:
        self.go(self.world.produce(energy, *(() if other is None else (other,))))

    @rule(kill_at=st.none() | st.sampled_from(FAILPOINTS), passes=st.integers(1, 3))
    def settlement_works(self, kill_at: str | None, passes: int) -> None:
        self.active.kill_at = kill_at
        for _ in range(passes):
            if not self.go(self.world.run(self.active)):
                self.starts_anew()
        self.active.kill_at = None

    @rule(calls=st.integers(0, 12))
    def the_active_one_freezes_and_another_takes_over(self, calls: int) -> None:
        if len(self.zombies) >= 2:
            return
        frozen = self.active

        async def freeze() -> bool:
            frozen.calls_until_pause = calls
            task = asyncio.create_task(frozen.loop.pass_once())
            frozen.task = task
            stopped = asyncio.create_task(frozen.paused.wait())
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            return not task.done()

        if self.go(freeze()):
            self.zombies.append(frozen)
        elif frozen.task is not None and not frozen.task.cancelled():
            frozen.task.exception()
        self.starts_anew()

    @rule()
    def a_frozen_one_goes_on(self) -> None:
        if self.zombies:
            self.wake(self.zombies.pop(0))

    def wake(self, frozen: Replica) -> None:
        """It does not know that it lost the right to send; what it still does must harm nobody."""

        async def thaw() -> None:
            frozen.wake.set()
            if frozen.task is not None:
                await asyncio.wait({frozen.task})
                error = frozen.task.exception()
                if error is not None and not isinstance(error, (RetryableError, Killed)):
                    raise error

        self.go(thaw())

    def starts_anew(self) -> None:
        """A new process, as soon as the node lets it through the gate."""
        while True:
            try:
                self.active = self.go(self.world.replica())
                return
            except RetryableError:
                self.world.chain.mine()

    @rule(blocks=st.integers(1, 8))
    def blocks_are_mined(self, blocks: int) -> None:
        self.world.chain.mine(blocks)

    @rule(depth=st.integers(1, 5), forget=st.booleans())
    def the_chain_reorganises(self, depth: int, forget: bool) -> None:
        self.world.chain.reorg(depth, forget=forget)

    @rule()
    def the_pool_is_dropped(self) -> None:
        self.world.chain.pool.clear()

    @rule(faults=st.lists(st.sampled_from(Fault), min_size=1, max_size=12))
    def the_node_fails(self, faults: list[Fault]) -> None:
        self.active.node.faults.extend(faults)

    @rule(faults=st.lists(st.sampled_from(BrokerFault), min_size=1, max_size=4))
    def the_broker_fails(self, faults: list[BrokerFault]) -> None:
        self.world.broker.faults.extend(faults)

    @rule()
    def delayed_messages_arrive(self) -> None:
        self.world.broker.deliver_delayed()

    @rule(seconds=st.sampled_from([1, 25, 120]))
    def time_passes(self, seconds: int) -> None:
        self.go(self.world.advance(timedelta(seconds=seconds)))

    @rule(debt=st.integers(1, 3000))
    def too_much_was_minted(self, debt: int) -> None:
        if self.debt_wh == 0:
            self.debt_wh = debt
            self.world.chain.correct(refs()["plant"], debt)

    # --- what always holds

    @invariant()
    def i1_each_issuance_is_minted_at_most_once(self) -> None:
        assert max(self.world.chain.counts().values(), default=0) <= 1

    @invariant()
    def i3_what_is_minted_is_the_way_of_the_register(self) -> None:
        state = self.world.chain.head.state
        netted_in_all = 0
        for plant, ref in refs().items():
            way, netted, source = OPENING_WH, 0, state.sources[ref]
            for one in state.settled:
                if one.source_ref == ref:
                    assert one.from_wh == way
                    way, netted = one.to_wh, netted + one.to_wh - one.from_wh - one.minted_wh
            assert source.register_wh == way
            assert netted + source.debt_wh in (self.debt_wh if plant == "plant" else 0, 0)
            netted_in_all += netted
        ways = sum(source.register_wh - OPENING_WH for source in state.sources.values())
        assert self.world.chain.minted(state) == (ways - netted_in_all) * BASE_UNITS_PER_WH

    @invariant()
    def i4_one_intent_per_nonce_and_one_nonce_per_issuance(self) -> None:
        world = self.world
        books = world.book_rows("SELECT nonce, issuance_id FROM chain_transaction")
        assert len({nonce for nonce, _ in books}) == len({issuance for _, issuance in books}) == len(books)
        carried = world.book_rows("SELECT issuance_id, transaction_id, position FROM carried_issuance")
        assert len({issuance for issuance, _, _ in carried}) == len(carried)
        assert {issuance for issuance, _, position in carried if position == 0} == {issuance for _, issuance in books}
        signed = [read_signed(bytes(raw)) for (raw,) in world.journal_rows("SELECT raw FROM signed_attempt")]
        calls = {(one.nonce, one.data, one.to) for one in signed}
        assert len({nonce for nonce, _, _ in calls}) == len({data for _, data, _ in calls}) == len(calls)
        for block in world.chain.blocks:
            for transaction, _ in block.transactions:
                assert (transaction.nonce, transaction.data, transaction.to) in calls

    @invariant()
    def i5_nothing_is_sent_that_is_not_stored_nor_signed_without_the_journal(self) -> None:
        assert self.world.unstored == []
        signed = {bytes(raw) for (raw,) in self.world.journal_rows("SELECT raw FROM signed_attempt")}
        assert set(self.world.broadcast.values()) <= signed

    @invariant()
    def i6_every_token_is_split_by_the_committed_shares(self) -> None:
        for one in self.world.chain.head.state.settled:
            expected = apportion(WattHours(one.minted_wh), WEIGHTS)
            assert one.parts == tuple(zip(HOLDERS, expected, strict=True))

    @invariant()
    def i7_final_is_canonical_and_finalised(self) -> None:
        chain = self.world.chain
        for tx_hash, block in self.world.book_rows("SELECT tx_hash, mined_block FROM issuance WHERE state = 'final'"):
            place = chain.place_of(tx_hash)
            assert place is not None and place[2]
            assert place[0].number == block <= chain.finalised.number

    @invariant()
    def i8_the_audit_verifies_and_each_finalised_settlement_has_its_issuance(self) -> None:
        world = self.world
        assert list(world.journal.audit_entries()) is not None
        ids = [row[0] for row in world.book_rows("SELECT id FROM issuance")]
        for one in world.chain.finalised.state.settled:
            assert ids.count(issuance_id(CHAIN_ID, ISSUER, one.source_ref, one.from_wh, one.to_wh)) == 1

    def teardown(self) -> None:
        """I2: once the faults stop, everything that was produced is final, each watt-hour once."""
        try:
            self.faults_stop_and_all_becomes_final()
        finally:
            self.go(self.world.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    def faults_stop_and_all_becomes_final(self) -> None:
        world = self.world
        for frozen in self.zombies:
            self.wake(frozen)
        world.broker.faults.clear()
        world.broker.deliver_delayed()
        self.starts_anew()
        for _ in range(PASSES_TO_SETTLE_MAX):
            self.go(world.run(self.active))
            self.go(world.advance(timedelta(seconds=5)))
            world.chain.mine(2)
            found = self.go(world.issuances())
            reached = dict.fromkeys(PLANTS, OPENING_WH) | {one.source_id: one.to_wh for one in found}
            made = {plant: OPENING_WH + energy for plant, energy in world.produced_wh.items()}
            if reached == made and all(one.state is IssuanceState.FINAL for one in found):
                break
        else:
            raise AssertionError(f"not settled: {[(one.state, one.failure) for one in found]}")
        for check in (
            self.i1_each_issuance_is_minted_at_most_once,
            self.i3_what_is_minted_is_the_way_of_the_register,
            self.i7_final_is_canonical_and_finalised,
        ):
            check()
        netted = self.debt_wh - world.chain.head.state.sources[refs()["plant"]].debt_wh
        assert world.chain.minted() == (sum(world.produced_wh.values()) - netted) * BASE_UNITS_PER_WH


class UnguardedMachine(SettlementMachine):
    """The same against an issuer that refuses nothing: what holds here, our side alone holds."""

    guarded = False


MACHINES = pytest.mark.parametrize("machine", [SettlementMachine, UnguardedMachine], ids=["guarded", "unguarded"])


def examine(machine: type[SettlementMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(170)
@MACHINES
def test_it_holds_whatever_fails(machine: type[SettlementMachine]) -> None:
    examine(machine, examples=4, steps=25)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", [1, 2, 3])
@MACHINES
def test_it_holds_whatever_fails_at_full_size(machine: type[SettlementMachine], part: int) -> None:
    """150 lives of 60 steps, in three parts of some minutes each."""
    examine(seed(part)(type(f"{machine.__name__}{part}", (machine,), {})), examples=50, steps=60)
