"""What stands in a deciphered push: the positional layouts of Wiener Netze meters, told apart by structure alone.

    0f | u32 invoke id | 0c notification time 12 | 02 n structure | [09 10 serial 16] | 09 0c object time 12 | 8 x (06 u32)

n = 9 without and 10 with the serial number. Every tag and the very length must fit, so a wrong key gives an error and
never a reading (about 2^-100 for chance). There are no units on the wire: Wh, Wh, varh, varh, W, W, var, var.
"""

import struct
from dataclasses import dataclass
from enum import StrEnum

from community.metering.dlms.cosem_time import TIME_SIZE, CosemTime, encode_time, parse_time
from community.metering.dlms.unreadable import UnknownLayout, UnreadableClock

REGISTER_CODES = (
    "1-0:1.8.0",
    "1-0:2.8.0",
    "1-0:3.8.0",
    "1-0:4.8.0",
    "1-0:1.7.0",
    "1-0:2.7.0",
    "1-0:3.7.0",
    "1-0:4.7.0",
)
"""+A, -A, +R, -R, then the powers +P, -P, +Q, -Q, in the order of the wire."""

SERIAL_SIZE = 16
_NOTIFICATION = b"\x0f"
_TIME_LENGTH = bytes((TIME_SIZE,))
_STRUCTURE_9 = b"\x02\x09"
_STRUCTURE_10 = b"\x02\x0a"
_SERIAL_HEAD = b"\x09\x10"
_TIME_HEAD = b"\x09\x0c"
_U32 = b"\x06"
_REGISTERS = struct.Struct(">" + "BI" * len(REGISTER_CODES))
_ALL_U32 = (_U32[0],) * len(REGISTER_CODES)
_POSITIONAL_SHAPES = {74: _STRUCTURE_9, 92: _STRUCTURE_10}


class Layout(StrEnum):
    """Names of the layouts. This module reads and builds the first two, `notification` reads all."""

    POSITIONAL_9 = "positional-9"
    POSITIONAL_10 = "positional-10"
    POSITIONAL_KN = "positional-kn"
    OBIS_VALUE = "obis-value"
    OBIS_VALUE_SCALER = "obis-value-scaler"
    OBIS_STRUCTURES = "obis-structures"
    OBJECT_LIST = "push-object-list"
    NORWEGIAN_LIST = "norwegian-list"
    UNTAGGED = "untagged"


@dataclass(frozen=True, slots=True)
class PushBody:
    """The values of one push, as they stand on the wire."""

    layout: Layout
    invoke_id: int
    notification_time: CosemTime
    object_time: CosemTime
    """The one to use: the other lacks the daylight saving bit on some meters."""
    serial: str | None
    registers: dict[str, int]


class _Plaintext:
    """Reads on through the plaintext; anything unexpected is one error with one remedy."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise self.unknown("it ends early")
        self._at += size
        return piece

    def expect(self, *alternatives: bytes) -> bytes:
        found = self.take(len(alternatives[0]))
        if found not in alternatives:
            wanted = " or ".join(each.hex() for each in alternatives)
            raise self.unknown(f"expected {wanted} at byte {self._at - len(found)}")
        return found

    def end(self) -> None:
        if self._at != len(self._data):
            raise self.unknown(f"{len(self._data) - self._at} bytes are left over")

    @staticmethod
    def unknown(what: str) -> UnknownLayout:
        return UnknownLayout.because(what)


def is_positional(plaintext: bytes) -> bool:
    """Whether it may be one of the two layouts of Wiener Netze, by its length and the tags at their places."""
    shape = _POSITIONAL_SHAPES.get(len(plaintext))
    return shape is not None and plaintext[18:20] == shape and plaintext[5] == TIME_SIZE


def parse_push(plaintext: bytes) -> PushBody:
    """The values in a deciphered push. Raises UnknownLayout, also for a wrong key."""
    data = _Plaintext(plaintext)
    data.expect(_NOTIFICATION)
    invoke_id = int.from_bytes(data.take(4), "big")
    data.expect(_TIME_LENGTH)
    sent = data.take(TIME_SIZE)
    notification_time = _time(data, sent)
    serial = None
    layout = Layout.POSITIONAL_9
    if data.expect(_STRUCTURE_9, _STRUCTURE_10) == _STRUCTURE_10:
        layout = Layout.POSITIONAL_10
        data.expect(_SERIAL_HEAD)
        serial = _serial(data)
    data.expect(_TIME_HEAD)
    counted = data.take(TIME_SIZE)
    object_time = notification_time if counted == sent else _time(data, counted)
    fields = _REGISTERS.unpack(data.take(_REGISTERS.size))
    if fields[::2] != _ALL_U32:
        raise data.unknown("a register in it is no unsigned number of four bytes")
    data.end()
    registers = dict(zip(REGISTER_CODES, fields[1::2], strict=True))
    return PushBody(layout, invoke_id, notification_time, object_time, serial, registers)


def encode_push(body: PushBody, hundredths: int = 0) -> bytes:
    """The plaintext of `body`: the inverse of `parse_push`. Raises ValueError for values that do not fit."""
    if body.layout not in (Layout.POSITIONAL_9, Layout.POSITIONAL_10):
        raise ValueError(f"only positional layouts can be built, not {body.layout}")
    if tuple(body.registers) != REGISTER_CODES:
        raise ValueError(f"a push holds the registers {', '.join(REGISTER_CODES)}, in this order")
    parts = [_NOTIFICATION, body.invoke_id.to_bytes(4, "big"), _TIME_LENGTH]
    parts.append(encode_time(body.notification_time, hundredths))
    if body.layout is Layout.POSITIONAL_10:
        serial = (body.serial or "").encode("ascii")
        if len(serial) != SERIAL_SIZE:
            raise ValueError(f"the serial number must be {SERIAL_SIZE} characters, not {len(serial)}")
        parts += [_STRUCTURE_10, _SERIAL_HEAD, serial]
    else:
        parts.append(_STRUCTURE_9)
    parts += [_TIME_HEAD, encode_time(body.object_time, hundredths)]
    parts += [_U32 + value.to_bytes(4, "big") for value in body.registers.values()]
    return b"".join(parts)


def _time(data: _Plaintext, piece: bytes) -> CosemTime:
    try:
        return parse_time(piece)
    except UnreadableClock as error:
        raise data.unknown(str(error)) from error


def _serial(data: _Plaintext) -> str:
    raw = data.take(SERIAL_SIZE)
    if not all(0x20 <= byte < 0x7F for byte in raw):
        raise data.unknown("the serial number is no text")
    return raw.decode("ascii")
