"""What devices say of their keys, and the files of a bulk import."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from community.attestation import cbor
from community.attestation.key_rotation import KeyRotation, RotationRefused, encode_rotation, verify_rotation
from community.attestation.provisioning import (
    Answered,
    KeyChanged,
    KeyOffered,
    KeyProven,
    MalformedProvisioning,
    NonceGiven,
    encode_reply,
    encode_request,
    parse_reply,
    parse_request,
)
from community.onboarding.import_files import FILES, read_file
from tests.fuzz.target import Target

EUI = bytes.fromhex("70b3d57ed0061a2b")
_OLD, _NEW = (ec.derive_private_key(number, ec.SECP256R1()) for number in (0x1234567, 0x7654321))
_EXAMPLE = Path(__file__).parents[3] / "deploy" / "import-example"
_HEAD = cbor.encode({3: "application/ecw1-rotation"})
_ES256 = cbor.encode({1: -7})


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _signed(key: ec.EllipticCurvePrivateKey, payload: bytes) -> bytes:
    tbs = cbor.encode(["Signature", _HEAD, _ES256, b"", payload])
    r, s = decode_dss_signature(key.sign(tbs, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


OLD, NEW = _point(_OLD), _point(_NEW)
CLAIM = KeyRotation(EUI, 1, 2, NEW, 1_900_000, 7)


def device_keys(data: bytes) -> None:
    """Any bytes as a request, a reply and a rotation, and any claim under signatures of both keys that hold."""
    with suppress(MalformedProvisioning):
        assert encode_request(parse_request(data)) == data
    with suppress(MalformedProvisioning):
        assert parse_reply(encode_reply(parse_reply(data))) == parse_reply(data)
    payload = CLAIM.payload()
    under = encode_rotation(CLAIM, OLD, _signed(_OLD, data), _signed(_NEW, data))
    for content in (data, under.replace(cbor.encode(payload), cbor.encode(data))):
        match verify_rotation(content, OLD, device_id=EUI):
            case RotationRefused(reason=reason):
                assert reason
            case KeyRotation() as found:
                assert (found.device_id, found.new_public_key, found.payload()) == (EUI, NEW, data)


def bulk_import(data: bytes) -> None:
    """Any bytes as any file: every row is read or has a problem, and no problem shows a secret."""
    for kind in FILES:
        read = read_file(kind, data, "sonnendach")
        assert bool(read.rows) or bool(read.problems) or not read.row_count
        wrong = {problem.row for problem in read.problems}
        assert all(problem.what and problem.remedy for problem in read.problems)
        assert not any(row.row in wrong for row in read.rows)
        assert len(read.rows) + len(wrong) >= read.row_count or len(read.problems) > 0


def _key_seeds() -> Iterator[bytes]:
    yield CLAIM.payload()
    yield encode_rotation(CLAIM, OLD, bytes(64), bytes(64))
    for request in (KeyOffered(OLD), KeyProven(OLD, b"proof", True), KeyChanged(b"rotation")):
        yield encode_request(request)
    yield encode_reply(NonceGiven(bytes(16)))
    yield encode_reply(Answered(False, "no"))


def _file_seeds() -> Iterator[bytes]:
    for kind in FILES:
        yield (_EXAMPLE / f"{kind}.csv").read_bytes()


TARGETS = {
    "device_keys": Target(device_keys, _key_seeds, size_max=1024),
    "bulk_import": Target(bulk_import, _file_seeds, size_max=1024),
}
