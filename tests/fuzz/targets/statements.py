"""COSE statements, proofs of possession, device messages and legacy payloads."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from community.attestation import cbor
from community.attestation.device_message import (
    BackendMessage,
    MalformedMessage,
    encode_down,
    encode_up,
    parse_down,
    parse_up,
)
from community.attestation.legacy import BadLegacyPayload, legacy_readings, open_legacy, split_legacy
from community.attestation.possession import (
    PossessionClaims,
    PossessionRefused,
    encode_possession,
    verify_possession,
)
from community.attestation.sealing import (
    Direction,
    MalformedEnvelope,
    SealBroken,
    open_message,
    peek_device,
    read_envelope,
    seal_message,
)
from community.attestation.statement import (
    MalformedStatement,
    leaf_input,
    parse_cose_sign1,
    parse_leaf_input,
    parse_payload,
)
from community.metering.dlms.ciphering import encipher
from community.metering.dlms.hdlc import build_frame
from community.metering.dlms.hdlc_telegrams import LLC
from community.metering.dlms.unreadable import UnreadableTelegram
from tests.fuzz.target import Target
from tests.fuzz.targets.golden_messages import golden_files, statements

EUI, SECRET, KEY = bytes.fromhex("70b3d57ed0061a2b"), bytes(range(32)), bytes(range(16))
NONCE = b"\x05" * 16
_SIGNING = ec.derive_private_key(0x1234567, ec.SECP256R1())
PUBLIC_KEY = _SIGNING.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
_POSSESSION_HEAD = cbor.encode({1: -7, 16: "application/eat+cwt"})
_PLAINTEXT_MAX = 900


def statement(data: bytes) -> None:
    """Any bytes as a statement, its payload, a leaf or an envelope: what is read is the only way to write it."""
    with suppress(cbor.MalformedCbor):
        assert cbor.encode(cbor.decode(data)) == data
    with suppress(MalformedStatement):
        assert parse_cose_sign1(data).cose_sign1() == data
    with suppress(MalformedStatement):
        assert parse_payload(data).payload() == data
    with suppress(MalformedStatement):
        assert leaf_input(*parse_leaf_input(data)) == data
    with suppress(MalformedEnvelope):
        envelope = read_envelope(data)
        key_id = envelope.device_id + bytes((envelope.generation,))
        again = [cbor.encode({1: 1}), {4: key_id, 5: envelope.nonce}, envelope.ciphertext]
        assert b"\xd0" + cbor.encode(again) == data
        assert peek_device(data) == (envelope.device_id, envelope.generation, envelope.counter)


def possession(data: bytes) -> None:
    """Any bytes as a proof of possession, and any claims under a signature that holds."""
    head = ["Signature1", _POSSESSION_HEAD, b"", data]
    r, s = decode_dss_signature(_SIGNING.sign(cbor.encode(head), ec.ECDSA(SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    claims = PossessionClaims(NONCE, EUI, "1", "1")
    own = encode_possession(claims, PUBLIC_KEY, signature)
    payload = claims.payload()
    own = own.replace(cbor.encode(payload), cbor.encode(data))
    for token in (data, own):
        match verify_possession(token, PUBLIC_KEY, nonce=NONCE, eui=EUI):
            case PossessionRefused(reason=reason):
                assert reason
            case PossessionClaims() as found:
                assert (found.nonce, found.eui) == (NONCE, EUI)
                assert found.payload() == data


def device_message(data: bytes) -> None:
    """Any message up and down, bare, under a golden statement, and inside the seal."""
    for each in (data, *(b"\x82" + cbor.encode(signed) + data for signed in _STATEMENTS)):
        with suppress(MalformedMessage):
            assert encode_up(parse_up(each)) == each
    with suppress(MalformedMessage):
        message = parse_down(data)
        assert isinstance(message, BackendMessage)
        assert all(type(key) is int for key in cbor.decode(data))
        assert parse_down(encode_down(message)) == message
    with suppress(SealBroken):
        open_message(data, SECRET, EUI, Direction.UP)
    sealed = seal_message(SECRET, EUI, 1, Direction.DOWN, 3, data)
    assert open_message(sealed, SECRET, EUI, Direction.DOWN).plaintext == data


def legacy(data: bytes) -> None:
    """Any bytes as a payload; as the frame of one whose digest is right; and as the plaintext of such a frame."""
    with suppress(BadLegacyPayload):
        open_legacy(data, PUBLIC_KEY)
    with suppress(UnreadableTelegram):
        legacy_readings(data, KEY, "Europe/Vienna")
    plain = encipher(b"FUZ\0\0\0\0\1", 7, data[:_PLAINTEXT_MAX], KEY)
    for frame in (data, build_frame(b"\x03", b"\x23", 0x13, LLC + plain)):
        with suppress(BadLegacyPayload, UnreadableTelegram):
            parts = split_legacy(frame + hashlib.sha256(frame).digest() + bytes(64))
            assert parts.frame == frame
            assert not parts.signed_by(PUBLIC_KEY)
            legacy_readings(parts.frame, KEY, "Europe/Vienna")


_STATEMENTS = tuple(statements())


def _statement_seeds() -> Iterator[bytes]:
    for vector in golden_files("ecw1"):
        yield bytes.fromhex(vector["cose_sign1"])
        yield bytes.fromhex(vector["statement_payload"])
        for leaf in vector.get("leaf_inputs", ()):
            yield bytes.fromhex(leaf)
        if "mqtt" in vector:
            yield bytes.fromhex(vector["mqtt"]["payload"])
    values: tuple[Any, ...] = (1.5, -1, 2**70, None, True, "text", [[[]]], {1: {2: {}}})
    for value in values:
        yield cbor.encode(value)


def _possession_seeds() -> Iterator[bytes]:
    yield PossessionClaims(NONCE, EUI, "1.2.0", "rev B").payload()
    yield encode_possession(PossessionClaims(NONCE, EUI, "1.2.0", "rev B"), PUBLIC_KEY, bytes(64))


def _message_seeds() -> Iterator[bytes]:
    for vector in golden_files("ecw1"):
        if "mqtt" not in vector:
            continue
        secret, eui = bytes.fromhex(vector["device_secret"]), bytes.fromhex(vector["dev_eui"])
        payload = bytes.fromhex(vector["mqtt"]["payload"])
        plaintext = open_message(payload, secret, eui, Direction.UP).plaintext
        yield payload
        yield plaintext
        yield cbor.encode(cbor.decode(plaintext)[1])
    yield encode_down(BackendMessage(7, ((5, 2),), {"profile": 1, "name": "x"}))


def _legacy_seeds() -> Iterator[bytes]:
    for vector in golden_files("legacy"):
        payload = bytes.fromhex(vector["payload_hex"])
        yield payload
        yield payload[:-96]


TARGETS = {
    "statement": Target(statement, _statement_seeds),
    "possession": Target(possession, _possession_seeds, size_max=512),
    "device_message": Target(device_message, _message_seeds),
    "legacy": Target(legacy, _legacy_seeds, size_max=1024),
}
