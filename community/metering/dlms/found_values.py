"""What a layout found in a telegram, gathered value by value."""

from typing import TypeVar

from community.metering.dlms.axdr import DATE_TIME, ENUM, INTEGER8, OCTETS, Group, Node, Null, Number, Octets
from community.metering.dlms.cosem_time import TIME_SIZE, CosemTime, parse_time
from community.metering.dlms.register import SCALER_MAX, Register, implied_unit, obis_text, unit_name
from community.metering.dlms.unreadable import UnknownLayout, UnreadableClock

OBIS_SIZE = 6
CLOCK = bytes((0, 0, 1, 0, 0, 0xFF))
_MEDIUM_MAX = 0x0F
_STRING_TAGS = (0x09, 0x0A, 0x0C)
_Kept = TypeVar("_Kept")


class FoundValues:
    """Registers, texts and the meter's time of one telegram.

    A code named twice with different values is refused: which one would hold? Of two times the first one holds.
    """

    def __init__(self) -> None:
        self.registers: dict[str, Register] = {}
        self.texts: dict[str, str] = {}
        self.object_time: CosemTime | None = None

    def put(self, obis: bytes, value: Node, scale: tuple[int, str | None] | None = None) -> None:
        """Keep `value` under its code. Values that are neither number, text nor time are left out."""
        code = obis_text(obis)
        match value:
            case Number() if scale:
                self._keep(self.registers, code, Register(value.value, *scale))
            case Number():
                self._keep(self.registers, code, Register(value.value, 0, implied_unit(obis), unit_sent=False))
            case Octets() if len(value.data) == TIME_SIZE and is_clock(obis):
                self.put_time(value)
            case Octets() if value.tag in _STRING_TAGS:
                self._keep(self.texts, code, as_text(value.data))
            case _:
                return

    @staticmethod
    def _keep(kept: dict[str, _Kept], code: str, value: _Kept) -> None:
        if kept.setdefault(code, value) != value:
            raise UnknownLayout.because(f"{code} stands twice in it, with different values")

    def put_time(self, value: Octets) -> None:
        """Keep the meter's time; one that names no date stays unknown."""
        self.object_time = self.object_time or time_or_none(value.data)


def is_clock(obis: bytes) -> bool:
    """0-x:1.0.0, the meter's clock."""
    return obis[0] == 0 and obis[2:] == CLOCK[2:]


def as_obis(node: Node) -> bytes | None:
    """The code in `node`, if it is one: six octets that begin with a medium."""
    if not (isinstance(node, Octets) and node.tag == OCTETS and len(node.data) == OBIS_SIZE):
        return None
    return node.data if node.data[0] <= _MEDIUM_MAX else None


def as_time(node: Node) -> Octets | None:
    """`node` if a meter time stands in it."""
    if not (isinstance(node, Octets) and node.tag in (OCTETS, DATE_TIME) and len(node.data) == TIME_SIZE):
        return None
    return node if node.tag == DATE_TIME or time_or_none(node.data) else None


def as_scale(node: Node) -> tuple[int, str | None] | None:
    """Scaler and unit, if `node` is a structure of the two. Raises UnknownLayout for a senseless scaler."""
    match node:
        case Group(items=(Number(tag=tag, value=scaler), Number(tag=unit_tag, value=unit))):
            if (tag, unit_tag) == (INTEGER8, ENUM):
                if abs(scaler) > SCALER_MAX:
                    raise UnknownLayout.because(f"a scaler of {scaler}")
                return scaler, unit_name(unit)
        case _:
            pass
    return None


def time_or_none(data: bytes) -> CosemTime | None:
    """The time in 12 bytes; None if fields of it are unspecified or senseless."""
    try:
        return parse_time(data)
    except UnreadableClock:
        return None


def printable(data: bytes) -> bool:
    """Whether it is text and not mere bytes."""
    return bool(data) and all(0x20 <= byte < 0x7F for byte in data)


def as_text(data: bytes) -> str:
    """Text as text, other bytes as hexadecimal digits."""
    return data.decode("ascii") if printable(data) else data.hex()


def is_text(node: Node) -> bool:
    """A string of printable characters."""
    return isinstance(node, Octets) and node.tag in _STRING_TAGS and printable(node.data)


def is_absent(node: Node) -> bool:
    """Null data."""
    return isinstance(node, Null)
