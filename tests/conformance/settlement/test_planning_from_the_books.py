"""What settlement plans from real books, on both databases: long idle plants, exchanged meters, transformers, hot sun."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import update

from community.identity.coin_addresses import CoinAddress, CoinChain
from community.minting.issuances import IssuanceState
from community.minting.planning import PlanBlocked
from community.runtime.system_clock import SystemClock
from community.store import coin_addresses, decisions, devices, identities, issuances
from community.store.devices import Meter
from community.store.tables.identity import DeviceKeyRow, DeviceRow, EnergySourceRow
from community.store.tables.metering import InstallationRow, MeteringPointRow
from community.store.unit_of_work import Store
from settlement.planner import Settlement, plan_settlement, settlement_of
from settlement.report import status_lines
from settlement.terms import SettlementTerms
from tests.support.plant_on_chain import HOLDERS, NAMEPLATE_W, OPENING_WH
from tests.support.sending_device import EXPORT, MAX_POWER_W, NOON, register
from tests.support.settlement_world import SettlementWorld, write_source
from tests.support.stores import COLUMN_KEY

TERMS = SettlementTerms(1, "0x" + "15" * 20, "0x" + "ac" * 20)
QUARTER_WH = NAMEPLATE_W // 4


@pytest.fixture
async def plant(tmp_path: Path, store: Store, store_url: str) -> SettlementWorld:
    """The plant in its books, without a chain: nothing is sent here."""
    none = cast(Any, None)
    world = SettlementWorld(tmp_path, none, store_url, none, TERMS.issuer, TERMS.issuer, TERMS.account, {})
    await register(store, world.device)
    await write_source(store, world.config)
    return world


async def planned(store: Store) -> Settlement | PlanBlocked | None:
    async with store.read() as work:
        source = (await identities.energy_sources(work))[0]
        return await plan_settlement(work, source, TERMS, NOON)


def way(plan: Settlement | PlanBlocked | None) -> tuple[int, int]:
    assert isinstance(plan, Settlement), plan
    return plan.issuance.from_wh - OPENING_WH, plan.issuance.to_wh - OPENING_WH


async def test_a_plant_that_stood_still_for_weeks_settles_again(plant: SettlementWorld, store: Store) -> None:
    for first in (1, 201, 401):
        await plant.add_readings(*((after, 0) for after in range(first, first + 200)))
    assert await planned(store) is None
    await plant.add_readings((601, 70))
    settlement = await planned(store)
    assert way(settlement) == (0, 70)


async def test_the_difference_between_two_meters_is_no_energy(plant: SettlementWorld, store: Store) -> None:
    await plant.add_readings((1, 70))
    async with store.begin() as work:
        place = InstallationRow
        exchanged_at = NOON.replace(minute=15)
        await work.session.execute(update(place).values(valid_to=exchanged_at))
        await devices.add_meter(work, Meter("meter-new", "SN-new", "Maker", "Model", {EXPORT: 10**9}), COLUMN_KEY)
        await devices.install(
            work,
            "inst-new",
            metering_point_id="mp_plant",
            meter_id="meter-new",
            device_id="dev-plant",
            valid_from=exchanged_at,
            max_power_w=MAX_POWER_W,
        )
    await plant.add_readings((2, 900), register_id=f"meter-new-{EXPORT}", installation_id="inst-new")
    assert way(await planned(store)) == (0, 70)
    async with store.begin() as work:
        settlement = await plan_settlement(work, (await identities.energy_sources(work))[0], TERMS, NOON)
        assert isinstance(settlement, Settlement)
        await issuances.add_issuance(work, replace(settlement.issuance, state=IssuanceState.FINAL))
    blocked = await planned(store)
    assert isinstance(blocked, PlanBlocked) and "meter" in blocked.reason


async def test_a_register_behind_transformers_is_refused_with_a_reason(plant: SettlementWorld, store: Store) -> None:
    async with store.begin() as work:
        await work.session.execute(update(InstallationRow).values(factor=20))
    await plant.add_readings((1, 70))
    blocked = await planned(store)
    assert isinstance(blocked, PlanBlocked) and "factor 20" in blocked.reason


async def test_an_interval_hotter_than_the_nameplate_settles_with_the_next(
    plant: SettlementWorld, store: Store
) -> None:
    hot = QUARTER_WH * 11 // 10
    await plant.add_readings((1, hot))
    waits = await planned(store)
    assert isinstance(waits, PlanBlocked) and f"{NAMEPLATE_W} W" in waits.reason
    await plant.add_readings((2, hot + QUARTER_WH // 2), (3, hot + QUARTER_WH))
    assert way(await planned(store)) == (0, hot + QUARTER_WH // 2)


async def test_a_plan_whose_device_is_revoked_meanwhile_is_not_sent(plant: SettlementWorld, store: Store) -> None:
    await plant.add_readings((1, 70))
    settlement = await planned(store)
    assert isinstance(settlement, Settlement)
    async with store.begin() as work:
        await decisions.revoke_device(work, "dev-plant", NOON + timedelta(days=1))
    async with store.read() as work:
        source = (await identities.energy_sources(work))[0]
        resumed = await settlement_of(work, settlement.issuance, source)
    assert isinstance(resumed, PlanBlocked) and "out of service" in resumed.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (update(EnergySourceRow).values(approved_at=None), ["blocked plant: The source is not approved"]),
        (update(EnergySourceRow).values(evidence_mode="ATTESTED"), ["evidence is DEVICE, the source's is ATTESTED"]),
        (update(DeviceRow).values(state="revoked"), ["left out plant: 2 readings", "device dev-plant is revoked"]),
        (update(DeviceKeyRow).values(valid_to=NOON), ["key of device dev-plant", "not valid then"]),
        (update(MeteringPointRow).values(direction="consumption"), ["metering point is one of consumption"]),
        (update(InstallationRow).values(factor=20), ["blocked plant: The meter stands behind transformers"]),
        (None, []),
    ],
)
async def test_the_status_says_why_energy_waits(
    plant: SettlementWorld, store: Store, change: Any, said: list[str]
) -> None:
    await plant.add_readings((1, 70), (2, 90))
    async with store.begin() as work:
        if change is not None:
            await work.session.execute(change)
    waiting = [line for line in await status_lines(store, TERMS, SystemClock()) if line.startswith(("bl", "left"))]
    assert len(waiting) == min(1, len(said)), waiting
    assert all(text in waiting[0] for text in said), waiting


async def test_the_status_says_that_an_attested_reading_needs_its_devices_payload(
    plant: SettlementWorld, store: Store
) -> None:
    await plant.add_readings((1, 70), mode="ATTESTED")
    async with store.begin() as work:
        await work.session.execute(update(EnergySourceRow).values(evidence_mode="ATTESTED"))
    lines = await status_lines(store, TERMS, SystemClock())
    assert [
        line for line in lines if line.startswith("blocked plant:") and "no payload signed by its device" in line
    ], lines
    assert not [line for line in lines if line.startswith("left out")], lines


async def test_tokens_go_to_no_address_that_its_holder_gave_up_or_never_had(
    plant: SettlementWorld, store: Store
) -> None:
    """By the address book at the interval's end, as it is known now."""
    await plant.add_readings((1, 70))
    later = NOON + timedelta(days=9)

    async def held(address: str, since: datetime) -> None:
        given = CoinAddress("member-a1", CoinChain.EVM, address, None, since)
        async with store.begin() as work:
            await coin_addresses.add_address(work, given, "linked", later)

    await held(HOLDERS[0], later)
    assert way(await planned(store)) == (0, 70), "entered late, but nobody else's before"
    async with store.begin() as work:
        assert await coin_addresses.end_address(work, "member-a1", CoinChain.EVM, HOLDERS[0], later, later)
    assert way(await planned(store)) == (0, 70), "given up after the interval"
    async with store.begin() as work:
        row = await coin_addresses.find_address(work, CoinChain.EVM, HOLDERS[0])
        assert row is not None
        await coin_addresses.hold_again(work, row.id, "linked", NOON - timedelta(days=2), later)
        await coin_addresses.end_address(work, "member-a1", CoinChain.EVM, HOLDERS[0], NOON, later)
    blocked = await planned(store)
    assert isinstance(blocked, PlanBlocked) and f"member-a1 did not hold {HOLDERS[0]}" in blocked.reason


async def test_an_address_that_the_book_does_not_give_the_holder_is_not_paid(
    plant: SettlementWorld, store: Store
) -> None:
    await plant.add_readings((1, 70))
    other = CoinAddress("member-b2", CoinChain.EVM, "0x" + "0e" * 20, None, NOON - timedelta(days=2))
    async with store.begin() as work:
        await coin_addresses.add_address(work, other, "linked", NOON)
    blocked = await planned(store)
    assert isinstance(blocked, PlanBlocked) and f"member-b2 did not hold {HOLDERS[1]}" in blocked.reason
