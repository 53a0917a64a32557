"""HDLC frame format type 3 (ISO/IEC 13239 annex H, IEC 62056-46): checks one frame, cuts a byte stream into frames.

Frames are delimited by their length field, not by byte stuffing: 7E occurs inside, so the stream is never split on it.
"""

import binascii
from dataclasses import dataclass, replace

from community.metering.dlms.unreadable import BadFrame

FLAG = 0x7E
LENGTH_MIN = 7
LENGTH_MAX = 2047
"""The length field's 11 bits: format field to FCS, flags not counted. A frame has at most two bytes more."""

_TYPE_3 = 0xA0
_SEGMENTED = 0x08
_ADDRESS_MAX = 4


@dataclass(frozen=True, slots=True)
class HdlcFrame:
    """One frame whose check sequences are right. `raw` is the frame as received, with its flags."""

    destination: bytes
    source: bytes
    control: int
    segmented: bool
    information: bytes
    raw: bytes
    after_loss: bool = False
    """Bytes that belong to no frame came before it."""


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Every byte with its bits in reverse order."""


def crc16_x25(data: bytes) -> bytes:
    """CRC-16/X-25 (init FFFF, poly 8408 reflected, xor FFFF) as sent: low byte first.

    The library's CRC has the same polynomial unreflected, so it is given every byte in reverse, and so is its result.
    """
    crc = binascii.crc_hqx(data.translate(_REVERSED), 0xFFFF) ^ 0xFFFF
    return bytes((_REVERSED[crc >> 8], _REVERSED[crc & 0xFF]))


def length_field(frame: bytes) -> int:
    """The length that the frame's format field states. Raises BadFrame."""
    if len(frame) < 3 or frame[0] != FLAG or frame[1] & 0xF0 != _TYPE_3:
        raise BadFrame("no HDLC frame of type 3: it must begin with 7E and A")
    length = (frame[1] & 0x07) << 8 | frame[2]
    if length < LENGTH_MIN:
        raise BadFrame(f"an HDLC frame cannot have a length of {length}")
    return length


def parse_frame(raw: bytes) -> HdlcFrame:
    """The frame in `raw`: opening flag, content, and the closing flag unless it was lost. Raises BadFrame."""
    length = length_field(raw)
    if len(raw) != length + 1 and not (len(raw) == length + 2 and raw[-1] == FLAG):
        raise BadFrame(f"the frame says {length} bytes between its flags, but has {len(raw)} in all")
    content = raw[1 : length + 1]
    head = _header_end(content[:-2])
    if head is None:
        raise BadFrame("the frame ends within its header")
    if crc16_x25(content[:-2]) != content[-2:]:
        raise BadFrame("the frame check sequence is wrong: bytes were altered or lost on the line")
    information = b""
    if head + 2 < length:
        if crc16_x25(content[:head]) != content[head : head + 2]:
            raise BadFrame("the header check sequence is wrong: bytes were altered or lost on the line")
        information = content[head + 2 : -2]
    destination, source = _addresses(content)
    segmented = bool(content[0] & _SEGMENTED)
    return HdlcFrame(destination, source, content[head - 1], segmented, information, raw)


def build_frame(destination: bytes, source: bytes, control: int, information: bytes) -> bytes:
    """A whole unsegmented frame with flags and check sequences. Raises ValueError if it would be too long."""
    head_length = 2 + len(destination) + len(source) + 1
    length = head_length + 2 + len(information) + 2
    if not information or length > LENGTH_MAX:
        raise ValueError(f"a frame carries 1 to {LENGTH_MAX - head_length - 4} bytes, not {len(information)}")
    head = (_TYPE_3 << 8 | length).to_bytes(2, "big") + destination + source + bytes((control,))
    content = head + crc16_x25(head) + information
    return bytes((FLAG,)) + content + crc16_x25(content) + bytes((FLAG,))


class HdlcDeframer:
    """Cuts a stream that may begin anywhere and lose anything into whole, checked frames.

    A candidate is given up as soon as its header check fails, and the search goes on one byte after its flag, so that
    garbage never hides a good frame. Holds at most one frame of bytes between calls.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.dropped_bytes = 0
        """Bytes that belonged to no good frame, flags between frames not counted."""
        self._dropped_before = 0

    def feed(self, data: bytes) -> list[HdlcFrame]:
        """The frames that `data` completes, oldest first."""
        self._buffer += data
        return self._cut(quiet=False)

    def line_quiet(self) -> list[HdlcFrame]:
        """To be called when no byte came for a while: gives a last frame that lost its closing flag, drops the rest."""
        frames = self._cut(quiet=True)
        self.dropped_bytes += sum(byte != FLAG for byte in self._buffer)
        self._buffer.clear()
        return frames

    def _cut(self, quiet: bool) -> list[HdlcFrame]:
        frames: list[HdlcFrame] = []
        at = 0
        while (start := self._buffer.find(FLAG, at)) >= 0:
            self.dropped_bytes += start - at
            at = start
            size = self._candidate(start, quiet)
            if size is None and not quiet:
                break
            frame = _checked(bytes(self._buffer[start : start + size])) if size else None
            if frame is None:
                self.dropped_bytes += int(at + 1 < len(self._buffer) and self._buffer[at + 1] != FLAG)
                at += 1
                continue
            if self.dropped_bytes != self._dropped_before:
                frame = replace(frame, after_loss=True)
                self._dropped_before = self.dropped_bytes
            frames.append(frame)
            # The closing flag may be the next frame's opening one: leave it.
            closed = len(frame.raw) == length_field(frame.raw) + 2
            at += len(frame.raw) - closed
        else:
            self.dropped_bytes += len(self._buffer) - at
            at = len(self._buffer)
        del self._buffer[:at]
        return frames

    def _candidate(self, start: int, quiet: bool) -> int | None:
        """Size of the frame that may begin at `start`; 0 if none does; None if more bytes must come to tell."""
        have = len(self._buffer) - start
        if have < 3:
            return 0 if have == 2 and self._buffer[start + 1] & 0xF0 != _TYPE_3 else None
        try:
            length = length_field(bytes(self._buffer[start : start + 3]))
        except BadFrame:
            return 0
        content = bytes(self._buffer[start + 1 : start + 1 + min(length, 2 + 2 * _ADDRESS_MAX + 3)])
        try:
            head = _header_end(content)
        except BadFrame:
            return 0
        if head is None or len(content) < head + 2:
            return 0 if len(content) == length else None
        if crc16_x25(content[:head]) != content[head : head + 2]:
            return 0
        if have >= length + 2:
            return length + 2
        return length + 1 if quiet and have == length + 1 else None


def _checked(raw: bytes) -> HdlcFrame | None:
    try:
        return parse_frame(raw)
    except BadFrame:
        return None


def _header_end(content: bytes) -> int | None:
    """Where the control field ends: after format and two addresses. None if the bytes end before; raises BadFrame."""
    at = 2
    for _ in range(2):
        begin = at
        while at < len(content) and not content[at] & 1:
            at += 1
        if at >= begin + _ADDRESS_MAX:
            raise BadFrame("an HDLC address has at most 4 bytes")
        at += 1
    return at + 1 if at < len(content) else None


def _addresses(content: bytes) -> tuple[bytes, bytes]:
    middle = 2
    while not content[middle] & 1:
        middle += 1
    middle += 1
    end = middle
    while not content[end] & 1:
        end += 1
    return content[2:middle], content[middle : end + 1]
