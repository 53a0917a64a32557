"""M-Bus link layer (EN 13757-2, 5.6; IEC 60870-5-2 format class FT 1.2), without any I/O: bytes in, frames out, and back.

Addresses: 0 unconfigured, 1 to 250 meters, 253 the one chosen by its secondary address, 254 and 255 everyone.
"""

from dataclasses import dataclass

ACK = 0xE5
SHORT_START, LONG_START, STOP = 0x10, 0x68, 0x16
SND_NKE, REQ_UD2, SND_UD = 0x40, 0x5B, 0x53
FCB = 0x20
"""The frame count bit of a master's control field: toggled to ask for the next telegram, kept to ask again."""
SLAVE_BIT_MASK, RSP_UD = 0xCF, 0x08
SELECTED = 253
PRIMARY_MAX = 250
LONG_MAX = 255 + 6
_LENGTH_MIN, _HEAD, _SHORT = 3, 4, 5


class MbusDamage(ValueError):
    """Bytes that are no whole, undamaged M-Bus frame."""


@dataclass(frozen=True, slots=True)
class Ack:
    """A single E5: understood."""


@dataclass(frozen=True, slots=True)
class ShortFrame:
    """Control and address, no data: what a master sends to reset a slave or to ask it."""

    control: int
    address: int

    def __post_init__(self) -> None:
        if not (0 <= self.control <= 0xFF and 0 <= self.address <= 0xFF):
            raise ValueError("control and address are one byte each")

    def encoded(self) -> bytes:
        """The five bytes on the wire."""
        content = bytes((self.control, self.address))
        return bytes((SHORT_START, *content, checksum(content), STOP))


@dataclass(frozen=True, slots=True)
class LongFrame:
    """Control, address, control information and data (0 to 252 bytes)."""

    control: int
    address: int
    information: int
    data: bytes

    def __post_init__(self) -> None:
        if not all(0 <= each <= 0xFF for each in (self.control, self.address, self.information)):
            raise ValueError("control, address and control information are one byte each")
        if len(self.data) > 255 - _LENGTH_MIN:
            raise ValueError("a long frame holds at most 252 bytes of data")

    def encoded(self) -> bytes:
        """The bytes on the wire."""
        content = bytes((self.control, self.address, self.information)) + self.data
        return bytes((LONG_START, len(content), len(content), LONG_START, *content, checksum(content), STOP))


Frame = Ack | ShortFrame | LongFrame


def checksum(content: bytes) -> int:
    """The arithmetic sum of `content`, without carries."""
    return sum(content) & 0xFF


def parse_frame(raw: bytes) -> Frame:
    """The one frame that `raw` is, to the last byte. Raises MbusDamage."""
    length = frame_length(raw)
    if length is None or length > len(raw):
        raise MbusDamage(f"the frame ends early, after {len(raw)} bytes")
    if length < len(raw):
        raise MbusDamage(f"{len(raw) - length} byte(s) follow the frame")
    if raw[0] == ACK:
        return Ack()
    if raw[-1] != STOP:
        raise MbusDamage(f"the frame ends with {raw[-1]:02X} instead of 16")
    content = raw[1:-2] if raw[0] == SHORT_START else raw[_HEAD:-2]
    if checksum(content) != raw[-2]:
        raise MbusDamage(f"the checksum is {raw[-2]:02X}, not {checksum(content):02X}")
    if raw[0] == SHORT_START:
        return ShortFrame(content[0], content[1])
    return LongFrame(content[0], content[1], content[2], content[3:])


def frame_length(raw: bytes) -> int | None:
    """How long the frame is that `raw` begins with; None while too little is there. Raises MbusDamage."""
    if not raw:
        return None
    if raw[0] == ACK:
        return 1
    if raw[0] == SHORT_START:
        return _SHORT
    if raw[0] != LONG_START:
        raise MbusDamage(f"a frame begins with E5, 10 or 68, not {raw[0]:02X}")
    if len(raw) < _HEAD:
        return None
    if raw[1] != raw[2] or raw[3] != LONG_START:
        raise MbusDamage(f"the head of the frame is damaged: {raw[:_HEAD].hex(' ')}")
    if raw[1] < _LENGTH_MIN:
        raise MbusDamage(f"a long frame has at least 3 bytes, not {raw[1]}")
    return raw[1] + 6


class FrameReader:
    """Finds frames in a stream. Keeps at most one frame's bytes; what is damaged is skipped byte by byte and counted."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.damaged = 0
        """Bytes thrown away so far: noise, collisions, frames with a wrong checksum."""

    def feed(self, piece: bytes) -> list[Frame]:
        """The frames that `piece` completes."""
        frames: list[Frame] = []
        self._buffer += piece
        start = 0
        while start < len(self._buffer):
            rest = bytes(self._buffer[start : start + LONG_MAX])
            try:
                length = frame_length(rest)
                if length is None or length > len(rest):
                    break
                frames.append(parse_frame(rest[:length]))
                start += length
            except MbusDamage:
                start += 1
                self.damaged += 1
        del self._buffer[:start]
        return frames

    @property
    def pending(self) -> int:
        """Bytes of a frame that has begun and not ended."""
        return len(self._buffer)

    def clear(self) -> None:
        """Forget what has begun: the line was quiet, the rest will not come."""
        self.damaged += len(self._buffer)
        self._buffer.clear()
