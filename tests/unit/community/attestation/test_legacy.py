"""Payloads of the original Trusted Gateway: verified, or refused for a distinct reason."""

import hashlib
from datetime import datetime

import pytest

from community.attestation.legacy import (
    BadDigest,
    BadLength,
    BadSignature,
    LegacyPayload,
    legacy_readings,
    open_legacy,
    split_legacy,
)
from community.metering.dlms.unreadable import UnreadableTelegram
from tests.unit.community.attestation.builders import LEGACY, DeviceKey, vector

GOOD = [name for name in LEGACY if "bad" not in name]


def test_all_vectors_are_here() -> None:
    assert (len(LEGACY), len(GOOD)) == (6, 4)


@pytest.mark.parametrize("name", GOOD)
def test_a_genuine_payload_gives_the_published_readings(name: str) -> None:
    v = vector("legacy", name)
    parts = open_legacy(bytes.fromhex(v["payload_hex"]), bytes.fromhex(v["public_key_hex"]))
    assert len(parts.frame) == v["frame_len"]
    read = legacy_readings(parts.frame, bytes.fromhex(v["meter_key_hex"]), "Europe/Vienna")
    expected = v["expected"][0]
    assert read.registers == {code: value["raw"] for code, value in expected["registers"].items()}
    time = expected["effective_time"]
    assert read.meter_time == datetime.fromisoformat(time["utc"] or time["utc_if_europe_vienna"])
    assert read.system_title.hex() == expected["security"]["system_title"]
    assert read.invocation_counter == expected["security"]["invocation"]


@pytest.mark.parametrize(("name", "error"), [("legacy-bad-frame", BadDigest), ("legacy-bad-signature", BadSignature)])
def test_the_payloads_to_be_rejected_are_rejected_for_their_reason(name: str, error: type[Exception]) -> None:
    v = vector("legacy", name)
    with pytest.raises(error):
        open_legacy(bytes.fromhex(v["payload_hex"]), bytes.fromhex(v["public_key_hex"]))


@pytest.mark.parametrize("name", GOOD)
def test_every_altered_byte_is_noticed(name: str) -> None:
    v = vector("legacy", name)
    payload, key = bytes.fromhex(v["payload_hex"]), bytes.fromhex(v["public_key_hex"])
    for at in range(len(payload)):
        altered = bytearray(payload)
        altered[at] ^= 0x10
        with pytest.raises((BadLength, BadDigest, BadSignature)):
            open_legacy(bytes(altered), key)


def test_a_cut_or_grown_payload_has_a_bad_length() -> None:
    payload = bytes.fromhex(vector("legacy", "legacy-0")["payload_hex"])
    for wrong in (b"", payload[:90], payload[:-2], payload[3:], payload + b"\0"):
        with pytest.raises(BadLength):
            split_legacy(wrong)
    frame = payload[:-96]
    with pytest.raises(BadLength, match="64 bytes"):
        LegacyPayload(frame, hashlib.sha256(frame).digest(), bytes(63))


def test_another_gateway_and_another_meter_key_are_told_apart() -> None:
    v = vector("legacy", "legacy-1")
    with pytest.raises(BadSignature):
        open_legacy(bytes.fromhex(v["payload_hex"]), DeviceKey().public_key)
    parts = split_legacy(bytes.fromhex(v["payload_hex"]))
    with pytest.raises(UnreadableTelegram, match="wrong meter key"):
        legacy_readings(parts.frame, bytes(16), "Europe/Vienna")
