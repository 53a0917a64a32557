"""From a device's file in the books to the record that admission judges with."""

from datetime import datetime

from community.attestation.device_record import DeviceKeyRecord, DeviceRecord, DeviceState
from community.clock import QUARTER_HOUR, slot_at
from community.store.devices import DeviceFile


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
                None if key.valid_to is None else first_slot_from(key.valid_to),
                key.development_key,
            )
            for key in device.keys
        ),
        secret=device.secret,
        profile=device.profile,
    )


def first_slot_from(instant: datetime) -> int:
    """The first quarter-hour boundary at or after `instant`."""
    return slot_at(instant + QUARTER_HOUR - instant.resolution)
