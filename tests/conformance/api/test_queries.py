"""Figures are those of the books, lists page without loss, evidence can be reached from a transfer."""

import asyncio

from community.attestation.signatures import verify_p256
from community.attestation.statement import parse_cose_sign1
from community.clock import QUARTER_HOUR
from community.units import BASE_UNITS_PER_WH
from tests.conformance.api.conftest import Served
from tests.support.running_api import ask, code_of
from tests.support.seeded_chain import issue_more, settle_more
from tests.support.seeded_figures import SHARES, apportioned, consumption_wh, production_wh


async def test_three_numbers_add_up_to_all_verified_energy(served: Served) -> None:
    data = await ask(
        served.app,
        "{ balances { member { id } final mintedNotFinal earnedNotYetMinted } supply { minted finalMinted } }",
        served.keys.operator,
    )
    final, way, earned = (
        sum(int(each[name]) for each in data["balances"]) for name in ("final", "mintedNotFinal", "earnedNotYetMinted")
    )
    seeded = served.seeded
    assert final == seeded.final_wh * BASE_UNITS_PER_WH == int(data["supply"][0]["finalMinted"])
    assert final + way == seeded.settled_wh * BASE_UNITS_PER_WH == int(data["supply"][0]["minted"])
    assert earned == (seeded.verified_wh - seeded.settled_wh) * BASE_UNITS_PER_WH > 0
    assert way > 0
    owed = apportioned(seeded.verified_wh - seeded.settled_wh)
    assert {each["member"]["id"]: int(each["earnedNotYetMinted"]) for each in data["balances"]} == owed


async def test_issued_energy_counts_as_earned_until_the_index_sees_it_minted(served: Served) -> None:
    query = "{ balances { member { id } final mintedNotFinal earnedNotYetMinted } }"
    before = await ask(served.app, query, served.keys.operator)
    await issue_more(served.store, served.seeded, energy_wh=served.seeded.verified_wh - served.seeded.settled_wh)
    assert await ask(served.app, query, served.keys.operator) == before
    await settle_more(served.store, served.seeded, energy_wh=served.seeded.verified_wh - served.seeded.settled_wh)
    after = await ask(served.app, query, served.keys.operator)
    assert {each["earnedNotYetMinted"] for each in after["balances"]} == {"0"}
    totals = [
        [
            sum(int(each[name]) for name in ("final", "mintedNotFinal", "earnedNotYetMinted"))
            for each in data["balances"]
        ]
        for data in (before, after)
    ]
    assert totals[0] == totals[1]


async def test_many_at_once_wait_for_each_other_and_all_are_answered(served: Served) -> None:
    query = "{ viewer { role } balances { member { name shares { shareCount } } final } transfers(first: 5) { nodes { settlement { issuance { id } } } } }"
    answers = await asyncio.gather(*(ask(served.app, query, served.keys.operator) for _ in range(60)))
    assert all(each == answers[0] for each in answers)


async def test_series_is_in_columns_with_holes_marked(served: Served) -> None:
    since, until = served.seeded.first, served.seeded.now
    query = "query ($id: ID!, $since: DateTime!, $until: DateTime!) { series(meteringPointId: $id, since: $since, until: $until) { start stepS energyWh quality } }"
    span = {"since": since.isoformat(), "until": until.isoformat()}
    flat = (await ask(served.app, query, served.keys.operator, id="mp_top2", **span))["series"]
    assert flat["stepS"] == 900 and len(flat["energyWh"]) == len(flat["quality"]) == 56
    at = since
    for energy, quality in zip(flat["energyWh"], flat["quality"], strict=True):
        expected = (None, "missing") if at.hour == 3 else (consumption_wh("mp_top2", at), "measured")
        assert (energy, quality) == expected
        at += QUARTER_HOUR
    plant = (await ask(served.app, query, served.keys.anna, id="mp_pv", **span))["series"]
    assert sum(plant["energyWh"]) == served.seeded.verified_wh
    assert plant["energyWh"][40] == production_wh(since + 40 * QUARTER_HOUR)


async def test_series_longer_than_40_days_is_refused(served: Served) -> None:
    query = (
        '{ series(meteringPointId: "mp_pv", since: "2026-01-01T00:00:00Z", until: "2026-06-01T00:00:00Z") { stepS } }'
    )
    assert await code_of(served.app, query, served.keys.operator) == "BAD_REQUEST"


async def test_pages_show_every_row_once_and_in_order(served: Served) -> None:
    query = "query ($after: Cursor) { transfers(first: 7, after: $after) { nodes { blockNumber logIndex } edges { cursor } pageInfo { hasNextPage endCursor } } }"
    seen: list[tuple[int, int]] = []
    after = None
    while True:
        page = (await ask(served.app, query, served.keys.operator, after=after))["transfers"]
        seen += [(each["blockNumber"], each["logIndex"]) for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["edges"][-1]["cursor"] == after
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == served.seeded.settlement_count * len(SHARES)


async def test_measurements_page_over_equal_instants_and_stay_in_their_range(served: Served) -> None:
    query = 'query ($after: Cursor) { measurements(meteringPointId: "mp_pv", first: 20, after: $after, since: "2026-06-15T06:00:00Z", until: "2026-06-15T13:00:00Z") { nodes { at registerWh register { obis } } pageInfo { hasNextPage endCursor } } }'
    at: list[str] = []
    after = None
    while True:
        page = (await ask(served.app, query, served.keys.anna, after=after))["measurements"]
        at += [each["at"] for each in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert at == sorted(set(at), reverse=True) and len(at) == 28
    assert (at[0], at[-1]) == ("2026-06-15T12:45:00Z", "2026-06-15T06:00:00Z")


async def test_cursor_of_another_list_is_refused(served: Served) -> None:
    page = await ask(served.app, "{ transfers(first: 1) { pageInfo { endCursor } } }", served.keys.operator)
    cursor = page["transfers"]["pageInfo"]["endCursor"]
    for wrong in (cursor, "!!", "bm9wZQ", "W10"):
        query = "query ($after: Cursor) { quarantine(after: $after) { nodes { id } } }"
        assert await code_of(served.app, query, served.keys.operator, after=wrong) == "BAD_REQUEST"


async def test_way_from_a_transfer_to_the_signed_statement(served: Served) -> None:
    query = """{ transfers(first: 1) { nodes { amount kind isFinal settlement { number mintedWh issuance {
      id state energyWh amount shareTotal source { name sourceRef } parts { amount shareCount holder { id } }
      attempts { number nonce state txHash }
      measurement { at registerWh register { obis } device { eui keys { kid isDevelopmentKey } }
        statement { counter signed publicKey kid isDevelopmentKey } } } } } } }"""
    transfer = (await ask(served.app, query, served.keys.auditor))["transfers"]["nodes"][0]
    settlement, issuance = transfer["settlement"], transfer["settlement"]["issuance"]
    assert transfer["kind"] == "mint" and transfer["isFinal"] is False and issuance["state"] == "mined"
    assert settlement["mintedWh"] == issuance["energyWh"]
    assert sum(int(part["amount"]) for part in issuance["parts"]) == int(issuance["amount"])
    assert {part["holder"]["id"]: int(part["amount"]) for part in issuance["parts"]} == apportioned(
        issuance["energyWh"]
    )
    statement = issuance["measurement"]["statement"]
    signed = parse_cose_sign1(bytes.fromhex(statement["signed"]))
    assert verify_p256(bytes.fromhex(statement["publicKey"]), signed.to_be_signed(), signed.signature)
    assert signed.kid.hex() == statement["kid"] and statement["isDevelopmentKey"] is True
    assert issuance["measurement"]["device"]["keys"][0]["kid"] == statement["kid"]
    assert issuance["attempts"][0]["txHash"].startswith("0x")


async def test_operator_sees_devices_quarantine_and_gaps(served: Served) -> None:
    query = """{ devices { nodes { eui state lastSeenAt hasDevelopmentKey keys { number validFrom validTo }
      installations { meter { maker model registers { obis } } meteringPoint { name } } } }
      quarantine { nodes { reason detail deviceEui payload device { id } } }
      gaps(open: true) { nodes { startsAt endsAt energyWh meteringPoint { id } } } }"""
    data = await ask(served.app, query, served.keys.operator)
    devices = {each["eui"]: each for each in data["devices"]["nodes"]}
    plant = devices["70b3d57ed0000000"]
    assert plant["hasDevelopmentKey"] and plant["lastSeenAt"] == "2026-06-15T14:00:00Z"
    assert plant["installations"][0]["meter"] == {
        "maker": "Janitza",
        "model": "UMG 604 Pro",
        "registers": [{"obis": "1-0:2.8.0"}],
    }
    assert devices["70b3d57ed0000003"]["state"] == "pending" and devices["70b3d57ed0000003"]["lastSeenAt"] is None
    assert [each["reason"] for each in data["quarantine"]["nodes"]] == [
        "bad_signature",
        "unknown_device",
        "register_fell",
    ]
    assert data["quarantine"]["nodes"][0]["payload"] == "0102"
    assert data["gaps"]["nodes"][0]["meteringPoint"] == {"id": "mp_top2"}


async def test_reconciliation_names_three_energies_that_agree(served: Served) -> None:
    query = "{ reconciliation { agrees verifiedWh issuedWh settledWh supply matchCount breakCount } breaks { nodes { id } } chainHead { head finalised lag } }"
    data = await ask(served.app, query, served.keys.anna)
    run = data["reconciliation"]
    assert run["agrees"] and run["verifiedWh"] == run["issuedWh"] == run["settledWh"] == served.seeded.final_wh
    assert data["chainHead"] == {
        "head": served.seeded.settlement_count,
        "finalised": served.seeded.settlement_count - 4,
        "lag": 0,
    }


async def test_a_period_shows_how_each_issuance_stands(served: Served) -> None:
    query = """query ($since: DateTime!, $until: DateTime!, $after: Cursor) { reconciled(since: $since, until: $until,
      sourceId: "src_sued", first: 5, after: $after) { nodes { state energyWh periodEnd issuance { id } } pageInfo { hasNextPage endCursor } } }"""
    seeded, found, after = served.seeded, [], None
    while True:
        data = await ask(
            served.app,
            query,
            served.keys.anna,
            since=seeded.first.isoformat(),
            until=seeded.now.isoformat(),
            after=after,
        )
        found += data["reconciled"]["nodes"]
        after = data["reconciled"]["pageInfo"]["endCursor"]
        if not data["reconciled"]["pageInfo"]["hasNextPage"]:
            break
    assert [one["issuance"]["id"] for one in found] == list(seeded.issuance_ids)[::-1]
    assert sum(one["energyWh"] for one in found) == seeded.settled_wh
    assert {one["state"] for one in found} == {"pending"}  # nothing was compared yet
