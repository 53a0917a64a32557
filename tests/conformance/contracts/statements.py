"""ECW1 statements for the contracts' tests, written from the specification alone and not with the product's code."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from contracts.abi import SettleEvidence, low_s

GOLDEN = Path(__file__).parents[2] / "golden" / "ecw1"
PROTECTED = cbor2.dumps({1: -7, 16: "application/ecw1+cose"})


def vector(name: str) -> dict[str, Any]:
    """One golden file of the ECW1 family."""
    loaded: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def public_point(pem: str) -> tuple[bytes, bytes]:
    """x and y of a P-256 key, 32 bytes each."""
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    numbers = key.public_numbers()
    return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")


def leaf_inputs(golden: dict[str, Any]) -> list[bytes]:
    """The leaf inputs of a golden statement, from its readings and the device's secret."""
    secret, eui = bytes.fromhex(golden["device_secret"]), bytes.fromhex(golden["dev_eui"])
    salt_key = HKDF(SHA256(), 32, salt=eui, info=b"ecw1 salt").derive(secret)
    leaves = []
    for reading in golden["readings"]:
        slot = reading["slot"].to_bytes(4, "big")
        salt = hmac.digest(salt_key, slot, "sha256")[:16]
        registers = b"".join(value.to_bytes(8, "big") for value in reading["registers"])
        leaves.append(salt + slot + bytes([reading["off_s"], reading["status"]]) + registers)
    return leaves


def tree_hash(leaves: list[bytes]) -> bytes:
    """RFC 9162 2.1.1."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


def inclusion_path(leaves: list[bytes], index: int) -> tuple[bytes, ...]:
    """RFC 9162 2.1.3.1."""
    if len(leaves) == 1:
        return ()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return (*inclusion_path(leaves[:split], index), tree_hash(leaves[split:]))
    return (*inclusion_path(leaves[split:], index - split), tree_hash(leaves[:split]))


def golden_evidence(golden: dict[str, Any], index: int) -> SettleEvidence:
    """Evidence for one reading of a golden file, with the signature that stands there."""
    leaves = leaf_inputs(golden)
    signature = bytes.fromhex(golden["signature"])
    return SettleEvidence(
        statement=bytes.fromhex(golden["sig_structure"]),
        r=signature[:32],
        s=low_s(signature[32:]),
        leaf=leaves[index],
        path=inclusion_path(leaves, index),
        leaf_index=index,
    )


@dataclass(frozen=True, slots=True)
class TestDevice:
    """A device with profile 1 and a key made for the tests."""

    __test__ = False

    device_id: bytes
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def number(cls, number: int) -> "TestDevice":
        """A device that is the same in every run."""
        return cls(number.to_bytes(8, "big"), ec.derive_private_key(number + 1000, ec.SECP256R1()))

    @property
    def point(self) -> tuple[bytes, bytes]:
        """x and y of the public key."""
        numbers = self.key.public_key().public_numbers()
        return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")

    def evidence(self, first_slot: int, registers: list[int], index: int = -1, *, counter: int = 1) -> SettleEvidence:
        """A statement over a register value per slot, and the proof of one of them (the last one)."""
        leaves = [
            bytes(16) + (first_slot + i).to_bytes(4, "big") + b"\x00\x01" + value.to_bytes(8, "big")
            for i, value in enumerate(registers)
        ]
        count = len(leaves)
        payload = cbor2.dumps([1, self.device_id, 1, counter, first_slot, count, count, 1, tree_hash(leaves)])
        statement = cbor2.dumps(["Signature1", PROTECTED, b"", payload])
        r, s = decode_dss_signature(self.key.sign(statement, ec.ECDSA(SHA256())))
        index %= count
        return SettleEvidence(
            statement=statement,
            r=r.to_bytes(32, "big"),
            s=low_s(s.to_bytes(32, "big")),
            leaf=leaves[index],
            path=inclusion_path(leaves, index),
            leaf_index=index,
        )
