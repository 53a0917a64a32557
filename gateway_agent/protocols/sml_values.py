"""The type-length-value coding of SML (BSI TR-03109-1, 6.2). Pure; depth, counts and lengths are bounded.

First byte of an element: bit 7 = another length byte follows, bits 6 to 4 = type, bits 3 to 0 = length. The length of a
list counts its elements, that of anything else its bytes including the length bytes. 01 is an element left out, 00 the
end of a message.
"""

from dataclasses import dataclass

from gateway_agent.protocols.quantity import DamagedTelegram

DEPTH_MAX = 10
ELEMENTS_MAX = 4000
LENGTH_BYTES_MAX = 4
INTEGER_BYTES_MAX = 8
_OCTETS, _BOOLEAN, _SIGNED, _UNSIGNED, _LIST = 0, 4, 5, 6, 7


@dataclass(frozen=True, slots=True)
class SmlInteger:
    """A number and how it was coded: some meters say signed and mean unsigned."""

    value: int
    signed: bool
    width: int
    """Bytes."""

    @property
    def as_unsigned(self) -> int:
        """The same bits without a sign."""
        return self.value % (1 << 8 * self.width)


@dataclass(frozen=True, slots=True)
class EndOfMessage:
    """The byte 00."""


SmlValue = bytes | bool | SmlInteger | EndOfMessage | tuple["SmlValue", ...] | None
"""None is an element that was left out."""


class SmlReader:
    """Reads elements one after the other. Every method raises DamagedTelegram at what is not SML."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._elements = 0
        self.position = 0

    @property
    def at_end(self) -> bool:
        """Nothing is left."""
        return self.position >= len(self._data)

    def skip_zeros(self) -> None:
        """Pass over fill bytes between messages."""
        while not self.at_end and self._data[self.position] == 0:
            self.position += 1

    def element(self, depth: int = 0) -> SmlValue:
        """The next element with everything in it."""
        self._elements += 1
        if depth > DEPTH_MAX or self._elements > ELEMENTS_MAX:
            raise DamagedTelegram("the SML elements are nested too deep or too many")
        first = self._byte()
        if first == 0:
            return EndOfMessage()
        kind, length, header = first >> 4 & 7, first & 15, 1
        more = first & 0x80
        while more:
            following = self._byte()
            header += 1
            if header > LENGTH_BYTES_MAX or following & 0x70:
                raise DamagedTelegram("an SML length is malformed")
            length, more = length << 4 | following & 15, following & 0x80
        if kind == _LIST:
            if length > len(self._data) - self.position:
                raise DamagedTelegram("an SML list is longer than its telegram")
            return tuple(self.element(depth + 1) for _ in range(length))
        return _plain(kind, self._take(length - header))

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        if count < 0 or self.position + count > len(self._data):
            raise DamagedTelegram("an SML element is longer than its telegram")
        taken = self._data[self.position : self.position + count]
        self.position += count
        return taken


def _plain(kind: int, content: bytes) -> SmlValue:
    if kind == _OCTETS:
        return content or None
    if kind == _BOOLEAN and len(content) == 1:
        return content != b"\x00"
    if kind in (_SIGNED, _UNSIGNED) and 1 <= len(content) <= INTEGER_BYTES_MAX:
        signed = kind == _SIGNED
        return SmlInteger(int.from_bytes(content, "big", signed=signed), signed, len(content))
    raise DamagedTelegram(f"there is no SML type {kind} of {len(content)} bytes")
