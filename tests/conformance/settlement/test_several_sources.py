"""Settlements of several sources share a transaction, and none of them depends on the others."""

from pathlib import Path

import pytest

from community.minting.apportionment import apportion
from community.minting.issuances import IssuanceState
from community.runtime.system_clock import SystemClock
from community.units import BASE_UNITS_PER_WH, WattHours
from contracts.abi import encode_set_active
from settlement.report import resume
from tests.conformance.settlement.test_restored_backup import back_up, recovered, restore
from tests.conformance.settlement.test_settles_on_a_real_chain import pass_and_mine
from tests.support.plant_on_chain import HOLDERS, OPENING_WH, WEIGHTS, ref_of
from tests.support.settlement_world import SettlementWorld, settlement_world
from tests.support.stores import opened

pytestmark = pytest.mark.timeout(90)

MADE = {"plant": 700, "barn": 300, "school": 41}


async def with_sun(world: SettlementWorld) -> None:
    """Three plants, each with one quarter-hour of its own energy."""
    await world.build("barn", "school")
    for plant, energy in MADE.items():
        await world.add_readings((1, energy), plant=plant)


def assert_minted(world: SettlementWorld, *energies: int) -> None:
    parts = [apportion(WattHours(energy), WEIGHTS) for energy in energies]
    assert [world.balance(holder) for holder in HOLDERS] == [sum(column) for column in zip(*parts, strict=True)]
    assert world.supply() == sum(energies) * BASE_UNITS_PER_WH


async def test_one_transaction_settles_all_and_each_stays_an_issuance(tmp_path: Path, store_url: str) -> None:
    async with settlement_world(tmp_path, store_url=store_url) as world:
        await with_sun(world)
        found = await world.settle_until(3)
        assert {one.source_id: one.to_wh - OPENING_WH for one in found} == MADE
        assert len({(one.tx_hash, one.mined_block) for one in found}) == world.mine_nonces() == 1
        assert_minted(world, *MADE.values())


async def test_what_needs_too_much_gas_together_goes_in_smaller_ones(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        world.terms_changes["batch_gas_max"] = 250_000
        await with_sun(world)
        await world.settle_until(3)
        assert 1 < world.mine_nonces() <= 3
        assert_minted(world, *MADE.values())


async def test_a_source_that_the_signer_does_not_know_stops_alone(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        await with_sun(world)
        world.registry["sources"] = [one for one in world.registry["sources"] if one["source_ref"][:2] == "5a"] + [
            world.registry["sources"][-1]
        ]
        world.pin()
        await world.settle_until(2)
        found = await world.settle_until(1, IssuanceState.STOPPED)
        (stopped,) = [one for one in found if one.state is IssuanceState.STOPPED]
        assert stopped.source_id == "barn" and "not pinned" in (stopped.failure or "")
        assert_minted(world, MADE["plant"], MADE["school"])
        assert world.mine_nonces() == 2, "the refused nonce was given back"


async def test_a_batch_that_reverts_stops_only_the_source_to_blame(tmp_path: Path, store_url: str) -> None:
    """The chain changed in the last second. The others are signed again once operators say that the nonce did nothing."""
    async with settlement_world(tmp_path, store_url=store_url) as world:
        await with_sun(world)
        switched = []

        def switch_off(at: str) -> None:
            if at == "before_sent" and not switched:
                switched.append(world.transact(world.issuer, encode_set_active(ref_of("barn"), active=False)))

        async with world.running(switch_off) as loop:
            await pass_and_mine(world, loop, 2)
            assert {one.state for one in await world.issuances()} == {IssuanceState.BROADCAST}, (
                "it may yet be mined anew"
            )
            world.chain.mine(70)
            await loop.pass_once()
            world.chain.mine(2)
            await loop.pass_once()
        found = {one.source_id: one for one in await world.issuances()}
        assert {name: one.state.value for name, one in found.items()} == {
            "plant": "planned", "school": "planned", "barn": "stopped",
        }  # fmt: skip
        assert "InactiveSource" in (found["barn"].failure or "")
        assert "approve `reverted_nonces` [0]" in (found["plant"].failure or "")
        assert (world.supply(), world.mine_nonces()) == (0, 1)

        world.registry["reverted_nonces"] = [0]
        world.pin()
        await world.settle_until(2)
        assert_minted(world, MADE["plant"], MADE["school"])
        world.transact(world.issuer, encode_set_active(ref_of("barn"), active=True))
        async with opened(world.store_url) as store:
            await resume(store, found["barn"].id, SystemClock())
        assert {one.id for one in await world.settle_until(3)} == {one.id for one in found.values()}
        assert_minted(world, *MADE.values())
        assert world.mine_nonces() == 4


@pytest.mark.parametrize("asks_the_signer", [True, False])
async def test_a_batch_that_a_backup_lacks_is_put_back_whole(tmp_path: Path, asks_the_signer: bool) -> None:
    backup = tmp_path / "backup.db"
    async with settlement_world(tmp_path) as world:
        await world.build("barn", "school")
        back_up(world, backup)
        for plant, energy in MADE.items():
            await world.add_readings((1, energy), plant=plant)
        lost = await world.settle_until(3)
        restore(world, backup)
        found = await recovered(world, None if asks_the_signer else [])
        assert (len(found.put_back), found.problems) == (3, [])
        assert (await recovered(world)).put_back == []
        back = await world.settle_until(3)
        assert [(one.id, one.parts, one.tx_hash) for one in back] == [(one.id, one.parts, one.tx_hash) for one in lost]
        await world.add_readings((2, 1000), plant="barn")
        await world.settle_until(4)
        assert_minted(world, *MADE.values(), 700)
        assert world.mine_nonces() == 2
