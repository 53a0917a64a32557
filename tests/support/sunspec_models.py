"""SunSpec models as registers, written from the published tables, for devices that exist only in tests."""

import struct
from collections.abc import Mapping

NO_INT16, NO_UINT16 = 0x8000, 0xFFFF
_LENGTHS = {1: 66} | dict.fromkeys((101, 102, 103), 50) | dict.fromkeys((111, 112, 113), 60)
_LENGTHS |= dict.fromkeys((201, 202, 203, 204), 105) | dict.fromkeys((211, 212, 213, 214), 124)
_OTHER_LENGTHS = {120: 26, 123: 24, 160: 88, 802: 62}


def words32(value: int) -> list[int]:
    """Two registers, high word first."""
    return [value >> 16 & 0xFFFF, value & 0xFFFF]


def float32(value: float) -> list[int]:
    """Two registers."""
    return list(struct.unpack(">HH", struct.pack(">f", value)))


def model(number: int, content: Mapping[int, list[int]], *, length: int | None = None) -> tuple[int, list[int]]:
    """Model `number` with `content` by offset from its number; everything else is "not implemented"."""
    size = length or _LENGTHS.get(number) or _OTHER_LENGTHS[number]
    body = [NO_UINT16] * size
    for offset, words in content.items():
        body[offset - 2 : offset - 2 + len(words)] = words
    assert len(body) == size
    return number, body


def common(serial: str, maker: str = "Maker", device: str = "Device", *, length: int = 66) -> tuple[int, list[int]]:
    """Model 1."""
    places = {2: (maker, 16), 18: (device, 16), 34: ("", 8), 42: ("1.0", 8), 50: (serial, 16)}
    content = {
        offset: list(struct.unpack(f">{size}H", text.encode("ascii").ljust(2 * size, b"\0")))
        for offset, (text, size) in places.items()
    }
    return model(1, content, length=length)


def integer_inverter(number: int, count: int, exponent: int, watts: int = 4000) -> tuple[int, list[int]]:
    """Models 101 to 103."""
    return model(number, {14: [watts & 0xFFFF, 0], 24: words32(count), 26: [exponent & 0xFFFF]})


def float_inverter(number: int, wh: float, watts: float = 4000.0) -> tuple[int, list[int]]:
    """Models 111 to 113."""
    return model(number, {22: float32(watts), 32: float32(wh)})


def integer_meter(number: int, imported: int, exported: int, exponent: int) -> tuple[int, list[int]]:
    """Models 201 to 204."""
    content = {18: [0xFF38], 22: [1], 38: words32(exported), 46: words32(imported), 54: [exponent & 0xFFFF]}
    return model(number, content)


def float_meter(number: int, imported: float, exported: float) -> tuple[int, list[int]]:
    """Models 211 to 214."""
    return model(number, {28: float32(-2000.0), 60: float32(exported), 68: float32(imported)})
