"""Profiles of Modbus meters: where their registers are. The check refuses whatever could write or misread energy."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast, get_args

from gateway_agent.profiles.faults import Faults
from gateway_agent.protocols.modbus_registers import ENERGY_UNITS_WH, REGISTER_COUNTS, RegisterType, WordOrder

READ_FUNCTIONS = (3, 4)
"""Read holding registers and read input registers (Modbus V1.1b3, 6.3 and 6.4): the agent never writes."""
POWER_UNITS: dict[str, Fraction] = {"W": Fraction(1), "0.1 W": Fraction(1, 10), "kW": Fraction(1000)}
INVALID_MARKS = ("nan", "inf", "negative")
RTU_FORMATS = ("8N1", "8E1", "8O1", "8N2")
_ADDRESS_MAX = 0xFFFF
_KEYS = {"word_order", "function", "invalid", "serial", "time", "values", "line"}


@dataclass(frozen=True, slots=True)
class ModbusValue:
    """One value in the register map."""

    address: int
    type_name: RegisterType
    unit: str | None = None
    optional: bool = False
    function: int | None = None
    """The function code that reads it, where that is not the profile's."""

    @property
    def count(self) -> int:
        """Number of 16-bit registers it takes."""
        return REGISTER_COUNTS[self.type_name]

    @property
    def is_energy(self) -> bool:
        return self.unit in ENERGY_UNITS_WH

    @property
    def scale(self) -> Fraction:
        """W in one count of a power; 1 for what has no unit."""
        return POWER_UNITS.get(self.unit or "", Fraction(1))


@dataclass(frozen=True, slots=True)
class RtuLine:
    """How the meter speaks on a serial line as it leaves the factory."""

    baud: int = 9600
    format: str = "8N1"


@dataclass(frozen=True, slots=True)
class ModbusProfile:
    """A meter that answers on Modbus."""

    name: str
    source: str
    word_order: WordOrder
    function: int
    values: Mapping[str, ModbusValue]
    time: ModbusValue | None
    serial: ModbusValue | None
    line: RtuLine
    verified: str


def parse_modbus(document: Mapping[str, Any], name: str, faults: Faults, common: set[str]) -> ModbusProfile:
    """The profile in `document`; what is wrong with it goes to `faults`."""
    faults.unknown_keys("", document, common | _KEYS)
    function, word_order = document.get("function"), document.get("word_order")
    if function not in READ_FUNCTIONS or type(function) is not int:
        faults.note(f"function {function!r} is not allowed: 3 or 4, which only read")
    if word_order not in get_args(WordOrder):
        faults.note(f"word_order {word_order!r} is not known: big or little")
    if sorted(document.get("invalid", ())) != sorted(INVALID_MARKS):
        faults.note(f"invalid must be {list(INVALID_MARKS)}: these are always refused")
    values = {obis: _value(f"values.{obis}", entry, faults) for obis, entry in faults.table(document, "values").items()}
    if not any(value.is_energy for value in values.values()):
        faults.note("values holds no energy register")
    for obis, value in values.items():
        if value.unit is None:
            faults.note(f"values.{obis} has no unit: a number without one is not readable")
        if value.is_energy and (value.function is not None or value.optional):
            faults.note(f"values.{obis} is energy: it is never optional, and the profile's function reads it")
    _check_overlaps(values, faults)
    time = _value("time", document["time"], faults, {"kind"}) if "time" in document else None
    if time is not None and faults.table(document, "time").get("kind") != "unix-utc":
        faults.note("time.kind must be unix-utc")
    serial = _value("serial", document["serial"], faults) if "serial" in document else None
    return ModbusProfile(
        name,
        str(document.get("source", "")),
        cast(WordOrder, word_order),
        function if isinstance(function, int) else 0,
        values,
        time,
        serial,
        RtuLine(*faults.line(document, RTU_FORMATS)) if "line" in document else RtuLine(),
        str(document.get("verified", "")),
    )


def _value(where: str, entry: Any, faults: Faults, more_keys: set[str] | None = None) -> ModbusValue:
    if not isinstance(entry, dict):
        faults.note(f"{where} must be a table")
        return ModbusValue(0, "uint16")
    faults.unknown_keys(f"{where}.", entry, {"address", "type", "unit", "optional", "function"} | (more_keys or set()))
    address, type_name, unit = entry.get("address"), entry.get("type"), entry.get("unit")
    function = entry.get("function")
    if type(address) is not int or not 0 <= address <= _ADDRESS_MAX:
        faults.note(f"{where}.address {address!r} is outside 0 to {_ADDRESS_MAX}")
        address = 0
    if type_name not in REGISTER_COUNTS:
        faults.note(f"{where}.type {type_name!r} is not known: {', '.join(REGISTER_COUNTS)}")
        type_name = "uint16"
    if unit is not None and unit not in ENERGY_UNITS_WH and unit not in POWER_UNITS:
        faults.note(f"{where}.unit {unit!r} is not known: {', '.join([*ENERGY_UNITS_WH, *POWER_UNITS])}")
    if function is not None and (type(function) is not int or function not in READ_FUNCTIONS):
        faults.note(f"{where}.function {function!r} is not allowed: 3 or 4, which only read")
        function = None
    return ModbusValue(address, cast(RegisterType, type_name), unit, entry.get("optional") is True, function)


def _check_overlaps(values: Mapping[str, ModbusValue], faults: Faults) -> None:
    ordered = sorted(values.items(), key=lambda item: item[1].address)
    for (obis, value), (next_obis, following) in itertools.pairwise(ordered):
        if value.address + value.count > following.address:
            faults.note(f"values.{obis} and values.{next_obis} overlap at address {following.address}")
