"""The seal around messages: keys by device and generation, and nothing opens that was altered."""

from typing import Any

import cbor2
import pytest

from community.attestation.sealing import (
    Direction,
    MalformedEnvelope,
    SealBroken,
    derive_aead_key,
    derive_salt_key,
    open_message,
    peek_device,
    seal_message,
    slot_salt,
)
from tests.unit.community.attestation.builders import EUI, SECRET

OTHER_EUI = bytes(8)
SEALED = seal_message(SECRET, EUI, 2, Direction.DOWN, 41, b"text")


def test_a_downlink_opens_with_what_it_claims() -> None:
    opened = open_message(SEALED, SECRET, EUI, Direction.DOWN)
    assert (opened.device_id, opened.generation, opened.counter, opened.plaintext) == (EUI, 2, 41, b"text")
    assert peek_device(SEALED) == (EUI, 2, 41)


def test_each_flipped_bit_breaks_the_seal() -> None:
    for at in range(len(SEALED)):
        altered = bytearray(SEALED)
        altered[at] ^= 1
        with pytest.raises(SealBroken):
            open_message(bytes(altered), SECRET, EUI, Direction.DOWN)


def test_a_message_opens_only_for_its_device_secret_and_direction() -> None:
    with pytest.raises(SealBroken, match="names device"):
        open_message(SEALED, SECRET, OTHER_EUI, Direction.DOWN)
    with pytest.raises(SealBroken, match="another secret"):
        open_message(SEALED, bytes(32), EUI, Direction.DOWN)
    with pytest.raises(SealBroken, match="goes down"):
        open_message(SEALED, SECRET, EUI, Direction.UP)


def _envelope(change: dict[str, Any]) -> bytes:
    tag = cbor2.loads(SEALED)
    protected, unprotected, ciphertext = tag.value
    parts: dict[str, Any] = {"tag": 16, "protected": protected, "4": unprotected[4], "5": unprotected[5]}
    parts |= {"ciphertext": ciphertext} | change
    fields = [parts["protected"], {4: parts["4"], 5: parts["5"]}, parts["ciphertext"]]
    return cbor2.dumps(cbor2.CBORTag(parts["tag"], fields[: parts.get("fields", 3)]), canonical=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tag": 18}, "tag 16"),
        ({"fields": 2}, "three fields"),
        ({"protected": b"\xa1\x01\x03"}, "A128GCM"),
        ({"4": EUI}, "key id"),
        ({"4": EUI + b"\x04"}, "generation"),
        ({"4": 7}, "key id"),
        ({"5": bytes(11)}, "nonce"),
        ({"5": b"\x02" + bytes(11)}, "nonce"),
        ({"5": b"\x01\x01" + bytes(10)}, "nonce"),
        ({"ciphertext": bytes(15)}, "shorter"),
        ({"ciphertext": None}, "shorter"),
    ],
)
def test_a_wrong_shape_is_told_apart_from_a_wrong_key(change: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedEnvelope, match=said):
        peek_device(_envelope(change))


def test_no_cbor_is_no_message() -> None:
    for data in (b"", b"\xff", SEALED[:-1], SEALED + b"\0"):
        with pytest.raises(MalformedEnvelope, match="malformed"):
            peek_device(data)
    tag = cbor2.loads(SEALED)
    with pytest.raises(MalformedEnvelope, match="key id"):
        peek_device(cbor2.dumps(cbor2.CBORTag(16, [tag.value[0], {}, tag.value[2]])))


def test_keys_differ_by_use_generation_and_device() -> None:
    keys = {derive_aead_key(SECRET, EUI, g, transport) for g in range(4) for transport in ("mqtt", "lorawan")}
    assert len(keys | {derive_aead_key(SECRET, OTHER_EUI, 0), derive_salt_key(SECRET, EUI)[:16]}) == 10
    assert slot_salt(bytes(32), 1) != slot_salt(bytes(32), 2)


def test_unusable_key_material_is_refused() -> None:
    with pytest.raises(ValueError, match="generation 4"):
        derive_aead_key(SECRET, EUI, 4)
    with pytest.raises(ValueError, match="32 bytes"):
        derive_salt_key(SECRET[:31], EUI)
    with pytest.raises(ValueError, match="8 bytes"):
        derive_salt_key(SECRET, EUI[:7])
    with pytest.raises(ValueError, match="counter"):
        seal_message(SECRET, EUI, 0, Direction.UP, 2**32, b"")
