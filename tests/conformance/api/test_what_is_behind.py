"""What stands behind figures: comparisons over time, samples with findings, accounts of periods, frames, announcements, fees."""

import json
from datetime import timedelta
from typing import Any

import pytest

from community.clock import QUARTER_HOUR
from community.store.tables import measuring, minting, reconciling
from community.store.transactions import note_balance
from community.store.views.device_frames import heard_in
from tests.conformance.api.conftest import Served
from tests.support.golden import GOLDEN
from tests.support.running_api import ask, code_of, post, serving
from tests.support.seeded_figures import CHAIN_ID, SOURCE, TOKEN, address_of, hash_of, write

FRAMES = """{ devices(first: 10) { nodes { id frames(first: 2) { pageInfo { hasNextPage } nodes {
  receivedAt transport verdict reason payloadBytes airtimeUs rssiDbm snrDb spreadingFactor frequencyHz gatewayCount } } } } }"""


def _message(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / "network_servers" / name).read_text())
    return found


async def _every_comparison_is_listed_newest_first(served: Served) -> None:
    run = {
        "id": "run_0", "started_at": served.seeded.now - timedelta(hours=1), "finalised_block": 1, "finalised_hash": "0x1",
        "verified_wh": 1, "issued_wh": 1, "settled_wh": 1, "supply": 1, "match_count": 1, "break_count": 1,
    }  # fmt: skip
    async with served.store.begin() as work:
        await write(work, reconciling.ReconciliationRunRow, [run])
    page = "{ reconciliationRuns(first: %s) { nodes { id agrees breakCount } pageInfo { hasNextPage endCursor } } }"
    newest = (await ask(served.app, page % 1, served.keys.auditor))["reconciliationRuns"]
    assert [one["id"] for one in newest["nodes"]] == ["run_1"] and newest["pageInfo"]["hasNextPage"]
    both = (await ask(served.app, page % 5, served.keys.anna))["reconciliationRuns"]["nodes"]
    assert [(one["id"], one["agrees"]) for one in both] == [("run_1", True), ("run_0", False)]


async def test_a_sample_is_drawn_and_what_was_found_stays(served: Served) -> None:
    matches = [
        {
            "issuance_id": served.seeded.issuance_ids[number], "source_id": SOURCE, "chain_id": CHAIN_ID,
            "tx_hash": hash_of("tx", number + 1), "block_number": number + 1, "log_index": 0, "energy_wh": 1, "amount": 1,
            "run_id": "run_1", "matched_at": served.seeded.now,
        }
        for number in range(5)
    ]  # fmt: skip
    async with served.store.begin() as work:
        await write(work, reconciling.MatchRow, matches)
    sample = "... on AuditSampleDrawn { sample { id seed population drawnBy items { issuance { id } findings { verdict text } } } } ... on Problem { code sentence }"

    async def done(text: str, key: str, who: str = served.keys.auditor) -> Any:
        with_ = f'command: {{idempotencyKey: "{key}", reason: "the yearly audit"}}'
        return await ask(served.app, f"mutation {{ done: {text.replace('COMMAND', with_)} {{ {sample} }} }}", who)

    draw = f'drawAuditSample(seed: "{hash_of("a later block")}", count: 2, COMMAND)'
    short = (await done('drawAuditSample(seed: "0x", count: 2, COMMAND)', "draw-0000"))["done"]
    assert short["code"] == "NOT_POSSIBLE" and "seed" in short["sentence"]
    drawn = (await done(draw, "draw-0001"))["done"]["sample"]
    assert drawn["population"] == 5 and len(drawn["items"]) == 2
    assert (
        (await done(draw, "draw-0001"))["done"]["sample"] == drawn == (await done(draw, "draw-0002"))["done"]["sample"]
    )
    issuance = drawn["items"][0]["issuance"]["id"]
    finding = f'recordAuditFinding(sampleId: "{drawn["id"]}", issuanceId: "{issuance}", verdict: DIFFERS, text: "the leaf", COMMAND)'
    told = (await done(finding, "find-0001"))["done"]["sample"]["items"][0]["findings"]
    assert told == [{"verdict": "differs", "text": "the leaf"}]
    other = finding.replace(issuance, hash_of("issuance", 9))
    assert (await done(other, "find-0002"))["done"]["code"] == "NOT_FOUND"
    listed = (await ask(served.app, "{ auditSamples { id items { findings { foundBy } } } }", served.keys.operator))[
        "auditSamples"
    ]
    assert [one["id"] for one in listed] == [drawn["id"]]
    refused = f"mutation {{ {draw} {{ __typename }} }}".replace(
        "COMMAND", 'command: {idempotencyKey: "12345678", reason: "r"}'
    )
    assert await code_of(served.app, refused, served.keys.operator) == "FORBIDDEN"
    assert await code_of(served.app, "{ auditSamples { id } }", served.keys.anna) == "FORBIDDEN"


async def test_accounts_of_a_period_add_up(served: Served, store_url: str) -> None:
    since, until = served.seeded.first, served.seeded.now + QUARTER_HOUR
    period = f'since: "{since.isoformat()}", until: "{until.isoformat()}"'
    ask_for = (
        f'{{ energySources {{ nodes {{ account({period}) {{ openingWh verifiedWh issuedWh settledWh mintedWh closingWh openWh }} }} }} '
        f'members {{ nodes {{ id account({period}) {{ opening minted received sent retired closing }} balance {{ final }} }} }} }}'
    )  # fmt: skip
    async with serving(store_url, token=TOKEN) as app:
        found = await ask(app, ask_for, served.keys.auditor)
        source = found["energySources"]["nodes"][0]["account"]
        assert source["openingWh"] == 0
        assert source["verifiedWh"] == served.seeded.verified_wh
        assert source["settledWh"] == source["mintedWh"] == served.seeded.final_wh
        assert (
            source["openWh"]
            == served.seeded.verified_wh - served.seeded.settled_wh
            == source["verifiedWh"] - source["issuedWh"]
        )
        assert source["closingWh"] == source["verifiedWh"] - source["settledWh"]
        for member in found["members"]["nodes"]:
            assert member["account"]["closing"] == member["account"]["minted"] == member["balance"]["final"]
        backwards = ask_for.replace(until.isoformat(), (since - QUARTER_HOUR).isoformat())
        refused = (await post(app, backwards, served.keys.auditor)).json()["errors"]
        assert {one["extensions"]["code"] for one in refused} == {"BAD_REQUEST"}
        own = await ask(app, ask_for, served.keys.anna)
        assert [one["id"] for one in own["members"]["nodes"]] == ["mem_anna"]


async def _frames_tell_how_they_were_heard_and_what_became_of_them(served: Served) -> None:
    envelope = json.dumps(_message("tts_v3_up.json"))
    now = served.seeded.now
    rows = [
        {
            "digest": digest, "source": source, "device_eui": "70b3d57ed0000001", "payload": b"\x01" * 12, "envelope": text,
            "received_at": now + timedelta(minutes=minute), "verdict": verdict,
        }
        for minute, (digest, source, text, verdict) in enumerate(
            [("a" * 64, "chirpstack", "{no json", "rejected"), ("b" * 64, "things_stack", envelope, "quarantined")]
        )
    ]  # fmt: skip
    reason = {
        "id": "qua_x",
        "frame_digest": "b" * 64,
        "device_id": "dev_top1",
        "reason": "bad_signature",
        "detail": "d",
        "recorded_at": now,
    }
    async with served.store.begin() as work:
        await write(work, measuring.FrameRow, rows)
        await write(work, measuring.QuarantineRow, [reason])
    devices = (await ask(served.app, FRAMES, served.keys.operator))["devices"]["nodes"]
    frames = next(one["frames"] for one in devices if one["id"] == "dev_top1")
    radio, broken = frames["nodes"]
    assert frames["pageInfo"]["hasNextPage"]
    assert (radio["transport"], radio["verdict"], radio["reason"]) == ("things_stack", "quarantined", "bad_signature")
    assert (
        radio["rssiDbm"] < 0
        and 7 <= radio["spreadingFactor"] <= 12
        and radio["airtimeUs"] > 0
        and radio["gatewayCount"] >= 1
    )
    assert (broken["verdict"], broken["rssiDbm"], broken["reason"], broken["payloadBytes"]) == (
        "rejected",
        None,
        None,
        12,
    )
    assert await code_of(served.app, FRAMES, served.keys.anna) == "FORBIDDEN"


@pytest.mark.parametrize(
    "name", ["chirpstack_v4_up.json", "ecw1_chirpstack_up.json", "ecw1_tts_up.json", "tts_v3_mqttdoc_up.json"]
)
def test_messages_of_both_network_servers_are_read(name: str) -> None:
    heard = heard_in(_message(name))
    assert heard.rssi_dbm is not None and heard.rssi_dbm < 0 and heard.gateway_count
    assert heard.spreading_factor is not None and 7 <= heard.spreading_factor <= 12


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"uplink_message": 1},
        {"rxInfo": [1, {"rssi": "loud", "snr": None}]},
        {"uplink_message": {"rx_metadata": {}}},
    ],
)
def test_what_is_no_message_tells_nothing(envelope: dict[str, Any]) -> None:
    assert heard_in(envelope).rssi_dbm is None and heard_in(envelope).spreading_factor is None


async def _evidence_is_reached_from_the_statement_and_the_announcement_from_the_issuance(served: Served) -> None:
    seeded = served.seeded
    proposal = {
        "id": "prop_1", "issuance_id": seeded.issuance_ids[0], "source_id": SOURCE, "from_wh": 1, "to_wh": 2,
        "period_start": seeded.first, "period_end": seeded.now, "measurement_id": f"mea_mp_pv_{seeded.now:%Y%m%d%H%M}",
        "share_table_id": "sht_1", "proposed_at": seeded.first, "due_at": seeded.now,
    }  # fmt: skip
    async with served.store.begin() as work:
        await write(work, minting.ProposalRow, [proposal])
    text = (
        "query ($id: ID!) { issuance(id: $id) { id proposal { id state } measurement { id statement { digest measurements "
        "{ id at } } } } }"
    )
    found = (await ask(served.app, text, served.keys.anna, id=seeded.issuance_ids[0]))["issuance"]
    assert found["proposal"] == {"id": "prop_1", "state": "issued"}
    assert [one["id"] for one in found["measurement"]["statement"]["measurements"]] == [found["measurement"]["id"]]
    other = (await ask(served.app, text, served.keys.anna, id=seeded.issuance_ids[1]))["issuance"]
    assert other["proposal"] is None
    flat = (
        'query { measurements(meteringPointId: "mp_top2", first: 1) { nodes { statement { measurements { id } } } } }'
    )
    assert (await ask(served.app, flat, served.keys.bernd))["measurements"]["nodes"][0]["statement"]["measurements"]


async def _what_a_sender_has_to_pay_with(served: Served) -> None:
    account = address_of("settler")
    async with served.store.begin() as work:
        await write(work, minting.ChainAccountRow, [{"chain_id": CHAIN_ID, "address": account, "next_nonce": 1}])
    query = "{ senders { address balanceWei balanceAt } }"
    assert (await ask(served.app, query, served.keys.operator))["senders"][0]["balanceWei"] is None
    async with served.store.begin() as work:
        await note_balance(work, CHAIN_ID, account, 3 * 10**18, served.seeded.now)
    (sender,) = (await ask(served.app, query, served.keys.operator))["senders"]
    assert sender["balanceWei"] == str(3 * 10**18) and sender["balanceAt"].startswith(
        served.seeded.now.isoformat()[:16]
    )


async def test_what_was_in_the_books_only_can_be_asked(served: Served) -> None:
    await _every_comparison_is_listed_newest_first(served)
    await _frames_tell_how_they_were_heard_and_what_became_of_them(served)
    await _evidence_is_reached_from_the_statement_and_the_announcement_from_the_issuance(served)
    await _what_a_sender_has_to_pay_with(served)
