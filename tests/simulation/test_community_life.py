"""Settlement, signer and indexer live through reorgs and deaths and agree to the unit; then each damage is found by name."""

import shutil
from pathlib import Path
from random import Random

import pytest
from eth_utils.crypto import keccak

from community.reconciliation.breaks import BreakKind, Severity
from community.store import break_proofs, breaks
from community.store.stored_breaks import StoredBreak
from community.units import BASE_UNITS_PER_WH
from contracts.abi import MINTER_ROLE
from tests.simulation.community_life import Life
from tests.simulation.damages import DAMAGES, damage
from tests.support.plant_on_chain import ADMIN, HOLDERS, grant
from tests.support.settlement_world import SettlementWorld, settlement_world
from tests.support.stores import opened

pytestmark = pytest.mark.timeout(900)

HOUR = 4
"""Quarter-hours."""
EACH_DAY = 28


async def test_an_hour_of_life_ends_without_breaks_and_each_damage_is_named(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, slots_in_an_epoch=4) as world:
        life = await lived(world, HOUR, seed=7)
        await damages_are_named(life, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 5))
async def test_a_long_day_of_life_ends_without_breaks_in_each_seed(tmp_path: Path, seed: int) -> None:
    async with settlement_world(tmp_path, slots_in_an_epoch=4) as world:
        life = await lived(world, EACH_DAY, seed)
        assert life.reorgs > 5 and life.deaths
        await damages_are_named(life, tmp_path)


async def lived(world: SettlementWorld, quarters: int, seed: int) -> Life:
    """A life that ended in agreement."""
    life = Life(world, Random(seed))
    await life.begin()
    for _ in range(quarters):
        await life.quarter_hour()
    await life.until_final()
    run = await life.reconcile()
    assert (run.break_count, run.accepted_count) == (0, 0), await found_in(world.store_url)
    assert run.verified_wh == run.issued_wh == run.settled_wh == life.produced_wh
    assert run.supply == world.supply() == life.produced_wh * BASE_UNITS_PER_WH
    assert run.match_count == len(await world.issuances())
    assert (await life.reconcile()).digest == run.digest
    return life


async def damages_are_named(life: Life, folder: Path) -> None:
    """Each damage, alone on a copy of the books, is found by the next run; then a mint past the issuer is."""
    original = Path(life.world.store_url.removeprefix("sqlite:///"))
    wrong = {}
    for number, (name, (statement, kinds)) in enumerate(DAMAGES.items()):
        copy = folder / f"damaged-{number}.db"
        await checkpointed(life.world.store_url)
        shutil.copyfile(original, copy)
        damage(copy, statement)
        await life.reconcile(f"sqlite:///{copy}")
        found = await found_in(f"sqlite:///{copy}")
        if (named := {one.kind for one in found}) != {kind.value for kind in kinds}:
            wrong[name] = sorted(named)
        copy.unlink()
    assert wrong == {}
    await a_foreign_mint_is_named(life)


async def a_foreign_mint_is_named(life: Life) -> None:
    world = life.world
    grant(world.chain, world.token, MINTER_ROLE, ADMIN)
    call = keccak(text="mint(address,uint256)")[:4] + bytes.fromhex(HOLDERS[0][2:]).rjust(32, b"\0") + (5).to_bytes(32)
    mined = world.transact(world.token, call)
    world.chain.mine(12)
    await life.index()
    await life.reconcile()
    (found,) = await found_in(world.store_url)
    assert (found.kind, found.severity) == (BreakKind.MISSING_OFF_CHAIN, Severity.GRAVE)
    assert found.subject.startswith(mined["transactionHash"]) and HOLDERS[0] in found.detail


async def found_in(store_url: str) -> list[StoredBreak]:
    """The open breaks, each with rows that prove it."""
    async with opened(store_url) as store, store.read() as work:
        found = await breaks.open_breaks(work)
        for one in found:
            assert await break_proofs.proofs_of(work, one), one
    return found


async def checkpointed(store_url: str) -> None:
    """Bring what stands in the write-ahead log into the file."""
    async with opened(store_url) as store, store.engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
