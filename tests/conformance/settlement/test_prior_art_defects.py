"""Defects found in other systems (energy-and-tokens 4): each would show here if it were ours.

FEA issued certificates by the latest timestamp and without a lock, ETT lost what was corrected, Guardian minted once per
replica and lost amounts in floats, Stamp's overlapping periods passed, B2E2 stranded dust, GkWh began its remainders anew.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from community.minting.apportionment import apportion
from community.minting.issuances import IssuanceState
from community.units import BASE_UNITS_PER_WH, WattHours
from tests.support.plant_on_chain import HOLDERS, OPENING_WH, SOURCE_REF, WEIGHTS
from tests.support.simulated_settlement import SimulatedSettlement, simulated_settlement

pytestmark = pytest.mark.timeout(90)


async def until_final(world: SimulatedSettlement, count: int) -> list[tuple[int, int]]:
    replica = await world.replica()
    for _ in range(60):
        await world.run(replica)
        await world.advance(timedelta(seconds=1))
        world.chain.mine(2)
        found = await world.issuances()
        if [one.state for one in found] == [IssuanceState.FINAL] * count:
            return [(one.from_wh - OPENING_WH, one.to_wh - OPENING_WH) for one in found]
    raise AssertionError([(one.state, one.failure) for one in await world.issuances()])


@given(first=st.integers(1, 10**9), second=st.integers(1, 10**9))
def test_1_parts_are_neither_a_unit_short_nor_long(first: int, second: int) -> None:
    """FEA's split_certificate_bundle made 251 and 749 of 1000."""
    energy = WattHours(first + second)
    assert apportion(energy, [first, second]) == (first * BASE_UNITS_PER_WH, second * BASE_UNITS_PER_WH)


@given(energy=st.integers(0, 10**6), weights=st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
def test_4_11_13_nothing_is_floored_away_stranded_or_rounded_by_floats(energy: int, weights: list[int]) -> None:
    """FEA floored percentages to whole Wh, Guardian parsed amounts with parseFloat, B2E2 left rounding dust behind."""
    parts = apportion(WattHours(energy), weights)
    assert sum(parts) == energy * BASE_UNITS_PER_WH and all(type(part) is int for part in parts)


@given(energies=st.lists(st.integers(1, 10**6), min_size=1, max_size=8))
def test_24_remainders_need_no_state_that_a_recomputation_could_lose(energies: list[int]) -> None:
    """GkWh reset its remainders when it computed anew. Ours has none: each settlement alone gives the same parts."""
    once = [apportion(WattHours(energy), WEIGHTS) for energy in energies]
    again = [apportion(WattHours(energy), WEIGHTS) for energy in reversed(energies)][::-1]
    assert once == again


async def test_2_7_late_readings_are_issued_with_the_next_settlement(tmp_path: Path) -> None:
    """FEA issued from the latest timestamp on, ETT never issued what was measured after it had been estimated."""
    world = await simulated_settlement(tmp_path, guarded=True)
    await world.plant.add_readings((1, 100), (4, 700))  # two quarter-hours are missing and come late
    await world.advance(timedelta(hours=1))
    assert await until_final(world, 2) == [(0, 100), (100, 700)]
    await world.plant.add_readings((2, 250), (3, 400))
    await world.plant.add_readings((5, 900))
    await world.advance(timedelta(minutes=30))
    assert await until_final(world, 3) == [(0, 100), (100, 700), (700, 900)]
    assert world.chain.minted() == 900 * BASE_UNITS_PER_WH
    await world.close()


async def test_3_9_two_workers_at_once_issue_the_same_energy_once(tmp_path: Path) -> None:
    """FEA #221 made duplicates; each replica of Guardian #2019 minted. Here both work without any lock between them."""
    world = await simulated_settlement(tmp_path, guarded=False)
    for energy in (100, 200, 300):
        await world.produce(energy)
    one, other = await world.replica(), await world.replica()
    for _ in range(25):
        await asyncio.gather(world.run(one), world.run(other))
        world.chain.mine()
    assert await until_final(world, 3) == [(0, 100), (100, 300), (300, 600)]
    assert max(world.chain.counts().values()) == 1
    assert world.book_rows("SELECT count(*) FROM chain_transaction") == [(3,)]
    await world.close()


async def test_5_an_issuance_that_begins_where_another_does_is_refused_by_the_books(tmp_path: Path) -> None:
    """Stamp's key was the exact period: one that overlapped it passed."""
    world = await simulated_settlement(tmp_path, guarded=True)
    await world.produce(100)
    await until_final(world, 1)
    with pytest.raises(DBAPIError):
        async with world.store.begin() as work:
            await work.session.execute(
                text(
                    "INSERT INTO issuance SELECT '0xother', chain_id, issuer, source_id, from_wh, to_wh + 1, period_start, "
                    "period_end, amount, measurement_id, share_table_id, state, NULL, planned_at, NULL, NULL, NULL, "
                    "epoch FROM issuance"
                )
            )
    await world.close()


async def test_6_nothing_is_done_before_the_chain_has_done_it(tmp_path: Path) -> None:
    """Stamp's withdrawal was committed without waiting for the registry's answer."""
    world = await simulated_settlement(tmp_path, guarded=True)
    await world.produce(100)
    replica = await world.replica()
    for _ in range(5):
        await world.run(replica)
    (waiting,) = await world.issuances()
    assert waiting.state is IssuanceState.BROADCAST and world.chain.minted() == 0
    world.chain.mine()
    await world.run(replica)
    (mined,) = await world.issuances()
    assert mined.state is IssuanceState.MINED, "mined is not final"
    await world.close()


async def test_10_the_evidence_says_the_same_amount_as_the_chain(tmp_path: Path) -> None:
    """In Guardian #3311 the evidence named another amount than was minted, because a mint could succeed in part."""
    world = await simulated_settlement(tmp_path, guarded=True)
    await world.produce(1234)
    await until_final(world, 1)
    (issuance,) = await world.issuances()
    (settled,) = world.chain.head.state.settled
    assert issuance.amount == settled.minted_wh * BASE_UNITS_PER_WH
    assert tuple((part.address, part.amount) for part in issuance.parts) == settled.parts
    assert [holder for holder, _ in settled.parts] == list(HOLDERS)
    await world.close()


async def test_12_a_correction_overwrites_no_evidence(tmp_path: Path) -> None:
    """B2E2 overwrote the reading and left the tokens. Here the reading stays, and the debt is netted from what follows."""
    world = await simulated_settlement(tmp_path, guarded=True)
    await world.produce(1000)
    await until_final(world, 1)
    before = world.book_rows("SELECT id, register_wh FROM measurement")
    ref = "0x" + SOURCE_REF.hex()
    world.chain.correct(ref, 300)
    await world.produce(200)
    await world.produce(500)
    await until_final(world, 3)
    assert [one.amount // BASE_UNITS_PER_WH for one in await world.issuances()] == [1000, 0, 400]
    assert world.book_rows("SELECT id, register_wh FROM measurement")[: len(before)] == before
    await world.close()


@pytest.mark.parametrize(
    ("energy", "weights"),
    [(0, (5, 5)), (1, (1, 2, 3)), (2, (1,) * 10), (7, (10**6,)), (1, (1,) * 1000), (12345, (999_999, 1))],
    ids=["q=0", "q=1", "q<holders", "treasury 100 %", "1,000 holders", "one share of a million"],
)
def test_25_fixed_sums_are_exact_without_a_tolerance(energy: int, weights: tuple[int, ...]) -> None:
    """odoo-ec accepted shares that add up to 1 within 1e-6 of a float. Golden list 2.11: q = 0, 1, below the holders."""
    parts = apportion(WattHours(energy), weights)
    assert sum(parts) == energy * BASE_UNITS_PER_WH and min(parts) >= 0
    assert parts == apportion(WattHours(energy), list(weights))


@pytest.mark.parametrize("depth", [1, 128])
async def test_a_reorg_of_any_depth_that_removes_a_mint_is_healed(tmp_path: Path, depth: int) -> None:
    """Golden list 2.11: reorg of depth 1 and 128 removing a mint."""
    world = await simulated_settlement(tmp_path, guarded=False)
    world.chain.finality = 200
    world.chain.mine(200, empty=True)
    await world.produce(500)
    replica = await world.replica()
    await world.run(replica)
    world.chain.mine(depth)
    await world.run(replica)
    assert [one.state for one in await world.issuances()] == [IssuanceState.MINED]
    world.chain.reorg(depth, forget=True)
    assert world.chain.minted() == 0
    await world.run(replica)
    assert [one.state for one in await world.issuances()] == [IssuanceState.BROADCAST]
    world.chain.finality = 6
    assert await until_final(world, 1) == [(0, 500)]
    assert world.chain.minted() == 500 * BASE_UNITS_PER_WH and max(world.chain.counts().values()) == 1
    await world.close()
