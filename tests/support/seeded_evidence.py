"""What the devices of a seeded community signed: real statements under keys that are the same every time."""

import hashlib
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from community.attestation.signatures import kid_of
from community.attestation.statement import SlotReading
from tests.support.sending_device import SendingDevice

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class SeededKey:
    """A device's public key (65 bytes) and its id (hex)."""

    public_key: bytes
    kid: str


@cache
def _device(name: str, eui: str) -> SendingDevice:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()) % (_ORDER - 1) + 1
    return SendingDevice(eui=eui, keyno=1, key=ec.derive_private_key(number, ec.SECP256R1()))


def key_of(name: str) -> SeededKey:
    """The key of the device `name`."""
    public = _device(name, "70b3d57ed0000000").key.public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return SeededKey(point, kid_of(point).hex())


def evidence_of(name: str, eui: str, slot: int, register_wh: int) -> bytes:
    """The COSE_Sign1 over one reading; its statement's counter is the slot."""
    return _device(name, eui).sign([SlotReading(slot, 2, 1, (register_wh,))], ctr=slot).signed.cose_sign1()
