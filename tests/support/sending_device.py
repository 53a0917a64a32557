"""A device that signs and seals real messages, and the books it is registered in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from community.attestation.device_message import BackendMessage, DeviceMessage, encode_up, parse_down
from community.attestation.sealing import Direction, derive_salt_key, open_message, seal_message, slot_salt
from community.attestation.signatures import kid_of
from community.attestation.statement import SignedStatement, SlotReading, build_statement, sig_structure
from community.clock import slot_at
from community.store import devices
from community.store.devices import DeviceKey, Meter, MeteringPoint, NewDevice
from community.store.unit_of_work import Store
from tests.support.stores import COLUMN_KEY

EUI = "70b3d57ed0000001"
EXPORT = "1-0:2.8.0"
MAX_POWER_W = 30_000
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOON_SLOT = slot_at(NOON)
INSTALLED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class SendingDevice:
    """Makes ECW1 messages with its own P-256 key; counters rise by themselves."""

    eui: str = EUI
    profile: int = 3
    keyno: int = 0
    secret: bytes = bytes(range(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    ctr: int = 0
    counter: int = 0

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def raw_signature(self, message: bytes) -> bytes:
        """r | s over SHA-256 of `message`."""
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sign(
        self, readings: Sequence[SlotReading], ctr: int | None = None, key_of: "SendingDevice | None" = None
    ) -> DeviceMessage:
        """A signed statement over `readings`; `key_of` makes another device's key sign it."""
        number = self.ctr if ctr is None else ctr
        self.ctr = max(self.ctr, number + 1)
        eui = bytes.fromhex(self.eui)
        salt = partial(slot_salt, derive_salt_key(self.secret, eui))
        statement, _ = build_statement(eui, self.keyno, number, self.profile, readings, salt)
        payload = statement.payload()
        signature = (key_of or self).raw_signature(sig_structure(payload))
        return DeviceMessage(SignedStatement(statement, payload, signature, kid_of(self.public_key)), tuple(readings))

    def seal(self, message: DeviceMessage, counter: int | None = None) -> bytes:
        """The message as it travels."""
        number = self.counter if counter is None else counter
        self.counter = max(self.counter, number + 1)
        return seal_message(self.secret, bytes.fromhex(self.eui), 0, Direction.UP, number, encode_up(message))

    def frame(self, *readings: tuple[int, int], ctr: int | None = None) -> bytes:
        """A sealed message over (slot, register in Wh) pairs."""
        return self.seal(self.sign([SlotReading(slot, 0, 1, (wh,)) for slot, wh in readings], ctr))

    def open_down(self, payload: bytes) -> tuple[int, BackendMessage]:
        """The message counter and the content of a message from the backend."""
        opened = open_message(payload, self.secret, bytes.fromhex(self.eui), Direction.DOWN)
        return opened.counter, parse_down(opened.plaintext)


async def register(
    store: Store,
    device: SendingDevice,
    *,
    name: str = "plant",
    registers: dict[str, int | None] | None = None,
    meter_key: bytes | None = None,
    payload_format: str = "ecw1",
    state: str = "active",
    factor: int = 1,
    settled_obis: str = EXPORT,
    trial: bool = False,
) -> None:
    """Put a device, its key, its meter and its metering point on the books."""
    public_key = device.public_key
    async with store.begin() as work:
        await devices.add_metering_point(
            work, MeteringPoint(f"mp_{name}", f"AT{name:0>31}"[:33], name, "production", settled_obis)
        )
        meter = Meter(f"meter-{name}", f"SN-{name}", "Maker", "Model", registers or {EXPORT: 10**9}, meter_key)
        await devices.add_meter(work, meter, COLUMN_KEY)
        secret = device.secret if payload_format == "ecw1" else None
        profile = device.profile if payload_format == "ecw1" else None
        new = NewDevice(f"dev-{name}", name, device.eui, payload_format, profile, secret, state, trial=trial)
        await devices.add_device(work, new, COLUMN_KEY, INSTALLED)
        key = DeviceKey(f"key-{name}", device.keyno, public_key, kid_of(public_key).hex(), INSTALLED)
        await devices.add_device_key(work, f"dev-{name}", key)
        await devices.install(
            work,
            f"inst-{name}",
            metering_point_id=f"mp_{name}",
            meter_id=f"meter-{name}",
            device_id=f"dev-{name}",
            valid_from=INSTALLED,
            max_power_w=MAX_POWER_W,
            factor=factor,
        )


class StandingClock:
    """A clock that stands where it is put."""

    def __init__(self, now: datetime = NOON + timedelta(hours=6)) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant

    async def sleep_until(self, instant: datetime) -> None:
        self.instant = max(self.instant, instant)
