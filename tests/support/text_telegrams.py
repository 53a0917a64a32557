"""Telegrams of D0, SML and P1 meters made for tests, and the golden ones with what they must give."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from community.metering.dlms.hdlc import crc16_x25
from gateway_agent.protocols.dsmr_p1 import crc16_arc
from gateway_agent.protocols.sml import ESCAPE, START, Crc

_METERS = Path(__file__).parents[1] / "golden" / "meters"
SERVER_ID = b"\x0a\x01ISK\x00" + (66_600_017).to_bytes(4, "big")


def golden_meters(family: str) -> list[dict[str, Any]]:
    """Every vector of tests/golden/meters/`family`."""
    cases = [json.loads(path.read_text("utf-8")) for path in sorted((_METERS / family).glob("*.json"))]
    assert cases, f"{family} has no vector"
    return cases


def golden_bytes(family: str, name: str) -> bytes:
    """The bytes of a vector that lie in a file of their own."""
    return (_METERS / family / name).read_bytes()


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """`data` in pieces of `size` bytes."""
    return (data[at : at + size] for at in range(0, len(data), size))


def p1_telegram(lines: Sequence[str], *, ident: str = "ISk5\\2MT382-1000", crc: bool = True) -> bytes:
    """A P1 telegram with `lines`."""
    body = "\r\n".join((f"/{ident}", "", *lines, "!")).encode("ascii")
    return body + (f"{crc16_arc(body):04X}" if crc else "").encode("ascii") + b"\r\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of an SML list. `value` is coded as told, or as octets if it is bytes."""

    obis: bytes
    value: int | bytes
    scaler: int | None = None
    unit: int | None = None
    width: int = 4
    signed: bool = False
    at: bytes = b"\x01"


def sml_octets(content: bytes) -> bytes:
    """An octet string; longer ones with two length bytes."""
    if len(content) < 15:
        return bytes([len(content) + 1]) + content
    length = len(content) + 2
    return bytes([0x80 | length >> 4, length & 15]) + content


def sml_number(value: int, width: int, *, signed: bool = False) -> bytes:
    """An integer of `width` bytes."""
    return bytes([(0x50 if signed else 0x60) | width + 1]) + value.to_bytes(width, "big", signed=signed)


def sml_list(*elements: bytes) -> bytes:
    """A list; from 16 elements on with two length bytes."""
    count = len(elements)
    head = bytes([0x70 | count]) if count < 16 else bytes([0xF0 | count >> 4, count & 15])
    return head + b"".join(elements)


def sml_timestamp(seconds: int, kind: int = 2) -> bytes:
    """An SML_Time: 1 = seconds of operation, 2 = time stamp."""
    return sml_list(sml_number(kind, 1), sml_number(seconds, 4))


def sml_telegram(
    rows: Sequence[Row],
    *,
    server_id: bytes = SERVER_ID,
    at: bytes = b"\x01",
    crc: Crc = crc16_x25,
    serial_row: bool = True,
) -> bytes:
    """A telegram as meters send it: open, list, close."""
    named = [Row(bytes([1, 0, 96, 1, 0, 255]), server_id)] if serial_row else []
    entries = sml_list(*(_entry(row) for row in [*named, *rows]))
    opened = sml_list(b"\x01", b"\x01", sml_octets(b"\x00\x01"), sml_octets(server_id), b"\x01", b"\x01")
    listed = sml_list(b"\x01", sml_octets(server_id), b"\x01", at, entries, b"\x01", b"\x01")
    content = b"".join(
        _message(number, kind, body, crc)
        for number, (kind, body) in enumerate(((0x101, opened), (0x701, listed), (0x201, sml_list(b"\x01"))))
    )
    return sml_frame(content, crc)


def sml_frame(content: bytes, crc: Crc = crc16_x25) -> bytes:
    """`content` between start and end mark, filled and escaped."""
    fill = -len(content) % 4
    escaped = (content + bytes(fill)).replace(ESCAPE, ESCAPE + ESCAPE)
    frame = START + escaped + ESCAPE + b"\x1a" + bytes([fill])
    return frame + crc(frame)


def _message(number: int, kind: int, body: bytes, crc: Crc) -> bytes:
    head = b"\x76" + sml_octets(bytes([number, 7])) + b"\x62\x00\x62\x00" + sml_list(sml_number(kind, 2), body)
    return head + b"\x63" + crc(head) + b"\x00"


def _entry(row: Row) -> bytes:
    value = (
        sml_octets(row.value) if isinstance(row.value, bytes) else sml_number(row.value, row.width, signed=row.signed)
    )
    return sml_list(
        sml_octets(row.obis),
        b"\x01",
        row.at,
        b"\x01" if row.unit is None else sml_number(row.unit, 1),
        b"\x01" if row.scaler is None else sml_number(row.scaler, 1, signed=True),
        value,
        b"\x01",
    )
