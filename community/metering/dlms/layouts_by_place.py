"""Layouts in which the place of a value says what it is, and the untagged list of Czech meters.

positional-kn   OBIS 0-6:25.9.0, serial, time 4, date 5, +A, -A, +R, -R, +P, -P[, text, code]      Kaernten, Wels
norwegian-list  [list id, meter id, type,] +P[, -P, +Q, -Q, currents, voltages[, time, +A, -A, +R, -R]]  Kaifa
untagged        [structure(enum,] array of structure(attribute descriptor without tags, value)[)]   EGD, XT211
"""

from community.metering.dlms.axdr import (
    ARRAY,
    BOOLEAN,
    ENUM,
    STRUCTURE,
    UNSIGNED32,
    AxdrReader,
    Group,
    Node,
    Number,
    Octets,
)
from community.metering.dlms.cosem_time import DEVIATION_UNSPECIFIED, CosemTime
from community.metering.dlms.found_values import (
    OBIS_SIZE,
    FoundValues,
    as_obis,
    as_text,
    as_time,
    is_text,
    time_or_none,
)
from community.metering.dlms.push_layouts import Layout
from community.metering.dlms.register import Register
from community.metering.dlms.unreadable import UnknownLayout

_KN_CODES = ("1-0:1.8.0", "1-0:2.8.0", "1-0:3.8.0", "1-0:4.8.0", "1-0:1.7.0", "1-0:2.7.0")
_KN_UNITS = ("Wh", "Wh", "varh", "varh", "W", "W")
_KN_COUNTS = (10, 12)

_POWERS = (("1-0:1.7.0", 0, "W"), ("1-0:2.7.0", 0, "W"), ("1-0:3.7.0", 0, "var"), ("1-0:4.7.0", 0, "var"))
_ONE_PHASE = (("1-0:31.7.0", -3, "A"), ("1-0:32.7.0", -1, "V"))
_THREE_PHASES = (
    *((f"1-0:{quantity}.7.0", -3, "A") for quantity in (31, 51, 71)),
    *((f"1-0:{quantity}.7.0", -1, "V") for quantity in (32, 52, 72)),
)
_ENERGIES = (("1-0:1.8.0", 0, "Wh"), ("1-0:2.8.0", 0, "Wh"), ("1-0:3.8.0", 0, "varh"), ("1-0:4.8.0", 0, "varh"))
_NORWEGIAN_TEXTS = ("1-1:0.2.129", "0-0:96.1.0", "0-0:96.1.7")
_NORWEGIAN = {9: (_ONE_PHASE, False), 13: (_THREE_PHASES, False), 14: (_ONE_PHASE, True), 18: (_THREE_PHASES, True)}
"""By the number of values: which currents and voltages, and whether the hour's list with time and energy."""

_VALUE_ATTRIBUTE = 2
_UNTAGGED_HEAD = bytes((STRUCTURE, 2, ENUM))
_UNTAGGED_MAX = 256


def is_positional_kn(items: tuple[Node, ...]) -> bool:
    """Whether it is the layout of Kaernten Netz and Wels Strom."""
    if len(items) not in _KN_COUNTS or as_obis(items[0]) is None or not isinstance(items[1], Octets | Number):
        return False
    return [len(item.data) for item in items[2:4] if isinstance(item, Octets)] == [4, 5]


def read_positional_kn(items: tuple[Node, ...], sent: CosemTime | None, found: FoundValues) -> Layout:
    """Its values. `sent` is the notification's time, which alone has the deviation from UTC."""
    serial = items[1]
    if isinstance(serial, Octets | Number):
        found.texts["0-0:96.1.0"] = as_text(serial.data) if isinstance(serial, Octets) else str(serial.value)
    time, date = (item.data for item in items[2:4] if isinstance(item, Octets))
    deviation = DEVIATION_UNSPECIFIED if sent is None or sent.deviation_min is None else sent.deviation_min
    status = 0 if sent is None else sent.status
    found.object_time = time_or_none(date + time + deviation.to_bytes(2, "big", signed=True) + bytes((status,)))
    if found.object_time is None:
        raise UnknownLayout.because("its date or time is none")
    for code, unit, item in zip(_KN_CODES, _KN_UNITS, items[4:10], strict=True):
        found.registers[code] = Register(_count(item), 0, unit, unit_sent=False)
    for at, item in enumerate(items[10:], 10):
        if is_text(item) and isinstance(item, Octets):
            found.texts[f"text_{at}"] = as_text(item.data)
    return Layout.POSITIONAL_KN


def is_norwegian_list(items: tuple[Node, ...]) -> bool:
    """Whether it is one of Kaifa's lists: a lone power, or three texts and a number of values that belongs to one."""
    if len(items) == 1:
        return isinstance(items[0], Number) and items[0].tag == UNSIGNED32
    return len(items) in _NORWEGIAN and all(is_text(item) for item in items[:3])


def read_norwegian_list(items: tuple[Node, ...], found: FoundValues) -> Layout:
    """Its values."""
    if len(items) == 1:
        _place(_POWERS[:1], items, found)
        return Layout.NORWEGIAN_LIST
    for name, item in zip(_NORWEGIAN_TEXTS, items[:3], strict=True):
        if isinstance(item, Octets):
            found.texts[name] = as_text(item.data)
    phases, hourly = _NORWEGIAN[len(items)]
    places = (*_POWERS, *phases)
    _place(places, items[3 : 3 + len(places)], found)
    if hourly:
        time = as_time(items[3 + len(places)])
        if time is None:
            raise UnknownLayout.because("the hour's list has no time")
        found.put_time(time)
        _place(_ENERGIES, items[4 + len(places) :], found)
    return Layout.NORWEGIAN_LIST


def _place(places: tuple[tuple[str, int, str], ...], items: tuple[Node, ...], found: FoundValues) -> None:
    for (code, scaler, unit), item in zip(places, items, strict=True):
        found.registers[code] = Register(_count(item), scaler, unit, unit_sent=False)


def _count(item: Node) -> int:
    if not isinstance(item, Number) or item.tag in (BOOLEAN, ENUM):
        raise UnknownLayout.because("a register in it is no number")
    return item.value


def untagged_count(reader: AxdrReader) -> int | None:
    """How many entries the untagged list has that begins here, its head read; None if it is none, nothing read."""
    begin = reader.at
    if reader.starts_with(_UNTAGGED_HEAD):
        reader.take(len(_UNTAGGED_HEAD) + 1)
    if reader.left and reader.byte() == ARRAY:
        count = reader.length()
        # An attribute descriptor begins with a class number: below 256, so 00, which would be a null in a tagged list.
        if 0 < count <= _UNTAGGED_MAX and reader.starts_with(bytes((STRUCTURE, 2, 0))):
            return count
    reader.at = begin
    return None


def read_untagged(reader: AxdrReader, count: int, found: FoundValues) -> Layout:
    """The `count` entries: class 2 bytes, OBIS code 6, attribute 1, then a value with its tag."""
    for _ in range(count):
        if reader.take(2) != bytes((STRUCTURE, 2)):
            raise UnknownLayout.because(f"no entry begins at byte {reader.at - 2}")
        reader.take(2)
        obis, attribute = reader.take(OBIS_SIZE), reader.byte()
        value = reader.node()
        if isinstance(value, Group):
            raise UnknownLayout.because("an entry holds a list")
        if attribute == _VALUE_ATTRIBUTE:
            found.put(obis, value)
    return Layout.UNTAGGED
