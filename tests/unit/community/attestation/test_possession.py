"""Proof of possession: made by any signer, read by an independent library, refused when anything differs."""

import hashlib
import os
from pathlib import Path

import cbor2
import cwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cwt import COSE, COSEKey
from cwt.cose_key_interface import COSEKeyInterface

from community.attestation.possession import (
    PossessionClaims,
    PossessionRefused,
    encode_possession,
    verify_possession,
)
from community.attestation.signatures import kid_of
from gateway_agent import FIRMWARE_VERSION
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.secure_element.onboarding import certificate_request, prove_possession

EUI = bytes.fromhex("70b3d57ed0060101")
NONCE = bytes(range(32))


@pytest.fixture
def signer(tmp_path: Path) -> DevelopmentKeySigner:
    return DevelopmentKeySigner.create(tmp_path / "key.pem")


def cose_key(public_key: bytes) -> COSEKeyInterface:
    return COSEKey.new({1: 2, -1: 1, 3: -7, 2: kid_of(public_key), -2: public_key[1:33], -3: public_key[33:], 4: [2]})


def test_the_proof_verifies_here_and_in_an_independent_library(signer: DevelopmentKeySigner) -> None:
    token = prove_possession(signer, NONCE, EUI, "atecc608b")
    claims = verify_possession(token, signer.public_key(), nonce=NONCE, eui=EUI)
    assert claims == PossessionClaims(NONCE, EUI, FIRMWARE_VERSION, "atecc608b")
    payload = COSE.new().decode(token, cose_key(signer.public_key()))
    assert cbor2.loads(payload) == {10: NONCE, 256: b"\x02" + EUI, 260: ["atecc608b"], 271: [FIRMWARE_VERSION]}
    assert cwt.decode(token, cose_key(signer.public_key())) == cbor2.loads(payload)


def test_every_bit_counts(signer: DevelopmentKeySigner) -> None:
    token = prove_possession(signer, NONCE, EUI, "v1")
    for at in range(len(token)):
        altered = bytearray(token)
        altered[at] ^= 1
        answer = verify_possession(bytes(altered), signer.public_key(), nonce=NONCE, eui=EUI)
        assert isinstance(answer, PossessionRefused), at
    for cut in range(0, len(token), 7):
        assert isinstance(verify_possession(token[:cut], signer.public_key(), nonce=NONCE, eui=EUI), PossessionRefused)


def test_another_nonce_device_or_key_is_refused_with_its_reason(signer: DevelopmentKeySigner, tmp_path: Path) -> None:
    token, key = prove_possession(signer, NONCE, EUI, "v1"), signer.public_key()
    other = DevelopmentKeySigner.create(tmp_path / "other.pem")
    for answer, words in (
        (verify_possession(token, key, nonce=bytes(32), eui=EUI), "another nonce"),
        (verify_possession(token, key, nonce=NONCE, eui=bytes(8)), "is of device"),
        (verify_possession(token, other.public_key(), nonce=NONCE, eui=EUI), "id of the key"),
        (verify_possession(bytes(600), key, nonce=NONCE, eui=EUI), "more than"),
        (verify_possession(cbor2.dumps([1]), key, nonce=NONCE, eui=EUI), "tag 18"),
    ):
        assert isinstance(answer, PossessionRefused) and words in answer.reason
    claims = PossessionClaims(NONCE, EUI, "1", "1")
    forged = encode_possession(claims, key, other.sign_digest(hashlib.sha256(claims.to_be_signed()).digest()))
    answer = verify_possession(forged, key, nonce=NONCE, eui=EUI)
    assert isinstance(answer, PossessionRefused) and "not by this key" in answer.reason


@pytest.mark.parametrize(
    "claims",
    [
        {10: NONCE},
        {10: NONCE, 256: b"\x01" + EUI, 260: ["1"], 271: ["1"]},
        {10: NONCE, 256: b"\x02" + EUI, 260: "1", 271: ["1"]},
        {10: NONCE, 256: b"\x02" + EUI, 260: [1], 271: ["1"]},
        {10: b"short", 256: b"\x02" + EUI, 260: ["1"], 271: ["1"]},
        {10: NONCE, 256: b"\x02" + EUI, 260: ["1"], 271: ["1"], 1: "me"},
        [NONCE],
    ],
)
def test_claims_of_another_shape_are_refused_although_signed(signer: DevelopmentKeySigner, claims: object) -> None:
    protected = cbor2.dumps({1: -7, 16: "application/eat+cwt"}, canonical=True)
    payload = cbor2.dumps(claims, canonical=True)
    digest = hashlib.sha256(cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)).digest()
    fields = [protected, {4: kid_of(signer.public_key())}, payload, signer.sign_digest(digest)]
    token = cbor2.dumps(cbor2.CBORTag(18, fields), canonical=True)
    answer = verify_possession(token, signer.public_key(), nonce=NONCE, eui=EUI)
    assert isinstance(answer, PossessionRefused)


@pytest.mark.parametrize(("nonce", "hardware"), [(bytes(7), "1"), (bytes(65), "1"), (NONCE, ""), (NONCE, "x" * 65)])
def test_what_does_not_fit_is_not_signed(signer: DevelopmentKeySigner, nonce: bytes, hardware: str) -> None:
    with pytest.raises(ValueError, match=r"has 8 to 64 bytes|1 to 64 characters"):
        prove_possession(signer, nonce, EUI, hardware)


def test_a_certificate_request_is_one_for_everyone_else(signer: DevelopmentKeySigner) -> None:
    for name in (EUI.hex(), "Zählpunkt", "x" * 64):
        request = x509.load_pem_x509_csr(certificate_request(signer, name).encode())
        assert request.is_signature_valid
        assert request.subject.rfc4514_string() == f"CN={name}"
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        assert point == signer.public_key()
    with pytest.raises(ValueError, match="64"):
        certificate_request(signer, os.urandom(33).hex())
