"""Parsing and verifying a stored statement (COSE_Sign1, ES256), beside python-cwt.

Twice: with python-cwt's key object made beforehand, where the curve's arithmetic is most of the work on both sides and
ours also reads the statement inside; and from the public key as the books hold it, as ingest meets it with every
message.
"""

import cwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.measuring import Baseline, Figure, compare
from community.attestation.signatures import kid_of, verify_p256
from community.attestation.statement import (
    SignedStatement,
    SlotReading,
    build_statement,
    parse_cose_sign1,
    sig_structure,
)

NAME = "verify_statement"
STATEMENTS = 50
FIRST_SLOT = 1_980_000
GATE_KEY_READY = 0.7
GATE_KEY_FROM_BOOKS = 1.2


def _signed(key: ec.EllipticCurvePrivateKey, public_key: bytes, ctr: int) -> bytes:
    readings = [SlotReading(FIRST_SLOT + ctr, 2, 1, (1_000_000 + ctr * 250, 0))]
    statement, _leaves = build_statement(bytes(range(8)), 1, ctr, 2, readings, lambda _slot: bytes(16))
    payload = statement.payload()
    r, s = decode_dss_signature(key.sign(sig_structure(payload), ec.ECDSA(SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return SignedStatement(statement, payload, signature, kid_of(public_key)).cose_sign1()


def run() -> list[Figure]:
    key = ec.generate_private_key(ec.SECP256R1())
    public_key = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    stored = [_signed(key, public_key, ctr) for ctr in range(1, STATEMENTS + 1)]
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    cose, cwt_key = cwt.COSE.new(), cwt.COSEKey.from_pem(pem, kid=kid_of(public_key), alg="ES256")

    def ours() -> None:
        for data in stored:
            signed = parse_cose_sign1(data)
            if not verify_p256(public_key, sig_structure(signed.payload), signed.signature):
                raise AssertionError("a good statement was refused")

    def key_ready() -> None:
        for data in stored:
            cose.decode(data, keys=[cwt_key])

    def key_from_books() -> None:
        for data in stored:
            cose.decode(data, keys=[cwt.COSEKey.from_pem(pem, kid=kid_of(public_key), alg="ES256")])

    beside = {
        NAME: (Baseline("python-cwt, key object ready", key_ready), GATE_KEY_READY),
        f"{NAME}_from_books": (Baseline("python-cwt, key from the books", key_from_books), GATE_KEY_FROM_BOOKS),
    }
    return [
        compare(name, "statements/s", ours, baseline, units=STATEMENTS, gate=gate)
        for name, (baseline, gate) in beside.items()
    ]
