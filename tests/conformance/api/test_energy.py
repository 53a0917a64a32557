"""Energy over time: coarser steps are the sums of finer ones, and what shares covered is counted per quarter-hour."""

from datetime import timedelta

from sqlalchemy import update
from sqlmodel import col

from community.clock import QUARTER_HOUR
from community.store.tables.identity import DeviceKeyRow
from community.store.tables.measuring import IntervalRow
from community.units import BASE_UNITS_PER_WH
from tests.conformance.api.conftest import Served
from tests.support.running_api import ask, code_of
from tests.support.seeded_figures import SHARES, consumption_wh, production_wh

SERIES = """query ($id: ID!, $since: DateTime!, $until: DateTime!, $resolution: Resolution!, $zone: String!) {
  series(meteringPointId: $id, since: $since, until: $until, resolution: $resolution, zone: $zone) {
    start stepS energyWh quality starts intervals missing } }"""
ENERGY = """query ($id: ID!, $since: DateTime!, $until: DateTime!, $resolution: Resolution!) {
  member(id: $id) { energy(since: $since, until: $until, resolution: $resolution, zone: "Europe/Vienna") {
    starts intervals consumptionWh productionShare covered fromGrid surplus consumptionMissing productionMissing
    total { consumptionWh productionShare covered intervals } } } }"""
COMPLETENESS = """query ($zone: String!) { meteringPoints { nodes { id completeness(firstDay: "2026-06-14", lastDay: "2026-06-16", zone: $zone) {
    days expected known estimated suspect missing } } } }"""


async def test_coarse_steps_are_the_sums_of_quarter_hours(served: Served) -> None:
    first, now, key = served.seeded.first, served.seeded.now, served.keys.operator
    span = {"id": "mp_top2", "since": first.isoformat(), "until": now.isoformat(), "zone": "Europe/Vienna"}
    fine = (await ask(served.app, SERIES, key, **span, resolution="INTERVAL"))["series"]
    hours = (await ask(served.app, SERIES, key, **span, resolution="HOUR"))["series"]
    assert fine["stepS"] == 900 and hours["stepS"] == 3600 and hours["start"] == fine["start"]
    assert fine["missing"].count(1) == 4 == hours["missing"][3] and hours["quality"][3] == "missing"
    assert hours["energyWh"][3] is None and hours["intervals"] == [4] * 14
    for number, energy in enumerate(hours["energyWh"]):
        known = [each for each in fine["energyWh"][4 * number : 4 * number + 4] if each is not None]
        assert energy == (sum(known) if known else None)
    day = {**span, "since": (first - timedelta(hours=2)).isoformat()}
    days = (await ask(served.app, SERIES, key, **day, resolution="DAY"))["series"]
    assert days["stepS"] is None and days["intervals"] == [96] and days["quality"] == ["missing"]
    assert days["energyWh"] == [sum(each or 0 for each in fine["energyWh"])]
    assert days["missing"] == [96 - 56 + 4]
    for wrong in ({"zone": "Mars"}, {"until": (first + timedelta(days=41)).isoformat()}):
        assert await code_of(served.app, SERIES, key, **{**span, **wrong}, resolution="INTERVAL") == "BAD_REQUEST"


async def test_newest_revision_counts_and_a_revoked_key_makes_suspect(served: Served) -> None:
    first, now, key = served.seeded.first, served.seeded.now, served.keys.operator
    span = {"id": "mp_top1", "since": first.isoformat(), "until": now.isoformat(), "zone": "UTC"}
    async with served.store.begin() as work:
        rows = {"metering_point_id": "mp_top1", "starts_at": first, "revision": 2, "energy_wh": 7}
        names = {"from_measurement_id": f"mea_mp_top1_{first:%Y%m%d%H%M}", "recorded_at": now}
        after = f"mea_mp_top1_{first + QUARTER_HOUR:%Y%m%d%H%M}"
        work.session.add(IntervalRow(**rows, **names, quality="substituted", to_measurement_id=after))
    before = (await ask(served.app, SERIES, key, **span, resolution="HOUR"))["series"]
    known = sum(consumption_wh("mp_top1", first + QUARTER_HOUR * n) for n in (1, 2, 3))
    assert before["energyWh"][0] == known + 7 and before["quality"][:2] == ["substituted", "measured"]
    async with served.store.begin() as work:
        await work.session.execute(
            update(DeviceKeyRow)
            .where(col(DeviceKeyRow.device_id) == "dev_top1")
            .values(revoked_from=now - timedelta(hours=2))
        )
    after_it = (await ask(served.app, SERIES, key, **span, resolution="HOUR"))["series"]
    assert after_it["energyWh"] == before["energyWh"]
    assert after_it["quality"] == ["substituted", *["measured"] * 10, *["suspect"] * 3]
    found = (await ask(served.app, COMPLETENESS, key, zone="UTC"))["meteringPoints"]["nodes"]
    flat = next(each["completeness"] for each in found if each["id"] == "mp_top1")
    assert flat["suspect"] == [0, 9, 0] and flat["estimated"] == [0, 1, 0]


async def test_member_is_told_what_his_shares_covered(served: Served) -> None:
    first, now = served.seeded.first, served.seeded.now
    span = {"since": first.isoformat(), "until": now.isoformat(), "resolution": "INTERVAL"}
    mine = (await ask(served.app, ENERGY, served.keys.anna, id="mem_anna", **span))["member"]["energy"]
    starts = [first + QUARTER_HOUR * n for n in range(56)]
    eaten = [consumption_wh("mp_top1", at) for at in starts]
    part = [production_wh(at) * BASE_UNITS_PER_WH * SHARES["mem_anna"] // 1000 for at in starts]
    covered = [min(one * BASE_UNITS_PER_WH, two) for one, two in zip(eaten, part, strict=True)]
    assert mine["consumptionWh"] == eaten and mine["productionShare"] == list(map(str, part))
    assert mine["covered"] == list(map(str, covered))
    assert mine["total"] == {
        "consumptionWh": sum(eaten),
        "productionShare": str(sum(part)),
        "covered": str(sum(covered)),
        "intervals": 56,
    }
    assert 0 < sum(covered) < min(sum(part), sum(eaten) * BASE_UNITS_PER_WH)
    by_hour = {**span, "resolution": "HOUR"}
    flat = (await ask(served.app, ENERGY, served.keys.bernd, id="mem_bernd", **by_hour))["member"]["energy"]
    assert flat["consumptionMissing"][3] == 4 and flat["consumptionWh"][3] is None and flat["covered"][3] == "0"
    assert sum(map(int, flat["covered"])) < sum(map(int, flat["productionShare"]))
    others = await ask(served.app, ENERGY, served.keys.operator, id="mem_clara", **by_hour)
    assert set(others["member"]["energy"]["consumptionWh"]) == {None}
    assert await code_of(served.app, ENERGY, served.keys.anna, id="mem_bernd", **span) == "FORBIDDEN"
    long = {**span, "until": (first + timedelta(days=799)).isoformat(), "resolution": "DAY"}
    every = ENERGY.replace("member(id: $id)", "a: member(id: $id)", 1).replace("} } }", "} } }", 1)
    assert "energy" in (await ask(served.app, every, served.keys.anna, id="mem_anna", **long))["a"]


async def test_completeness_tells_what_is_over_and_missing(served: Served) -> None:
    found = (await ask(served.app, COMPLETENESS, served.keys.operator, zone="UTC"))["meteringPoints"]["nodes"]
    flat = next(each["completeness"] for each in found if each["id"] == "mp_top2")
    assert flat["days"] == ["2026-06-14", "2026-06-15", "2026-06-16"]
    assert flat["expected"] == [96, 96, 96]
    assert flat["known"] == [0, 52, 0] and flat["missing"] == [96, 44, 96]
