"""Every published vector of the legacy format and of ECW1 over MQTT, through the whole intake into the books."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cwt
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from sqlalchemy import select
from sqlmodel import col

from community.attestation.profiles import registers_of
from community.clock import slot_at, slot_start
from community.ids import digest_of
from community.store.issuances import evidence_of
from community.store.tables.measuring import MeasurementRow, StatementRow
from community.store.unit_of_work import Store
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.golden import GOLDEN
from tests.support.sending_device import SendingDevice, register

LEGACY_EUI = "70b3d57ed0000042"
REASONS = {"rejected: digest": "malformed", "rejected: signature": "bad_signature"}


def vectors(family: str, needs: str) -> list[Any]:
    found = [json.loads(path.read_text()) for path in sorted(Path(GOLDEN / family).glob("*.json"))]
    chosen = [pytest.param(one, id=one["id"]) for one in found if needs in one]
    assert chosen, f"tests/golden/{family} has no vector with {needs}"
    return chosen


class VectorDevice(SendingDevice):
    """A device of which only the public key is known."""

    known = b""

    @property
    def public_key(self) -> bytes:
        return self.known


async def measured(store: Store) -> list[MeasurementRow]:
    async with store.read() as work:
        rows = await work.session.execute(select(MeasurementRow).order_by(col(MeasurementRow.at)))
        found = list(rows.scalars())
        work.session.expunge_all()
    return found


async def evidence(store: Store) -> bytes:
    async with store.read() as work:
        return (await work.session.execute(select(col(StatementRow.signed)))).scalar_one()


async def send_at(intake: RunningIntake, payload: bytes, eui: str, at: datetime) -> tuple[str, str | None]:
    intake.clock.instant = at
    outcome = await intake.send(payload, eui)
    assert outcome.readings_refused == 0
    return outcome.verdict, outcome.reason


@pytest.mark.parametrize("vector", vectors("ecw1", "mqtt"))
async def test_ecw1_over_mqtt(store: Store, vector: dict[str, Any]) -> None:
    device = VectorDevice(vector["dev_eui"], vector["profile"], vector["keyno"], bytes.fromhex(vector["device_secret"]))
    public = load_pem_public_key(vector["public_key_pem"].encode())
    device.known = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    obis = registers_of(vector["profile"])
    await register(store, device, registers=dict.fromkeys(obis, 10**9), settled_obis=obis[0])
    payload = bytes.fromhex(vector["mqtt"]["payload"])
    received_at = slot_start(vector["first_slot"] + vector["span"])
    async with running_intake(store) as intake:
        assert await send_at(intake, payload, device.eui, received_at) == ("admitted", None)
        assert await send_at(intake, payload, device.eui, received_at) == ("duplicate", None)
        rows = await measured(store)
        intervals = await intake.intervals()
    signed = await evidence(store)
    assert signed.hex() == vector["cose_sign1"]
    key = cwt.COSEKey.from_pem(vector["public_key_pem"], kid=bytes.fromhex(vector["kid"]), alg="ES256")
    assert cwt.COSE.new().decode(signed, keys=[key]).hex() == vector["statement_payload"]
    found = {
        (slot_at(row.at), row.register_id.removeprefix("meter-plant-")): (row.register_wh, row.off_s, row.status)
        for row in rows
    }
    assert found == {
        (reading["slot"], code): (wh, reading["off_s"], reading["status"])
        for reading in vector["readings"]
        for code, wh in zip(obis, reading["registers"], strict=True)
    }
    proven = next(row for row in rows if row.leaf_index == vector["inclusion"]["index"])
    async with store.read() as work:
        stored = await evidence_of(work, proven.id)
    assert stored is not None
    assert stored.leaf_path.hex() == "".join(vector["inclusion"]["path"])
    present = {reading["slot"] for reading in vector["readings"]}
    assert len(intervals) == sum(slot + 1 in present for slot in present)


def deciphered(payload: bytes, key: str, title: str) -> bytes:
    """What is inside a general-glo-ciphering APDU (Green Book 9.2.7): AES-GCM without its tag is AES in counter mode."""
    at = payload.index(bytes.fromhex(title)) + 8
    at += 1 if payload[at] < 0x80 else 1 + (payload[at] & 0x7F)
    begin = at + 5  # security control, invocation counter
    end = len(payload) - 96
    end -= 3 if payload[end - 1] == 0x7E else 2  # check sequence, flag
    start = bytes.fromhex(title) + payload[at + 1 : begin] + (2).to_bytes(4)
    return Cipher(AES(bytes.fromhex(key)), CTR(start)).decryptor().update(payload[begin:end])


@pytest.mark.parametrize("vector", vectors("legacy", "payload_hex"))
async def test_legacy(store: Store, vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.sending_device.INSTALLED", datetime(2025, 1, 1, tzinfo=UTC))
    device = VectorDevice(LEGACY_EUI)
    device.known = bytes.fromhex(vector["public_key_hex"])
    wanted = {"1-0:1.8.0": 10**9, "1-0:2.8.0": 10**9}
    await register(
        store, device, payload_format="legacy", meter_key=bytes.fromhex(vector["meter_key_hex"]),
        registers=dict(wanted), settled_obis="1-0:1.8.0",
    )  # fmt: skip
    payload = bytes.fromhex(vector["payload_hex"])
    expected = vector["expected"]
    times = expected[0]["effective_time"] if expected else {"utc": "2025-07-14T10:00:00Z"}
    at = datetime.fromisoformat(times["utc"] or times["utc_if_europe_vienna"])
    async with running_intake(store) as intake:
        verdict, reason = await send_at(intake, payload, LEGACY_EUI, at + timedelta(seconds=3))
        if vector["expect"] != "verified":
            assert (verdict, reason) == ("rejected", REASONS[vector["expect"]])
            (entry,) = await intake.refused()
            assert (entry.reason, await measured(store)) == (reason, [])
            return
        assert (verdict, reason) == ("admitted", None)
        assert await send_at(intake, payload, LEGACY_EUI, at + timedelta(seconds=9)) == ("duplicate", None)
    rows = await measured(store)
    assert {(row.register_id, row.at): row.register_wh for row in rows} == {
        (f"meter-plant-{obis}", slot_start(slot_at(at))): expected[0]["registers"][obis]["raw"] for obis in wanted
    }
    assert {row.evidence_mode for row in rows} == {"ATTESTED"}
    assert {row.statement_digest for row in rows} == {digest_of(payload)}
    assert await evidence(store) == payload
    async with store.read() as work:
        stored = (await work.session.execute(select(col(StatementRow.codec), col(StatementRow.plaintext_digest)))).one()
    layout = expected[0]["layout"].split()[0]
    plaintext = deciphered(payload, vector["meter_key_hex"], expected[0]["security"]["system_title"])
    assert tuple(stored) == (f"dlms-{layout}/1", hashlib.sha256(plaintext).hexdigest())
