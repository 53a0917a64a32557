"""Bits, most significant first, and the Rice code of register increments (wire-format 2.3). Bounded for hostile input."""

from collections.abc import Sequence

RICE_PARAMETER_MAX = 15
ESCAPE_ONES = 15
RAW_BITS = 20
DELTA_MAX = (1 << RAW_BITS) - 1
"""The largest increment between two readings of one frame, in register counts."""


class MalformedFrame(ValueError):
    """Bytes that are no frame of this format, or values that no frame can carry. The text says why."""


class BitWriter:
    """Collects numbers of any width into bytes, zero padded at the end."""

    def __init__(self) -> None:
        self._value = 0
        self._length = 0

    def write(self, value: int, bits: int) -> None:
        """Append `value` in `bits` bits. Raises MalformedFrame if it does not fit."""
        if not 0 <= value < 1 << bits:
            raise MalformedFrame(f"{value} does not fit into {bits} bits")
        self._value = self._value << bits | value
        self._length += bits

    def to_bytes(self) -> bytes:
        """What was written."""
        padding = -self._length % 8
        return (self._value << padding).to_bytes((self._length + padding) // 8, "big")


class BitReader:
    """Takes numbers of any width from bytes. Raises MalformedFrame at the end of them."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def read(self, bits: int) -> int:
        """The next `bits` bits as a number."""
        if bits > self._left:
            raise MalformedFrame("the readings block ends too early")
        self._left -= bits
        return self._value >> self._left & (1 << bits) - 1

    def finish(self) -> None:
        """Check that nothing but the padding of the last byte is left."""
        if self._left > 7 or self._value & (1 << self._left) - 1:
            raise MalformedFrame("there is more after the readings block")


def rice_length(delta: int, parameter: int) -> int:
    """Bits that `delta` takes with Rice parameter `parameter`."""
    quotient = delta >> parameter
    return quotient + 1 + parameter if quotient < ESCAPE_ONES else ESCAPE_ONES + RAW_BITS


def best_parameter(deltas: Sequence[int]) -> int:
    """The Rice parameter with which `deltas` are shortest; of equal ones the smallest."""
    return min(range(RICE_PARAMETER_MAX + 1), key=lambda k: (sum(rice_length(delta, k) for delta in deltas), k))


def write_rice(out: BitWriter, delta: int, parameter: int) -> None:
    """Append the Rice code of `delta`: the quotient in ones, a zero, the rest; or 15 ones and the raw value."""
    if not 0 <= delta <= DELTA_MAX:
        raise MalformedFrame(f"an increment of {delta} cannot be in one frame; it takes 0 to {DELTA_MAX}")
    quotient = delta >> parameter
    if quotient >= ESCAPE_ONES:
        out.write((1 << ESCAPE_ONES) - 1, ESCAPE_ONES)
        out.write(delta, RAW_BITS)
        return
    out.write((1 << quotient + 1) - 2, quotient + 1)
    out.write(delta & (1 << parameter) - 1, parameter)


def read_rice(source: BitReader, parameter: int) -> int:
    """The increment that comes next. Raises MalformedFrame for one with a shorter code: each value has one form."""
    quotient = 0
    while quotient < ESCAPE_ONES and source.read(1):
        quotient += 1
    if quotient < ESCAPE_ONES:
        return quotient << parameter | source.read(parameter)
    delta = source.read(RAW_BITS)
    if delta >> parameter < ESCAPE_ONES:
        raise MalformedFrame(f"increment {delta} is escaped although it is short")
    return delta
