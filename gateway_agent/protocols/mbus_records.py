"""Records of M-Bus variable data (EN 13757-3, 6.3 and 6.4), without any I/O: bytes in, exact values out.

Every count is bounded: 10 DIFE, 10 VIFE, texts of units within the frame, and a frame holds at most 252 bytes.
"""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from gateway_agent.protocols import mbus_units as units
from gateway_agent.protocols import mbus_values as values
from gateway_agent.protocols.mbus_values import Unusable, Value

DIFE_MAX = VIFE_MAX = 10
FILLER, MANUFACTURER_DATA, MORE_FOLLOW = 0x2F, 0x0F, 0x1F
FORWARD, BACKWARD = 0x3B, 0x3C
"""Combinable VIFE: counted only while positive, or only while negative (EN 13757-3, table 15)."""
_CUSTOM, _FD, _FB, _MANUFACTURER_VIF = 0x7C, 0xFD, 0xFB, 0x7F
_LENGTHS = (0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, None, 6, None)
_REAL, _VARIABLE, _NO_DATA = 0x05, 0x0D, (0x00, 0x08)


class MalformedTelegram(ValueError):
    """Application data that break the standard: nothing of them can be trusted."""


class Function(Enum):
    """What kind of value a record holds. The first four are in the order of the code."""

    INSTANTANEOUS = "Instantaneous value"
    MAXIMUM = "Maximum value"
    MINIMUM = "Minimum value"
    ERROR_STATE = "Value during error state"
    ACTUAL = "Actual value"
    STORED = "Stored value"
    MANUFACTURER = "Manufacturer specific"
    MORE_FOLLOW = "More records follow"


_FUNCTIONS = tuple(Function)[:4]


@dataclass(frozen=True, slots=True)
class MbusRecord:
    """One value of a meter, in its base unit, with where it belongs."""

    function: Function
    quantity: str
    unit: str
    value: Value | None
    """None if the record carries no data, or nothing usable: `problem` says why."""
    storage: int = 0
    tariff: int = 0
    subunit: int = 0
    extensions: tuple[int, ...] = ()
    """Combinable VIFE, without their extension bits; 7F is the last: what follows it only the manufacturer can read."""
    label: str = ""
    """The unit in which the meter counts, where that is not `unit`."""
    scale: Fraction = Fraction(1)
    """How many units one count of the meter stands for: its resolution."""
    is_real: bool = False
    """The meter sends a float."""
    data: bytes = b""
    problem: str = ""


class _Bytes:
    """A cursor that refuses to run past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def byte(self, what: str) -> int:
        return self.take(1, what)[0]

    def take(self, count: int, what: str) -> bytes:
        if self.at + count > len(self._data):
            raise MalformedTelegram(f"the telegram ends within {what}, at byte {self.at}")
        self.at += count
        return self._data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(len(self._data) - self.at, "the rest")

    @property
    def done(self) -> bool:
        return self.at == len(self._data)


def parse_records(data: bytes, *, high_byte_first: bool = False) -> tuple[MbusRecord, ...]:
    """All records in `data`. `high_byte_first` is mode 2 (CI 76). Raises MalformedTelegram."""
    source = _Bytes(data)
    records: list[MbusRecord] = []
    while not source.done:
        dif = source.byte("a DIF")
        if dif == FILLER:
            continue
        if dif in (MANUFACTURER_DATA, MORE_FOLLOW):
            function = Function.MANUFACTURER if dif == MANUFACTURER_DATA else Function.MORE_FOLLOW
            rest = source.rest()
            records.append(MbusRecord(function, "", "", rest, data=rest))
            break
        records.append(_record(dif, source, high_byte_first))
    return tuple(records)


def _record(dif: int, source: _Bytes, high_byte_first: bool) -> MbusRecord:
    if dif & 0x0F == 0x0F:
        raise MalformedTelegram(f"DIF {dif:02X} is reserved")
    storage, tariff, subunit = _place(dif, source)
    meaning, extensions = _meaning(source)
    kind = dif & 0x0F
    lvar = source.byte("the length of a value") if kind == _VARIABLE else 0
    length = values.variable_length(lvar) if kind == _VARIABLE else _LENGTHS[kind]
    if length is None:
        raise MalformedTelegram(f"the length {lvar:02X} is reserved")
    data = source.take(length, "a value")
    ordered = data[::-1] if high_byte_first else data
    decoded = _value(kind, lvar, ordered, meaning)
    problem = decoded.reason if isinstance(decoded, Unusable) else ""
    value = None if isinstance(decoded, Unusable) else decoded
    scale, offset = _corrected(meaning.scale, extensions)
    return MbusRecord(
        _FUNCTIONS[dif >> 4 & 3],
        meaning.quantity,
        meaning.unit,
        value * scale + offset if isinstance(value, Fraction) else value,
        storage,
        tariff,
        subunit,
        extensions,
        "",
        scale,
        kind == _REAL or 0xF0 <= lvar,
        data,
        problem,
    )


def _place(dif: int, source: _Bytes) -> tuple[int, int, int]:
    """(storage number, tariff, subunit) from the DIF and its extensions."""
    storage, tariff, subunit = dif >> 6 & 1, 0, 0
    more, count = dif & 0x80, 0
    while more:
        if count == DIFE_MAX:
            raise MalformedTelegram(f"more than {DIFE_MAX} DIFE")
        dife = source.byte("a DIFE")
        storage |= (dife & 0x0F) << (1 + 4 * count)
        tariff |= (dife >> 4 & 3) << (2 * count)
        subunit |= (dife >> 6 & 1) << count
        more, count = dife & 0x80, count + 1
    return storage, tariff, subunit


def _meaning(source: _Bytes) -> tuple[units.Meaning, tuple[int, ...]]:
    """What the VIF and its extensions say: the unit, and the combinable extensions."""
    vif = source.byte("a VIF")
    if vif & 0x7F == _CUSTOM:
        label = values.text(source.take(source.byte("the length of a unit"), "a unit"))
        return units.Meaning(label, "-"), _combinable(_extensions(vif, source))
    extensions = _extensions(vif, source)
    if vif not in (_FD, _FB):
        meaning = units.PRIMARY.get(vif & 0x7F, units.UNKNOWN)
        return meaning, (_MANUFACTURER_VIF,) if vif & 0x7F == _MANUFACTURER_VIF else _combinable(extensions)
    table = units.EXTENSION_FD if vif == _FD else units.EXTENSION_FB
    return table[extensions[0] & 0x7F], _combinable(extensions[1:])


def _extensions(before: int, source: _Bytes) -> tuple[int, ...]:
    """The VIFE that follow `before`, with their extension bits."""
    found: list[int] = []
    while (found[-1] if found else before) & 0x80:
        if len(found) == VIFE_MAX:
            raise MalformedTelegram(f"more than {VIFE_MAX} VIFE")
        found.append(source.byte("a VIFE"))
    return tuple(found)


def _combinable(extensions: tuple[int, ...]) -> tuple[int, ...]:
    codes = tuple(each & 0x7F for each in extensions)
    return codes[: codes.index(_MANUFACTURER_VIF) + 1] if _MANUFACTURER_VIF in codes else codes


def _value(kind: int, lvar: int, data: bytes, meaning: units.Meaning) -> Value | Unusable | None:
    """The value in `data`, which has its low byte first, not yet scaled."""
    if kind in _NO_DATA:
        return None
    if kind == _VARIABLE:
        return values.variable(lvar, data)
    if meaning.is_time and kind <= 0x07 and kind != _REAL:
        return values.point_in_time(data)
    if kind == _REAL:
        return values.real(data)
    return values.integer(data) if kind <= 0x07 else values.bcd(data)


def _corrected(scale: Fraction, extensions: tuple[int, ...]) -> tuple[Fraction, Fraction]:
    """(scale, offset) with the correction factors of `extensions`."""
    offset = Fraction(0)
    for code in extensions:
        if 0x70 <= code <= 0x77:
            scale *= Fraction(10) ** ((code & 7) - 6)
        elif 0x78 <= code <= 0x7B:
            offset += Fraction(10) ** ((code & 3) - 3)
        elif code == 0x7D:
            scale *= 1000
    return scale, offset
