"""Keys, statements and sealed messages as a device would make them; and the golden vectors as dictionaries."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from community.attestation.device_message import DeviceMessage, encode_up
from community.attestation.sealing import Direction, derive_salt_key, seal_message, slot_salt
from community.attestation.signatures import kid_of
from community.attestation.statement import SignedStatement, SlotReading, build_statement, sig_structure

GOLDEN = Path(__file__).parents[3] / "golden"
EUI = bytes.fromhex("70b3d57ed0061a2b")
SECRET = bytes(range(32))
FIRST_SLOT = 1994304

ECW1 = sorted(path.stem for path in (GOLDEN / "ecw1").glob("*.json"))
ECW1_MESSAGES = [name for name in ECW1 if name != "statement-1"]
LEGACY = sorted(path.stem for path in (GOLDEN / "legacy").glob("*.json"))


def vector(family: str, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / family / f"{name}.json").read_text())
    return loaded


def sec1_of_pem(pem: str) -> bytes:
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def readings_of(loaded: dict[str, Any]) -> tuple[SlotReading, ...]:
    return tuple(
        SlotReading(row["slot"], row["off_s"], row["status"], tuple(row["registers"])) for row in loaded["readings"]
    )


def salt_of(secret: bytes = SECRET, eui: bytes = EUI) -> partial[bytes]:
    return partial(slot_salt, derive_salt_key(secret, eui))


class DeviceKey:
    """A signing key in memory, as a secure element would hold it."""

    def __init__(self, scalar: int = 0x1234567) -> None:
        self._key = ec.derive_private_key(scalar, ec.SECP256R1())
        self.public_key = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.kid = kid_of(self.public_key)

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def some_readings(first_slot: int = FIRST_SLOT, count: int = 4, register: int = 1000) -> tuple[SlotReading, ...]:
    return tuple(SlotReading(first_slot + at, 0, 1, (register + 50 * at,)) for at in range(count))


def message_of(
    key: DeviceKey,
    readings: tuple[SlotReading, ...],
    *,
    eui: bytes = EUI,
    ctr: int = 7,
    keyno: int = 1,
    profile: int = 1,
    first_slot: int | None = None,
    span: int | None = None,
) -> DeviceMessage:
    statement, _ = build_statement(
        eui, keyno, ctr, profile, readings, salt_of(eui=eui), first_slot=first_slot, span=span
    )
    payload = statement.payload()
    return DeviceMessage(SignedStatement(statement, payload, key.sign(sig_structure(payload)), key.kid), readings)


def sealed(message: DeviceMessage, counter: int = 100, eui: bytes = EUI, secret: bytes = SECRET) -> bytes:
    return seal_message(secret, eui, 0, Direction.UP, counter, encode_up(message))
