"""The DataNotification in a telegram (DLMS Green Book 9.3.10): its header, and the layout of its body by structure alone.

0f | u32 long invoke id | time: 00, or 0c and 12 bytes, on some meters 09 0c and 12 bytes | one value: the body
"""

from dataclasses import dataclass

from community.metering.dlms.axdr import OCTETS, AxdrReader, Group
from community.metering.dlms.cosem_time import TIME_SIZE, CosemTime, may_be_time
from community.metering.dlms.found_values import FoundValues, time_or_none
from community.metering.dlms.layouts_by_code import is_object_list, lone_text, read_by_code, read_object_list
from community.metering.dlms.layouts_by_place import (
    is_norwegian_list,
    is_positional_kn,
    read_norwegian_list,
    read_positional_kn,
    read_untagged,
    untagged_count,
)
from community.metering.dlms.push_layouts import REGISTER_CODES, Layout, PushBody, is_positional, parse_push
from community.metering.dlms.register import Register
from community.metering.dlms.unreadable import UnknownLayout

DATA_NOTIFICATION = 0x0F
_SERIAL_CODES = ("0-0:96.1.0", "0-0:96.1.1", "1-1:0.0.5", "0-0:42.0.0")
_POSITIONAL_UNITS = tuple(zip(REGISTER_CODES, ("Wh", "Wh", "varh", "varh", "W", "W", "var", "var"), strict=True))


@dataclass(frozen=True, slots=True)
class Notification:
    """All that one telegram says."""

    layout: Layout
    invoke_id: int
    notification_time: CosemTime | None
    object_time: CosemTime | None
    serial: str | None
    values: dict[str, Register]
    texts: dict[str, str]


def parse_notification(plaintext: bytes) -> Notification:
    """The values in a plain DataNotification. Raises UnknownLayout, also for what a wrong key made of it."""
    if is_positional(plaintext):
        return _from_positional(parse_push(plaintext))
    reader = AxdrReader(plaintext)
    notification = read_notification(reader)
    reader.end()
    return notification


def read_notification(reader: AxdrReader) -> Notification:
    """The notification that begins here, and not a byte more. Raises UnknownLayout, EndsEarly when bytes are missing."""
    if reader.byte() != DATA_NOTIFICATION:
        raise UnknownLayout.because("it does not begin with 0f")
    invoke_id = reader.unsigned(4)
    sent = _notification_time(reader)
    found = FoundValues()
    count = untagged_count(reader)
    if count is not None:
        layout = read_untagged(reader, count, found)
    else:
        body = reader.node()
        if not isinstance(body, Group) or not body.items:
            raise UnknownLayout.because("its body is no list of values")
        layout = _read_body(body, sent, found)
    if not found.registers:
        raise UnknownLayout.because("it holds no register")
    serial = next((found.texts[code] for code in _SERIAL_CODES if code in found.texts), None) or lone_text(found)
    return Notification(layout, invoke_id, sent, found.object_time, serial, found.registers, found.texts)


def _read_body(body: Group, sent: CosemTime | None, found: FoundValues) -> Layout:
    items = body.items
    if is_object_list(items[0]):
        return read_object_list(items, found)
    if is_positional_kn(items):
        return read_positional_kn(items, sent, found)
    if is_norwegian_list(items):
        return read_norwegian_list(items, found)
    return read_by_code(items, found)


def _notification_time(reader: AxdrReader) -> CosemTime | None:
    size = reader.byte()
    if size == OCTETS:  # the length byte has a tag before it
        size = reader.byte()
    if size == 0:
        return None
    if size != TIME_SIZE:
        raise UnknownLayout.because(f"its time has {size} bytes")
    data = reader.take(TIME_SIZE)
    if not may_be_time(data):
        raise UnknownLayout.because(f"its time {data.hex()} is no date and time")
    return time_or_none(data)


def _from_positional(body: PushBody) -> Notification:
    values = {code: Register(body.registers[code], 0, unit, unit_sent=False) for code, unit in _POSITIONAL_UNITS}
    texts = {} if body.serial is None else {"0-0:96.1.0": body.serial}
    return Notification(
        body.layout, body.invoke_id, body.notification_time, body.object_time, body.serial, values, texts
    )
