"""Builds what meters put on the wire: values, notifications, segments, blocks and M-Bus frames."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from community.metering.dlms.ciphering import encipher
from community.metering.dlms.cosem_time import CosemTime, encode_time
from community.metering.dlms.hdlc import build_frame, crc16_x25
from community.metering.dlms.hdlc_telegrams import LLC
from community.metering.dlms.mbus_frames import build_mbus_frame
from community.metering.dlms.received import ReceivedApdu
from community.metering.dlms.transports import Transport, telegram_deframer

TITLE, KEY, AUTH = b"SAG\x01\x02\x03\x04\x05", bytes(range(16)), bytes(range(16, 32))
LOCAL = datetime(2025, 7, 14, 12, 0, 5)  # noqa: DTZ001 - a wall clock
TIME = encode_time(CosemTime(LOCAL, -120, 0x80))
NO_TIME = b"\x00"
WITH_TIME = b"\x0c" + TIME


def u32(value: int) -> bytes:
    return b"\x06" + value.to_bytes(4, "big")


def u16(value: int) -> bytes:
    return b"\x12" + value.to_bytes(2, "big")


def i8(value: int) -> bytes:
    return b"\x0f" + value.to_bytes(1, "big", signed=True)


def enum(value: int) -> bytes:
    return bytes((0x16, value))


def octets(data: bytes) -> bytes:
    return bytes((0x09, len(data))) + data


def text(data: str) -> bytes:
    return bytes((0x0A, len(data))) + data.encode("ascii")


def structure(*items: bytes) -> bytes:
    return bytes((0x02, len(items))) + b"".join(items)


def array(*items: bytes) -> bytes:
    return bytes((0x01, len(items))) + b"".join(items)


def obis(code: str) -> bytes:
    """`1-0:1.8.0` as an octet string, F = 255."""
    return octets(obis_bytes(code))


def obis_bytes(code: str) -> bytes:
    medium, _, rest = code.partition("-")
    channel, _, groups = rest.partition(":")
    return bytes((int(medium), int(channel), *map(int, groups.split(".")), 0xFF))


def scale(scaler: int, unit: int) -> bytes:
    return structure(i8(scaler), enum(unit))


def described(kind: int, code: str, attribute: int = 2) -> bytes:
    """An entry of a push object list."""
    return structure(u16(kind), obis(code), i8(attribute), u16(0))


def notification(body: bytes, time: bytes = NO_TIME, invoke_id: int = 7) -> bytes:
    return b"\x0f" + invoke_id.to_bytes(4, "big") + time + body


def ciphered(plaintext: bytes, auth_key: bytes | None = None, counter: int = 9) -> bytes:
    return encipher(TITLE, counter, plaintext, KEY, auth_key)


def segment(information: bytes, last: bool) -> bytes:
    """An HDLC frame, marked as followed by others unless it is the last."""
    frame = bytearray(build_frame(b"\xcf", b"\x02\x23", 0x13, information))
    if not last:
        frame[1] |= 0x08
        frame[7:9] = crc16_x25(bytes(frame[1:7]))
        frame[-3:-1] = crc16_x25(bytes(frame[1:-3]))
    return bytes(frame)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def hdlc_segments(apdu: bytes, size: int) -> list[bytes]:
    parts = pieces(LLC + apdu, size)
    return [segment(part, part is parts[-1]) for part in parts]


def blocks(apdu: bytes, size: int) -> list[bytes]:
    """The blocks of a block transfer."""
    parts = pieces(apdu, size)
    return [
        bytes((0xE0, 0xC0 if number == len(parts) else 0x40))
        + number.to_bytes(2, "big")
        + bytes((0, 0, len(part)))
        + part
        for number, part in enumerate(parts, 1)
    ]


def block_frames(apdu: bytes, size: int) -> list[bytes]:
    """Blocks in HDLC frames as the E450 sends them: the LLC header in the first only."""
    return [segment(block if at else LLC + block, True) for at, block in enumerate(blocks(apdu, size))]


def mbus_segments(apdu: bytes, size: int) -> list[bytes]:
    parts = pieces(apdu, size)
    return [
        build_mbus_frame(0x53, 0xFF, at | (0x10 if at == len(parts) - 1 else 0), b"\x01\x67" + part)
        for at, part in enumerate(parts)
    ]


def received(transport: Transport, stream: bytes, size: int = 1 << 20, quiet: bool = False) -> list[ReceivedApdu]:
    """What comes out of a fresh deframer that is fed `stream` in pieces."""
    deframer = telegram_deframer(transport)
    apdus = [apdu for piece in pieces(stream, size) for apdu in deframer.feed(piece)]
    return apdus + (deframer.line_quiet() if quiet else [])


def whole(frames: Sequence[bytes] | Iterable[bytes]) -> bytes:
    return b"".join(frames)
