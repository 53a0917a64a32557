"""A-XDR encoded data (IEC 61334-6, tags of DLMS Green Book 9.5) as a tree, read within bounds.

Every length, depth and count is checked against what is there before it is used; the result holds references to pieces
of the telegram only. Tags that no push telegram has (compact array) are refused.
"""

from dataclasses import dataclass

from community.metering.dlms.unreadable import EndsEarly, UnknownLayout

DEPTH_MAX = 6
NODES_MAX = 1024
"""Values in one telegram; real ones hold at most some two hundred."""

ARRAY, STRUCTURE = 0x01, 0x02
OCTETS, VISIBLE_TEXT, UTF8_TEXT = 0x09, 0x0A, 0x0C
BOOLEAN, INTEGER8, UNSIGNED16, UNSIGNED32, ENUM = 0x03, 0x0F, 0x12, 0x06, 0x16
DATE_TIME = 0x19

_NULL = (0x00, 0xFF)  # null-data and don't-care
_INTEGERS = {
    BOOLEAN: (1, False),
    0x05: (4, True),
    UNSIGNED32: (4, False),
    INTEGER8: (1, True),
    0x10: (2, True),
    0x11: (1, False),
    UNSIGNED16: (2, False),
    0x14: (8, True),
    0x15: (8, False),
    ENUM: (1, False),
}
_FIXED = {0x0D: 1, 0x17: 4, 0x18: 8, DATE_TIME: 12, 0x1A: 5, 0x1B: 4}  # bcd, floats, date-time, date, time
_COUNTED = (OCTETS, VISIBLE_TEXT, UTF8_TEXT)
_BIT_STRING = 0x04


@dataclass(frozen=True, slots=True)
class Null:
    """No value here."""


@dataclass(frozen=True, slots=True)
class Number:
    """An integer, boolean or enumeration."""

    tag: int
    value: int


@dataclass(frozen=True, slots=True)
class Octets:
    """A string, a date, or a float as it stands: everything that is bytes."""

    tag: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Group:
    """An array or a structure."""

    tag: int
    items: tuple["Node", ...]


Node = Null | Number | Octets | Group


class AxdrReader:
    """Reads on through a telegram. Raises UnknownLayout for what cannot be, EndsEarly when bytes are missing."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self._nodes = 0
        self.at = at
        """How many bytes were read."""

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self.at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if self.left < size:
            raise EndsEarly.because("it ends early")
        self.at += size
        return self._data[self.at - size : self.at]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def unsigned(self, size: int) -> int:
        """The next `size` bytes as a number."""
        return int.from_bytes(self.take(size), "big")

    def starts_with(self, piece: bytes) -> bool:
        """Whether `piece` comes next."""
        return self._data.startswith(piece, self.at)

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise UnknownLayout.because(f"{self.left} bytes are left over")

    def length(self) -> int:
        """A length of one byte, or of one or two bytes after 81 or 82."""
        first = self.byte()
        if first < 0x80:
            return first
        if first in (0x81, 0x82):
            return self.unsigned(first - 0x80)
        raise UnknownLayout.because(f"length byte {first:02x} at byte {self.at - 1}")

    def node(self, depth: int = 0) -> Node:
        """The next value, whole."""
        self._nodes += 1
        if self._nodes > NODES_MAX or depth > DEPTH_MAX:
            raise UnknownLayout.because("more values, or deeper nested ones, than a meter sends")
        tag = self.byte()
        if tag in _INTEGERS:
            size, signed = _INTEGERS[tag]
            return Number(tag, int.from_bytes(self.take(size), "big", signed=signed))
        if tag in _COUNTED:
            return Octets(tag, self.take(self.length()))
        if tag in (ARRAY, STRUCTURE):
            count = self.length()
            if count > NODES_MAX:
                raise UnknownLayout.because(f"a list of {count} values")
            return Group(tag, tuple(self.node(depth + 1) for _ in range(count)))
        if tag in _NULL:
            return Null()
        if tag in _FIXED:
            return Octets(tag, self.take(_FIXED[tag]))
        if tag == _BIT_STRING:
            return Octets(tag, self.take((self.length() + 7) // 8))
        raise UnknownLayout.because(f"no value begins with {tag:02x}, as byte {self.at - 1} does")
