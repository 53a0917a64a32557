"""What speaks on a line: the framing that bytes show, without any key. Bytes in, findings out; nothing is opened here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from community.metering.dlms.hdlc import FLAG, HdlcDeframer, HdlcFrame, crc16_x25, length_field
from community.metering.dlms.raw_telegrams import RawTelegrams
from community.metering.dlms.unreadable import BadFrame

HELD_MAX = 64 * 1024
"""Bytes that are looked at; a minute of any of these lines is less."""


class Framing(Enum):
    """What a line may carry. The value is how a person calls it."""

    DLMS_HDLC = "DLMS push telegrams (HDLC)"
    DLMS_BARE = "DLMS push telegrams without any frame"
    DLMS_MBUS = "DLMS push telegrams over wired M-Bus"
    AMIS = "Siemens AMIS (the meter asks, M-Bus roles reversed)"
    MBUS = "M-Bus"
    SML = "SML"
    DSMR_P1 = "DSMR P1 telegrams"
    IEC_62056_21 = "IEC 62056-21 text"
    TEXT_7E1 = "text with even parity, heard as 8 bits"
    NOISE = "noise: bytes without structure"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Speed and bits of a serial line."""

    baud: int
    bits: str

    def __str__(self) -> str:
        return f"{self.baud} {self.bits}"


TRIED = (
    LineSettings(9600, "8N1"),
    LineSettings(9600, "8E1"),
    LineSettings(2400, "8E1"),
    LineSettings(115_200, "8N1"),
    LineSettings(300, "7E1"),
)
"""In the order of how often they are met in Central Europe."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the bytes of one line show."""

    framing: Framing
    size: int
    """Bytes heard."""
    whole: int = 0
    """Frames or telegrams whose check sequence is right."""
    damaged: int = 0
    """Frames that begin well and whose check sequence is wrong."""
    detail: str = ""

    @property
    def certain(self) -> bool:
        """A right check sequence is no chance."""
        return self.whole > 0

    def sentence(self, within: str = "") -> str:
        """For a person. `within`: how long was listened, such as "in 6 s"."""
        if not self.certain:
            return f"{self.framing.value}{': ' + self.detail if self.detail else ''}"
        damage = f", {self.damaged} damaged" if self.damaged else ""
        span = f" {within}" if within else ""
        return f"{self.framing.value}: {self.whole} whole{damage}{span}{'; ' + self.detail if self.detail else ''}"


def recognise(data: bytes) -> Sighting:
    """The most likely framing of `data`, which may begin and end anywhere."""
    data = data[:HELD_MAX]
    if not data:
        return Sighting(Framing.SILENCE, 0)
    seen = [
        found for look in (_hdlc, _mbus, _sml, _telegram_text, _bare, _parity_text) if (found := look(data)) is not None
    ]
    if not seen:
        return Sighting(Framing.NOISE, len(data))
    framed = [each for each in seen if each.framing is not Framing.DLMS_BARE] or seen
    return max(framed, key=lambda each: (each.whole, each.damaged, each.framing is not Framing.TEXT_7E1))


def best(sightings: Sequence[tuple[LineSettings, Sighting]]) -> tuple[LineSettings, Sighting] | None:
    """The setting under which the line makes sense; None if none does."""
    certain = [each for each in sightings if each[1].certain]
    return max(certain, key=lambda each: each[1].whole, default=None)


def damaged_frames(data: bytes) -> int:
    """HDLC frames in `data` with a right header and a wrong end: the line loses or alters bytes."""
    count, at = 0, data.find(FLAG)
    while at >= 0:
        frame = data[at : at + 2050]
        at = data.find(FLAG, at + 1)
        try:
            length = length_field(frame)
        except BadFrame:
            continue
        head = _header_size(frame[1:12])
        if head is None or crc16_x25(frame[1 : 1 + head]) != frame[1 + head : 3 + head] or len(frame) < length + 1:
            continue
        count += crc16_x25(frame[1 : length - 1]) != frame[length - 1 : length + 1]
    return count


def system_title_of(frame: HdlcFrame) -> bytes | None:
    """The eight bytes by which a ciphered telegram names its meter: they are not ciphered."""
    at = frame.information.find(b"\xdb\x08")
    title = frame.information[at + 2 : at + 10] if 0 <= at <= 16 else b""
    return title if len(title) == 8 and title[:3].isalpha() else None


def title_text(title: bytes) -> str:
    """Three letters of the maker, then hexadecimal digits."""
    return title[:3].decode("ascii", "replace") + title[3:].hex()


def _hdlc(data: bytes) -> Sighting | None:
    deframer = HdlcDeframer()
    frames = [*deframer.feed(data), *deframer.line_quiet()]
    damaged = damaged_frames(data)
    if not frames and not damaged:
        return None
    titles = sorted({title_text(title) for frame in frames if (title := system_title_of(frame)) is not None})
    parts = [f"from {', '.join(titles)}, ciphered" if titles else ""]
    parts.append("in several frames each" if any(frame.segmented for frame in frames) else "")
    return Sighting(Framing.DLMS_HDLC, len(data), len(frames), damaged, "; ".join(filter(None, parts)))


def _bare(data: bytes) -> Sighting | None:
    """Ciphered messages one after the other: without check sequence, so their heads and lengths have to tell."""
    titles = {data[found.start() + 2 : found.start() + 10] for found in re.finditer(rb"\xdb\x08[A-Z]{3}", data)}
    deframer = RawTelegrams()
    received = [*deframer.feed(data), *deframer.line_quiet()] if titles else []
    ciphered = [each for each in received if each.apdu[:2] == b"\xdb\x08"]
    if not ciphered:
        return None
    names = ", ".join(sorted(map(title_text, titles)))
    return Sighting(Framing.DLMS_BARE, len(data), len(ciphered), detail=f"from {names}, ciphered")


def _mbus(data: bytes) -> Sighting | None:
    asking = data.count(b"\x10\x40\xf0\x30\x16")
    whole, damaged, ciphered, addresses = 0, 0, False, set()
    at = data.find(0x68)
    while at >= 0:
        step = 1
        if at + 6 <= len(data) and data[at + 1] == data[at + 2] and data[at + 3] == 0x68:
            for length in (data[at + 1], data[at + 1] + 256):  # some meters send the length modulo 256
                body, end = data[at + 4 : at + 4 + length], data[at + 4 + length : at + 6 + length]
                if length >= 3 and len(end) == 2 and end[1] == 0x16:
                    if sum(body) & 0xFF == end[0]:
                        whole, step = whole + 1, length + 6
                        asking += body[:3] in (b"\x53\xf0\x5b", b"\x73\xf0\x5b")
                        addresses.add(body[1])
                        ciphered |= body[0] & 0x4F == 0x43 and body[5:7] == b"\xdb\x08"
                        break
                    damaged += 1
        at = data.find(0x68, at + step)
    if asking:
        return Sighting(Framing.AMIS, len(data), max(asking, whole), damaged, "the reader has to answer E5")
    if not whole:
        return None
    detail = f"address {', '.join(map(str, sorted(addresses)))}"
    return Sighting(Framing.DLMS_MBUS if ciphered else Framing.MBUS, len(data), whole, damaged, detail)


def _sml(data: bytes) -> Sighting | None:
    whole, damaged = 0, 0
    for found in re.finditer(rb"\x1b{4}\x01{4}.*?\x1b{4}\x1a[\x00-\x03](..)", data, re.DOTALL):
        if crc16_x25(found[0][:-2]) == found[1]:
            whole += 1
        else:
            damaged += 1
    return Sighting(Framing.SML, len(data), whole, damaged) if whole or damaged else None


def _telegram_text(data: bytes) -> Sighting | None:
    p1_whole, p1_damaged = 0, 0
    maker = ""
    for found in re.finditer(rb"/([A-Za-z]{3})[^!]{10,8000}!([0-9A-Fa-f]{4})\r?\n", data):
        maker = found[1].decode("ascii")
        if _crc16_arc(found[0][: found[0].index(b"!") + 1]) == int(found[2], 16):
            p1_whole += 1
        else:
            p1_damaged += 1
    if p1_whole or p1_damaged:
        return Sighting(Framing.DSMR_P1, len(data), p1_whole, p1_damaged, f"maker {maker}")
    blocks = re.findall(rb"\x02([^\x03]{3,8000}\x03)(.)", data, re.DOTALL)
    whole = sum(_xor(body) == check[0] for body, check in blocks)
    named = re.search(rb"/([A-Za-z]{3})[0-9A-Za-z]([^\r\n]{0,32})\r\n", data)
    if whole or named:
        detail = f"{named[1].decode('ascii')} {named[2].decode('ascii', 'replace')}".strip() if named else ""
        lines = len(re.findall(rb"[0-9A-F.:*\-]+\([^)\r\n]*\)", data))
        return Sighting(
            Framing.IEC_62056_21,
            len(data),
            max(whole, int(bool(named))),
            len(blocks) - whole,
            ", ".join(filter(None, (detail, f"{lines} values" if lines else ""))),
        )
    return None


def _parity_text(data: bytes) -> Sighting | None:
    """ASCII whose eighth bit makes the number of ones even: the meter sends 7E1, the port listens with 8N1."""
    if len(data) < 8 or not any(byte & 0x80 for byte in data):
        return None
    even = sum(byte.bit_count() % 2 == 0 for byte in data)
    text = sum(32 <= byte & 0x7F < 127 or byte & 0x7F in (2, 3, 10, 13) for byte in data)
    if even * 20 < len(data) * 19 or text * 20 < len(data) * 19:
        return None
    return Sighting(Framing.TEXT_7E1, len(data), detail="use 7E1 at this speed")


def _header_size(content: bytes) -> int | None:
    at = 2
    for _ in range(2):
        while at < len(content) and not content[at] & 1:
            at += 1
        at += 1
    return at + 1 if at + 1 <= len(content) else None


def _crc16_arc(data: bytes) -> int:
    """CRC-16 with polynomial A001, as DSMR 5.0.2, 5.2 has it."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def _xor(data: bytes) -> int:
    check = 0
    for byte in data:
        check ^= byte
    return check & 0x7F
