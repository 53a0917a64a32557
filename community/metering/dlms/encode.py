"""Builds push telegrams in the exact shape of three makers' meters: the inverse of `telegram.decode_frame`.

Round-trip laws are stated with it, and simulated meters speak through it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from zoneinfo import ZoneInfo

from community.metering.dlms.ciphering import encipher
from community.metering.dlms.cosem_time import STATUS_DAYLIGHT_SAVING, STATUS_INVALID, CosemTime
from community.metering.dlms.hdlc import build_frame
from community.metering.dlms.hdlc_telegrams import LLC
from community.metering.dlms.push_layouts import REGISTER_CODES, Layout, PushBody, encode_push

_UNNUMBERED_INFORMATION = 0x13


@dataclass(frozen=True, slots=True)
class _Shape:
    destination: bytes
    source: bytes
    layout: Layout
    sends_deviation: bool
    hundredths: int


class MeterModel(Enum):
    """Meters whose telegrams can be built: addresses, layout and clock habits differ."""

    AM550 = _Shape(b"\xcf", b"\x02\x23", Layout.POSITIONAL_9, True, 0)
    E450 = _Shape(b"\xce\xff", b"\x03", Layout.POSITIONAL_9, False, 0xFF)
    IM350 = _Shape(b"\xcf", b"\x00\x02\x00\x23", Layout.POSITIONAL_10, True, 0)


@dataclass(frozen=True, slots=True)
class PushMeter:
    """A meter as its telegrams show it. `serial` (16 characters) is for IM350 only; keys are 16 bytes."""

    model: MeterModel
    system_title: bytes
    key: bytes
    zone: str = "Europe/Vienna"
    serial: str | None = None
    auth_key: bytes | None = None


def encode_push_frame(
    meter: PushMeter, invocation_counter: int, meter_time: datetime, registers: Mapping[str, int]
) -> bytes:
    """The frame with flags that `meter` sends at `meter_time` (an aware datetime, cut to seconds).

    `registers` maps OBIS codes to counts; those not named stand at 0. Raises ValueError for values that the telegram
    cannot hold.
    """
    if unknown := set(registers) - set(REGISTER_CODES):
        raise ValueError(f"this telegram has no place for {', '.join(sorted(unknown))}")
    values = {code: registers.get(code, 0) for code in REGISTER_CODES}
    if wrong := [code for code, value in values.items() if not 0 <= value < 1 << 32]:
        raise ValueError(f"{', '.join(wrong)} is outside 0 to 2^32-1")
    if meter_time.tzinfo is None:
        raise ValueError("the meter's time must be an instant: give it a time zone")
    shape = meter.model.value
    notification_time, object_time = _times(shape, meter_time, meter.zone)
    body = PushBody(shape.layout, invocation_counter, notification_time, object_time, meter.serial, values)
    plaintext = encode_push(body, shape.hundredths)
    apdu = encipher(meter.system_title, invocation_counter, plaintext, meter.key, meter.auth_key)
    return build_frame(shape.destination, shape.source, _UNNUMBERED_INFORMATION, LLC + apdu)


def _times(shape: _Shape, meter_time: datetime, zone: str) -> tuple[CosemTime, CosemTime]:
    """Notification and object time. The E450's notification time has no status at all, its object time always 0x01."""
    aware = meter_time.astimezone(ZoneInfo(zone))
    offset, summer = aware.utcoffset(), STATUS_DAYLIGHT_SAVING if aware.dst() else 0
    local = aware.replace(tzinfo=None, microsecond=0, fold=0)
    if shape.sends_deviation and offset is not None:
        time = CosemTime(local, -(int(offset.total_seconds()) // 60), summer)
        return time, time
    return CosemTime(local, None, 0), CosemTime(local, None, summer | STATUS_INVALID)
