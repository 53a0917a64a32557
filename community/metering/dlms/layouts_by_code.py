"""Layouts that name every value by its OBIS code.

    obis-value          OBIS, value, OBIS, value ...                            E450 (block transfer), Kamstrup
    obis-value-scaler   OBIS, value, structure(scaler, unit), OBIS ...          Kaifa MA110/MA309, Sagemcom T210-D
    obis-structures     structure(OBIS, value[, structure(scaler, unit)]) ...   Iskra AM550 (CH), Aidon, ZMF100
    push-object-list    array of structure(class, OBIS, attribute, ...), then the values in that order

Before, between and after them may stand the meter's time and texts without a code. Anything else is refused.
"""

from community.metering.dlms.axdr import INTEGER8, STRUCTURE, UNSIGNED16, Group, Node, Number, Octets
from community.metering.dlms.found_values import FoundValues, as_obis, as_scale, as_text, as_time, is_absent, is_text
from community.metering.dlms.push_layouts import Layout
from community.metering.dlms.register import Register
from community.metering.dlms.unreadable import UnknownLayout

_PUSH_SETUP = 40
_REGISTER_CLASSES = (3, 4)
_DEMAND_CLASS = 5
_VALUE_ATTRIBUTE = 2

_KAMSTRUP = "Kamstrup"
_KAMSTRUP_SCALES: dict[tuple[int, int], tuple[int, str]] = {
    **{(quantity, 8): (1, unit) for quantity, unit in ((1, "Wh"), (2, "Wh"), (3, "varh"), (4, "varh"))},
    **{(quantity, 7): (-2, "A") for quantity in (31, 51, 71)},
    **{(quantity, 7): (0, "V") for quantity in (32, 52, 72)},
}
"""Kamstrup's own list for Norway: energy in steps of 10 Wh, current in 0.01 A."""


def read_by_code(items: tuple[Node, ...], found: FoundValues) -> Layout:
    """Every value in `items` into `found`. Raises UnknownLayout unless each has its place."""
    layout = Layout.OBIS_VALUE
    at = 0
    while at < len(items):
        item, obis = items[at], as_obis(items[at])
        if isinstance(item, Group):
            layout = _structure(item, found)
            at += 1
        elif obis is not None and at + 1 < len(items):
            if isinstance(items[at + 1], Group):
                raise UnknownLayout.because(f"value {at + 1} is a list")
            scale, size = _scale_at(items, at + 2)
            if scale is not None:
                layout = Layout.OBIS_VALUE_SCALER
            found.put(obis, items[at + 1], scale)
            at += 2 + size
        else:
            _without_code(item, at, found)
            at += 1
    if found.texts.get("text_0", "").startswith(_KAMSTRUP):
        _scale_kamstrup(found)
    return layout


def _scale_at(items: tuple[Node, ...], at: int) -> tuple[tuple[int, str | None] | None, int]:
    """Scaler and unit at `at`, as a structure or as two values, and how many values they take."""
    if at < len(items) and (scale := as_scale(items[at])) is not None:
        return scale, 1
    if at + 1 < len(items) and (scale := as_scale(Group(STRUCTURE, items[at : at + 2]))) is not None:
        return scale, 2
    return None, 0


def _without_code(item: Node, at: int, found: FoundValues) -> None:
    """A value that stands there without a code: time, text, nothing, or a number after the registers, such as a status."""
    if isinstance(item, Octets) and is_text(item):
        found.texts[f"text_{at}"] = as_text(item.data)
    elif (time := as_time(item)) is not None:
        found.put_time(time)
    elif not is_absent(item) and not (isinstance(item, Number) and found.registers):
        raise UnknownLayout.because(f"value {at} has no OBIS code")


def _structure(group: Group, found: FoundValues) -> Layout:
    """One structure(OBIS, value[, scaler and unit]), or a list of such ones."""
    items = group.items
    obis = as_obis(items[0]) if len(items) > 1 else None
    if obis is None:
        read_by_code(items, found)
        return Layout.OBIS_STRUCTURES
    scale, size = _scale_at(items, 2)
    if len(items) != 2 + size:
        return read_by_code(items, found)
    if isinstance(items[1], Group):
        raise UnknownLayout.because("a structure in it is no value with its OBIS code")
    found.put(obis, items[1], scale)
    return Layout.OBIS_STRUCTURES


def _scale_kamstrup(found: FoundValues) -> None:
    for code, register in found.registers.items():
        quantity, kind = (int(part) for part in code.partition(":")[2].split(".")[:2])
        scaler_unit = _KAMSTRUP_SCALES.get((quantity, kind))
        if scaler_unit is not None and not register.unit_sent:
            found.registers[code] = Register(register.raw, *scaler_unit, unit_sent=False)


def is_object_list(node: Node) -> bool:
    """Whether `node` is a list of class, OBIS code and attribute."""
    return isinstance(node, Group) and bool(node.items) and all(_descriptor(item) is not None for item in node.items)


def read_object_list(items: tuple[Node, ...], found: FoundValues) -> Layout:
    """The values in `items` by the list that is its first. Raises UnknownLayout if they are more or fewer.

    The list may name itself first (push setup, attribute 2). Scalers and units may be listed as attributes of their own.
    """
    listed = items[0]
    descriptors = [each for item in listed.items if (each := _descriptor(item))] if isinstance(listed, Group) else []
    values = items[1:]
    if len(values) == 1 and isinstance(values[0], Group) and len(descriptors) > 2:
        values = values[0].items
    if descriptors and descriptors[0][0] == _PUSH_SETUP and len(values) == len(descriptors) - 1:
        descriptors = descriptors[1:]
    if len(values) != len(descriptors) or not descriptors:
        raise UnknownLayout.because(f"it lists {len(descriptors)} objects, but holds {len(values)} values")
    scales: dict[bytes, tuple[int, str | None]] = {}
    for (kind, obis, attribute), value in zip(descriptors, values, strict=True):
        scale_attribute = 3 if kind in _REGISTER_CLASSES else 4 if kind == _DEMAND_CLASS else None
        if attribute == scale_attribute and (scale := as_scale(value)) is not None:
            scales[obis] = scale
    for (_, obis, attribute), value in zip(descriptors, values, strict=True):
        if attribute == _VALUE_ATTRIBUTE:
            found.put(obis, value, scales.get(obis))
    return Layout.OBJECT_LIST


def _descriptor(node: Node) -> tuple[int, bytes, int] | None:
    """(class, OBIS code, attribute) of one entry of a push object list."""
    match node:
        case Group(items=(Number(tag=kind_tag, value=kind), code, Number(tag=tag, value=attribute), *_)):
            obis = as_obis(code)
            if (kind_tag, tag) == (UNSIGNED16, INTEGER8) and obis is not None:
                return kind, obis, attribute
        case _:
            pass
    return None


def lone_text(found: FoundValues) -> str | None:
    """The text without a code after the first value, if there is just one: on some meters their number."""
    texts = [text for name, text in found.texts.items() if name.startswith("text_") and name != "text_0"]
    return texts[0] if len(texts) == 1 else None
