"""P-256 signatures and key ids, against vectors and damaged input."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from community.attestation.signatures import P256_ORDER, kid_of, normalise_low_s, verify_p256, verify_p256_digest
from tests.unit.community.attestation.builders import DeviceKey

KEY = DeviceKey()
MESSAGE = b"energy"
SIGNATURE = KEY.sign(MESSAGE)


def test_high_and_low_s_verify_and_have_one_normal_form() -> None:
    s = int.from_bytes(SIGNATURE[32:], "big")
    twin = SIGNATURE[:32] + (P256_ORDER - s).to_bytes(32, "big")
    for signature in (SIGNATURE, twin):
        assert verify_p256(KEY.public_key, MESSAGE, signature)
        assert verify_p256_digest(KEY.public_key, hashlib.sha256(MESSAGE).digest(), signature)
    assert normalise_low_s(SIGNATURE) == normalise_low_s(twin)
    assert int.from_bytes(normalise_low_s(twin)[32:], "big") <= P256_ORDER // 2


@pytest.mark.parametrize(
    "signature",
    [b"", SIGNATURE[:63], SIGNATURE + b"\0", bytes(64), b"\xff" * 64],
    ids=["empty", "short", "long", "zero", "ones"],
)
def test_what_is_no_signature_does_not_verify(signature: bytes) -> None:
    assert not verify_p256(KEY.public_key, MESSAGE, signature)


def test_another_key_does_not_verify() -> None:
    assert not verify_p256(DeviceKey(99).public_key, MESSAGE, SIGNATURE)


@pytest.mark.parametrize("key", [b"", KEY.public_key[:64], b"\x02" + KEY.public_key[1:33], b"\x04" + bytes(64)])
def test_an_unusable_public_key_is_an_error_of_the_registry(key: bytes) -> None:
    with pytest.raises(ValueError, match="public key"):
        verify_p256(key, MESSAGE, SIGNATURE)
    with pytest.raises(ValueError, match="public key"):
        kid_of(key)


def test_a_key_of_the_chains_own_curve_is_named_as_such() -> None:
    key = ec.derive_private_key(7, ec.SECP256K1()).public_key()
    with pytest.raises(ValueError, match=r"secp256k1 \(ES256K\): have the device make a P-256 key"):
        kid_of(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


@pytest.mark.parametrize("signature", [bytes(63), bytes(64), b"\x01" * 32 + b"\xff" * 32])
def test_only_a_signature_has_a_low_s_form(signature: bytes) -> None:
    with pytest.raises(ValueError, match="signature"):
        normalise_low_s(signature)


def test_a_digest_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        verify_p256_digest(KEY.public_key, bytes(31), SIGNATURE)
