"""From a device's file in the books to the record that admission judges with."""

from datetime import datetime

from community.attestation.device_record import DeviceKeyRecord, DeviceRecord, DeviceState
from community.clock import QUARTER_HOUR, slot_at
from community.store.devices import DeviceFile, DeviceKey


def record_of(device: DeviceFile) -> DeviceRecord:
    """The device as admission wants it. Raises ValueError if its file contradicts itself."""
    return DeviceRecord(
        device_eui=bytes.fromhex(device.eui),
        state=DeviceState(device.state),
        keys=tuple(
            DeviceKeyRecord(
                key.keyno,
                key.public_key,
                bytes.fromhex(key.kid),
                first_slot_from(key.valid_from),
                _end_slot(key),
                key.development_key,
            )
            for key in device.keys
        ),
        secret=device.secret,
        profile=device.profile,
    )


def _end_slot(key: DeviceKey) -> int | None:
    """The first slot that the key may not sign: its end, or the instant from which it is revoked if that is sooner."""
    ends = [end for end in (key.valid_to, key.revoked_from) if end is not None]
    return max(first_slot_from(key.valid_from), first_slot_from(min(ends))) if ends else None


def first_slot_from(instant: datetime) -> int:
    """The first quarter-hour boundary at or after `instant`."""
    return slot_at(instant + QUARTER_HOUR - instant.resolution)
