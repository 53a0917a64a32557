"""Long frames of the wired M-Bus (EN 60870-5-2 FT 1.2, EN 13757-2): cut from a stream, checked by sum and stop byte.

    68 L L 68 | control, address, CI, data: L bytes | sum of those, modulo 256 | 16

Sagemcom T210-D sends frames longer than the length byte can say, with L modulo 256. The longer size is tried only when
the stated one does not fit, and for L of 3 and more only if another frame follows it.
"""

from dataclasses import dataclass

START, STOP = 0x68, 0x16
BODY_MIN = 3
OVERHEAD = 6
_OVERFLOW = 0x100
_OVERFLOW_BODY_MAX = 0x140
"""Longer ones than the 257 bytes seen, but not so long that a damaged frame would be waited for without end."""
_HEAD = 4


@dataclass(frozen=True, slots=True)
class MbusFrame:
    """One frame whose sum is right."""

    control: int
    address: int
    control_information: int
    data: bytes
    raw: bytes
    after_loss: bool = False
    """Bytes that belong to no frame came before it."""


def build_mbus_frame(control: int, address: int, control_information: int, data: bytes) -> bytes:
    """The frame with its sum; a body of more than 255 bytes has its length modulo 256, as Sagemcom sends it."""
    body = bytes((control, address, control_information)) + data
    if len(body) >= _OVERFLOW_BODY_MAX:
        raise ValueError(f"a frame carries at most {_OVERFLOW_BODY_MAX - 1} bytes, not {len(body)}")
    length = len(body) % _OVERFLOW
    return bytes((START, length, length, START)) + body + bytes((sum(body) & 0xFF, STOP))


class MbusDeframer:
    """Cuts a stream that may begin anywhere and lose anything into whole, checked long frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._dropped_before = 0
        self.dropped_bytes = 0
        """Bytes that belonged to no good frame."""

    def feed(self, data: bytes) -> list[MbusFrame]:
        """The frames that `data` completes, oldest first."""
        self._buffer += data
        return self._cut(quiet=False)

    def line_quiet(self) -> list[MbusFrame]:
        """To be called when no byte came for a while: what still waits for bytes is judged as it is."""
        frames = self._cut(quiet=True)
        self.dropped_bytes += len(self._buffer)
        self._buffer.clear()
        return frames

    def _cut(self, quiet: bool) -> list[MbusFrame]:
        frames: list[MbusFrame] = []
        at = 0
        while (start := self._buffer.find(START, at)) >= 0:
            self.dropped_bytes += start - at
            at = start
            size = self._size(start)
            if size is None and not quiet:
                break
            if not size:
                at += 1
                self.dropped_bytes += 1
                continue
            raw = bytes(self._buffer[start : start + size])
            lost = self.dropped_bytes != self._dropped_before
            self._dropped_before = self.dropped_bytes
            frames.append(MbusFrame(raw[4], raw[5], raw[6], raw[7:-2], raw, lost))
            at += size
        else:
            self.dropped_bytes += len(self._buffer) - at
            at = len(self._buffer)
        del self._buffer[:at]
        return frames

    def _size(self, start: int) -> int | None:
        """Size of the frame that begins at `start`; 0 if none does; None if more bytes must come to tell."""
        if (head := self._head(start)) is not True:
            return None if head is None else 0
        length = self._buffer[start + 1]
        if length >= BODY_MIN:
            if len(self._buffer) - start < length + OVERHEAD:
                return None
            if self._fits(start, length):
                return length + OVERHEAD
        longer = length + _OVERFLOW
        if longer >= _OVERFLOW_BODY_MAX:
            return 0
        if len(self._buffer) - start < longer + OVERHEAD:
            return None
        if not self._fits(start, longer):
            return 0
        followed = True if length < BODY_MIN else self._head(start + longer + OVERHEAD)
        return None if followed is None else longer + OVERHEAD if followed else 0

    def _head(self, at: int) -> bool | None:
        """Whether 68 L L 68 stands at `at`; None if what is there fits so far."""
        head = self._buffer[at : at + _HEAD]
        wrong = (bool(head) and head[0] != START) or (len(head) > 2 and head[1] != head[2])
        if wrong or (len(head) == _HEAD and head[3] != START):
            return False
        return True if len(head) == _HEAD else None

    def _fits(self, start: int, length: int) -> bool:
        end = start + _HEAD + length
        return self._buffer[end + 1] == STOP and sum(self._buffer[start + _HEAD : end]) & 0xFF == self._buffer[end]
