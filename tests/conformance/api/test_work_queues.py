"""What waits for operators is counted and listed alike; a device's health is told with it."""

import json
from datetime import timedelta

from sqlalchemy import update
from sqlmodel import col

from community.store.tables.identity import DeviceKeyRow
from community.store.tables.measuring import FrameRow
from community.store.tables.minting import IssuanceRow
from community.store.tables.repairing import EvidenceGapRow
from community.store.unit_of_work import Store
from tests.conformance.api.conftest import NOW
from tests.support.manual_clock import ManualClock
from tests.support.running_api import ask, code_of, serving
from tests.support.seeded_community import make_key, seed
from tests.support.seeded_figures import OUT_OF_RANGE_EUI, write

QUEUES = """{ workQueues { quarantine unknownDevices gaps evidenceGaps silentDevices devicesToApprove failedTransactions
  openBreaks openObjections } }"""
LISTS = """{ inbox { deviceEui deviceName reason frames bytes adoptableUntil } evidenceGaps { id kind state first last deviceName }
  silentDevices { nodes { id lastSeenAt } } failedTransactions { nodes { id state failure } }
  suspectMeasurements(first: 500) { nodes { suspect at device { id } } } }"""
HEALTH = """{ identity(id: "dev_top2") { ... on Device { onboarding isTrial firmware provisionalReadings { at }
  health { lastSeenAt missing24h { expected present perMille } signatureFailures counterAnomalies clockDriftMs clockDrifts airtimeMs signalDbm said { isOnline } } } } }"""


async def test_queues_show_what_waits(store: Store, store_url: str) -> None:
    seeded = await seed(store, NOW, days=1)
    operator, anna = await make_key(store, "operator"), await make_key(store, "member", "mem_anna")
    async with serving(store_url, clock=ManualClock(NOW)) as app:
        quiet = (await ask(app, QUEUES, operator))["workQueues"]
        assert quiet == {
            "quarantine": 3, "unknownDevices": 1, "gaps": 1, "evidenceGaps": 0, "silentDevices": 0, "devicesToApprove": 1,
            "failedTransactions": 0, "openBreaks": 0, "openObjections": 0,
        }  # fmt: skip
        lists = await ask(app, LISTS, operator)
        (waiting,) = lists["inbox"]
        assert (waiting["deviceEui"], waiting["deviceName"], waiting["frames"]) == (OUT_OF_RANGE_EUI, None, 1)
        assert lists["silentDevices"]["nodes"] == lists["suspectMeasurements"]["nodes"] == []
        async with store.begin() as work:
            stopped = update(IssuanceRow).where(col(IssuanceRow.id) == seeded.issuance_ids[-1])
            await work.session.execute(stopped.values(state="stopped", failure="it was refused"))
            await work.session.execute(
                update(DeviceKeyRow).where(col(DeviceKeyRow.id) == "key_dev_top1").values(revoked_from=NOW)
            )
            uplink = {"uplink_message": {"consumed_airtime": "0.061696s", "rx_metadata": [{"rssi": -97}]}}
            frame = {"digest": "a" * 64, "source": "things_stack", "device_eui": "70b3d57ed0000002", "payload": b"x"}
            gap = {"id": "gap_1", "device_id": "dev_pv", "kind": "statements", "first": 4, "last": 6, "state": "open"}
            await write(work, EvidenceGapRow, [{**gap, "since_at": NOW, "changed_at": NOW}])
            await write(
                work,
                FrameRow,
                [{**frame, "envelope": json.dumps(uplink), "received_at": NOW, "verdict": "admitted"}],
            )
        lists = await ask(app, LISTS, operator)
        assert [each["failure"] for each in lists["failedTransactions"]["nodes"]] == ["it was refused"]
        (missing,) = lists["evidenceGaps"]
        assert (missing["kind"], missing["state"], missing["last"]) == ("statements", "open", 6)
        suspect = lists["suspectMeasurements"]["nodes"]
        assert [(one["suspect"], one["device"]["id"]) for one in suspect] == [(True, "dev_top1")]
        device = (await ask(app, HEALTH, operator))["identity"]
        assert (device["onboarding"], device["isTrial"], device["provisionalReadings"]) == ("created", False, [])
        assert device["health"]["missing24h"] == {"expected": 96, "present": 57, "perMille": 406}
        assert device["health"]["airtimeMs"] == 61 and device["health"]["clockDrifts"] is False
        assert (device["health"]["signalDbm"], device["health"]["said"]) == (-97, None)
        for query in (QUEUES, LISTS):
            assert await code_of(app, query, anna) == "FORBIDDEN"
    async with serving(store_url, clock=ManualClock(NOW + timedelta(hours=2))) as app:
        found = (await ask(app, LISTS, operator))["silentDevices"]["nodes"]
        assert [each["id"] for each in found] == ["dev_pv", "dev_top1", "dev_top2"]
        assert (await ask(app, QUEUES, operator))["workQueues"]["silentDevices"] == 3


PUBLIC = """{ community { memberCount sourceCount nameplateW verifiedWh settledWh minted burned agrees openBreakCount
  correctionCount completenessPerMille
  energy(since: "2026-06-15T00:00:00Z", until: "2026-06-16T00:00:00Z", zone: "UTC") { starts intervals productionWh consumptionWh
    productionCompletenessPerMille } } }"""


async def test_everybody_sees_sums_and_nothing_else(store: Store, store_url: str) -> None:
    seeded = await seed(store, NOW, days=1)
    operator = await make_key(store, "operator")
    async with serving(store_url, clock=ManualClock(NOW)) as app:
        found = (await ask(app, PUBLIC, None))["community"]
        assert (found["memberCount"], found["sourceCount"], found["nameplateW"]) == (4, 1, 30_000)
        assert int(found["minted"]) == seeded.final_wh * 10**15 and found["agrees"] is True
        assert found["energy"]["productionWh"] == [seeded.verified_wh]
        assert found["energy"]["consumptionWh"] is None, "two members stand behind the sum"
        assert found["energy"]["productionCompletenessPerMille"] == [56 * 1000 // 96]
        assert found["completenessPerMille"] == 56 * 1000 // 672
        assert (await ask(app, PUBLIC, operator))["community"] == found
        for query in (
            "{ viewer { role } }",
            "{ members { nodes { id } } }",
            "{ community { agrees } supply { minted } }",
            'mutation { revokeApiKey(keyId: "key_x", command: {idempotencyKey: "12345678", reason: "r"}) { __typename } }',
        ):
            assert await code_of(app, query, None) == "UNAUTHENTICATED"
        for step, until in (("INTERVAL", "2026-06-16"), ("DAY", "2026-08-16")):
            much = PUBLIC.replace('until: "2026-06-16', f'resolution: {step}, until: "{until}')
            assert await code_of(app, much, None) == "TOO_COSTLY"
            assert (await ask(app, much, operator))["community"]["agrees"] is True
