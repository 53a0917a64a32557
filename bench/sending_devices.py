"""Thousands of devices on the books and what they send: sealed, signed ECW1 messages, made before anything is measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from community.attestation.device_message import DeviceMessage, encode_up
from community.attestation.sealing import Direction, derive_salt_key, seal_message, slot_salt
from community.attestation.signatures import kid_of
from community.attestation.statement import SignedStatement, SlotReading, build_statement, sig_structure
from community.store import devices
from community.store.devices import DeviceKey, Meter, MeteringPoint, NewDevice
from community.store.sealed_columns import ColumnKey
from community.store.unit_of_work import Store

EXPORT = "1-0:2.8.0"
EXPORT_ONLY = 3
COLUMN_KEY = ColumnKey(bytes(range(32)))
_ES256 = ec.ECDSA(SHA256())


@dataclass(slots=True)
class BenchDevice:
    """A device with its own key; its register rises by 100 Wh a quarter-hour."""

    number: int
    key: ec.EllipticCurvePrivateKey
    public_key: bytes
    ctr: int = 0
    slots_sent: int = 0

    @classmethod
    def make(cls, number: int) -> "BenchDevice":
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(number, key, key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    @property
    def eui(self) -> str:
        return f"70b3d57e{self.number:08x}"

    @property
    def secret(self) -> bytes:
        return self.number.to_bytes(32)

    def message(self, first_slot: int, size: int) -> bytes:
        """The next message, of one statement over `size` readings."""
        eui = bytes.fromhex(self.eui)
        begin = first_slot + self.slots_sent
        readings = [SlotReading(slot, 0, 1, ((slot - first_slot) * 100,)) for slot in range(begin, begin + size)]
        salt = partial(slot_salt, derive_salt_key(self.secret, eui))
        statement, _ = build_statement(eui, 0, self.ctr, EXPORT_ONLY, readings, salt)
        payload = statement.payload()
        r, s = decode_dss_signature(self.key.sign(sig_structure(payload), _ES256))
        signed = SignedStatement(statement, payload, r.to_bytes(32) + s.to_bytes(32), kid_of(self.public_key))
        sealed = seal_message(
            self.secret, eui, 0, Direction.UP, self.ctr, encode_up(DeviceMessage(signed, tuple(readings)))
        )
        self.ctr += 1
        self.slots_sent += size
        return sealed


async def register(store: Store, registered: list[BenchDevice], now: datetime) -> None:
    """Put every device with its meter and metering point on the books."""
    installed = now - timedelta(days=90)
    async with store.begin() as work:
        for device in registered:
            name = f"{device.number:06d}"
            point = MeteringPoint(f"mp_{name}", f"AT{name:0>31}", name, "production", EXPORT)
            await devices.add_metering_point(work, point)
            meter = Meter(f"meter-{name}", f"SN-{name}", "Maker", "Model", {EXPORT: 10**9})
            await devices.add_meter(work, meter, COLUMN_KEY)
            new = NewDevice(f"dev_{name}", name, device.eui, "ecw1", EXPORT_ONLY, device.secret, "active")
            await devices.add_device(work, new, COLUMN_KEY, installed)
            kid = kid_of(device.public_key).hex()
            await devices.add_device_key(
                work, f"dev_{name}", DeviceKey(f"key_{name}", 0, device.public_key, kid, installed)
            )
            await devices.install(
                work,
                f"inst_{name}",
                metering_point_id=f"mp_{name}",
                meter_id=f"meter-{name}",
                device_id=f"dev_{name}",
                valid_from=installed,
                max_power_w=30_000,
            )


def rounds(senders: list[BenchDevice], first_slot: int, size: int, count: int) -> Iterator[tuple[str, bytes]]:
    """(topic, message) of `count` messages: every device in turn, as it is when all send after the same quarter-hour."""
    for number in range(count):
        device = senders[number % len(senders)]
        yield f"ec/v1/{device.eui}/up", device.message(first_slot, size)
