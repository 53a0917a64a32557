"""What is on file about a device, as far as judging its messages needs it."""

from dataclasses import dataclass, field
from enum import StrEnum

from community.attestation.sealing import SECRET_SIZE
from community.attestation.signatures import kid_of


class DeviceState(StrEnum):
    """Whether a device's readings count. Only those of an active one do."""

    PENDING = "pending"
    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class DeviceKeyRecord:
    """A registered signing key, valid for slots in `[valid_from_slot, valid_to_slot)`; None = no end."""

    keyno: int
    public_key: bytes
    kid: bytes
    valid_from_slot: int
    valid_to_slot: int | None = None
    insecure: bool = False
    """Held outside a secure element, for development: what it signs is marked."""

    def __post_init__(self) -> None:
        if self.kid != kid_of(self.public_key):
            raise ValueError(f"key id {self.kid.hex()} is not that of the public key")
        if self.valid_to_slot is not None and self.valid_to_slot < self.valid_from_slot:
            raise ValueError("a key's validity cannot end before it begins")

    def covers(self, first_slot: int, last_slot: int) -> bool:
        """Whether the key was valid for every slot from `first_slot` to `last_slot`."""
        return self.valid_from_slot <= first_slot and (self.valid_to_slot is None or last_slot < self.valid_to_slot)


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A registered device. `secret` is None for devices that only send the legacy format."""

    device_eui: bytes
    state: DeviceState
    keys: tuple[DeviceKeyRecord, ...]
    secret: bytes | None = field(default=None, repr=False)
    profile: int | None = None
    """The profile its statements must have; None = any known one."""

    def __post_init__(self) -> None:
        if len(self.device_eui) != 8:
            raise ValueError(f"a device EUI is 8 bytes, not {len(self.device_eui)}")
        if self.secret is not None and len(self.secret) != SECRET_SIZE:
            raise ValueError(f"a device secret is 32 bytes, not {len(self.secret)}")
        if len({key.keyno for key in self.keys}) != len(self.keys):
            raise ValueError("a key number names one key of a device")
