"""What ingest refused stands before the operator with its reason; the good reading beside it is a measurement."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from community.attestation.statement import SlotReading
from community.store import api_keys
from community.store.unit_of_work import Store
from tests.conformance.ingest.intakes import running_intake
from tests.support.running_api import ask, code_of, serving
from tests.support.sending_device import NOON_SLOT, SendingDevice, register

SEEN = "{ quarantine { nodes { reason detail } } }"
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


async def _everything_bad(store: Store) -> None:
    """One good reading, and each kind of bad input around it."""
    device, thief = SendingDevice(), SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        await intake.send(device.frame((NOON_SLOT, 1000)))
        await intake.send(replace(device, secret=bytes(32)).frame((NOON_SLOT + 1, 1001)))
        await intake.send(device.seal(device.sign([SlotReading(NOON_SLOT + 1, 0, 1, (5,))], ctr=90, key_of=thief)))
        stranger = SendingDevice(eui="70b3d57ed0000099")
        await intake.send(stranger.frame((NOON_SLOT, 1)), stranger.eui)
        await intake.send(device.frame((NOON_SLOT + 1, 300)))
        await intake.send(device.frame((NOON_SLOT + 1, 90_000_000)))
        await intake.send(device.frame((NOON_SLOT + 4 * 96, 1200)))
        await intake.send(device.frame((NOON_SLOT + 1, 1050)))


@pytest.mark.usefixtures("postgres_server")
async def test_an_operator_sees_every_refusal_with_its_reason(store: Store, store_url: str) -> None:
    await _everything_bad(store)
    async with store.begin() as work:
        operator = (await api_keys.create(work, role="operator", label="test", identity_id=None, now=NOW)).text
        auditor = (await api_keys.create(work, role="auditor", label="test", identity_id=None, now=NOW)).text
    async with serving(store_url) as app:
        entries = (await ask(app, SEEN, operator))["quarantine"]["nodes"]
        reasons = {entry["reason"] for entry in entries}
        assert {
            "undecryptable",
            "bad_signature",
            "unknown_device",
            "reset_suspected",
            "beyond_nameplate",
            "from_the_future",
        } <= reasons
        assert all(len(entry["detail"]) > 20 for entry in entries)
        points = await ask(app, "{ meteringPoints { nodes { id } } }", operator)
        point = points["meteringPoints"]["nodes"][0]["id"]
        query = "query ($point: ID!) { measurements(meteringPointId: $point) { nodes { registerWh } } }"
        taken = (await ask(app, query, operator, point=point))["measurements"]["nodes"]
        assert sorted(int(entry["registerWh"]) for entry in taken) == [1000, 1050]
        assert await code_of(app, "{ quarantine { nodes { payloadHex } } }", auditor)
