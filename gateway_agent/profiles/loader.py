"""Reads and judges profile files. Whatever could make the agent write to a meter or misread its energy is refused."""

import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, cast, get_args

from community.errors import FatalError
from gateway_agent.protocols.modbus_registers import ENERGY_UNITS_WH, REGISTER_COUNTS, RegisterType, WordOrder

READ_FUNCTIONS = (3, 4)
"""Read holding registers and read input registers (Modbus V1.1b3, 6.3 and 6.4): the agent never writes."""
POWER_UNITS = ("W",)
INVALID_MARKS = ("nan", "inf", "negative")
_ADDRESS_MAX = 0xFFFF
_COMMON_KEYS = {"id", "protocol", "source", "verified"}
_BITS_OF_A_BYTE = ("8N1", "8E1", "7E1")


class ProfileError(FatalError):
    """A profile that cannot be used. Its text lists everything that is wrong with it."""


@dataclass(frozen=True, slots=True)
class ModbusValue:
    """One value in the register map."""

    address: int
    type_name: RegisterType
    unit: str | None = None
    optional: bool = False

    @property
    def count(self) -> int:
        """Number of 16-bit registers it takes."""
        return REGISTER_COUNTS[self.type_name]

    @property
    def is_energy(self) -> bool:
        return self.unit in ENERGY_UNITS_WH


@dataclass(frozen=True, slots=True)
class ModbusProfile:
    """A meter that answers on Modbus: where its registers are."""

    name: str
    source: str
    word_order: WordOrder
    function: int
    values: Mapping[str, ModbusValue]
    time: ModbusValue | None
    serial: ModbusValue | None


@dataclass(frozen=True, slots=True)
class DlmsPushProfile:
    """A meter that pushes encrypted DLMS telegrams on a serial line."""

    name: str
    source: str
    baud: int
    format: str
    units: Mapping[str, str]
    hints: Mapping[str, str]


MeterProfile = ModbusProfile | DlmsPushProfile


def profile_names() -> tuple[str, ...]:
    """The profiles that come with the agent."""
    files = resources.files("gateway_agent.profiles").iterdir()
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in files if entry.name.endswith(".toml")))


def load_profile(name: str) -> MeterProfile:
    """The profile called `name`. Raises ProfileError."""
    if name not in profile_names():
        raise ProfileError(f"there is no profile {name!r}; the known ones are {', '.join(profile_names())}")
    return parse_profile(resources.files("gateway_agent.profiles").joinpath(f"{name}.toml").read_text("utf-8"), name)


def parse_profile(text: str, name: str) -> MeterProfile:
    """The profile in TOML `text`. Raises ProfileError with every fault at once."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"profile {name} is not TOML: {error}") from error
    faults = _Faults()
    for key in sorted(_COMMON_KEYS - document.keys()):
        faults.note(f"{key} is missing")
    if document.get("id", name) != name:
        faults.note(f"id is {document['id']!r}, but the profile is called {name!r}")
    match document.get("protocol"):
        case "modbus":
            profile: MeterProfile = _modbus(document, name, faults)
        case "dlms-push":
            profile = _dlms_push(document, name, faults)
        case other:
            raise ProfileError(f"profile {name}: protocol {other!r} is not known; modbus and dlms-push are")
    faults.raise_any(name)
    return profile


class _Faults:
    def __init__(self) -> None:
        self._found: list[str] = []

    def note(self, fault: str) -> None:
        self._found.append(fault)

    def unknown_keys(self, where: str, table: Mapping[str, Any], known: set[str]) -> None:
        for key in sorted(table.keys() - known):
            self.note(f"{where}{key} is no key of a profile: is it misspelt?")

    def raise_any(self, name: str) -> None:
        if self._found:
            raise ProfileError(f"profile {name} cannot be used:\n" + "\n".join(f"  - {fault}" for fault in self._found))


def _modbus(document: Mapping[str, Any], name: str, faults: _Faults) -> ModbusProfile:
    known = _COMMON_KEYS | {"word_order", "function", "invalid", "serial", "time", "values"}
    faults.unknown_keys("", document, known)
    function, word_order = document.get("function"), document.get("word_order")
    if function not in READ_FUNCTIONS or type(function) is not int:
        faults.note(f"function {function!r} is not allowed: 3 or 4, which only read")
    if word_order not in get_args(WordOrder):
        faults.note(f"word_order {word_order!r} is not known: big or little")
    if sorted(document.get("invalid", ())) != sorted(INVALID_MARKS):
        faults.note(f"invalid must be {list(INVALID_MARKS)}: these are always refused")
    values = {
        obis: _value(f"values.{obis}", entry, faults) for obis, entry in _table(document, "values", faults).items()
    }
    if not any(value.is_energy for value in values.values()):
        faults.note("values holds no energy register")
    for obis, value in values.items():
        if value.unit is None:
            faults.note(f"values.{obis} has no unit: a number without one is not readable")
    _check_overlaps(values, faults)
    time = _value("time", document["time"], faults, {"kind"}) if "time" in document else None
    if time is not None and _table(document, "time", faults).get("kind") != "unix-utc":
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
    )


def _value(where: str, entry: Any, faults: _Faults, more_keys: set[str] | None = None) -> ModbusValue:
    if not isinstance(entry, dict):
        faults.note(f"{where} must be a table")
        return ModbusValue(0, "uint16")
    faults.unknown_keys(f"{where}.", entry, {"address", "type", "unit", "optional"} | (more_keys or set()))
    address, type_name, unit = entry.get("address"), entry.get("type"), entry.get("unit")
    if type(address) is not int or not 0 <= address <= _ADDRESS_MAX:
        faults.note(f"{where}.address {address!r} is outside 0 to {_ADDRESS_MAX}")
        address = 0
    if type_name not in REGISTER_COUNTS:
        faults.note(f"{where}.type {type_name!r} is not known: {', '.join(REGISTER_COUNTS)}")
        type_name = "uint16"
    if unit is not None and unit not in ENERGY_UNITS_WH and unit not in POWER_UNITS:
        faults.note(f"{where}.unit {unit!r} is not known: {', '.join([*ENERGY_UNITS_WH, *POWER_UNITS])}")
    return ModbusValue(address, cast(RegisterType, type_name), unit, entry.get("optional") is True)


def _check_overlaps(values: Mapping[str, ModbusValue], faults: _Faults) -> None:
    ordered = sorted(values.items(), key=lambda item: item[1].address)
    for (obis, value), (next_obis, following) in itertools.pairwise(ordered):
        if value.address + value.count > following.address:
            faults.note(f"values.{obis} and values.{next_obis} overlap at address {following.address}")


def _dlms_push(document: Mapping[str, Any], name: str, faults: _Faults) -> DlmsPushProfile:
    faults.unknown_keys("", document, _COMMON_KEYS | {"line", "units", "hints"})
    line = _table(document, "line", faults)
    faults.unknown_keys("line.", line, {"baud", "format"})
    baud, bits = line.get("baud"), line.get("format")
    if type(baud) is not int or not 300 <= baud <= 921_600:
        faults.note(f"line.baud {baud!r} is outside 300 to 921600")
    if bits not in _BITS_OF_A_BYTE:
        faults.note(f"line.format {bits!r} is not known: {', '.join(_BITS_OF_A_BYTE)}")
    units = _table(document, "units", faults)
    for obis, unit in units.items():
        if unit not in ("Wh", "W"):
            faults.note(f"units.{obis} is {unit!r}, not Wh or W")
    if "Wh" not in units.values():
        faults.note("units holds no energy register")
    hints = _table(document, "hints", faults) if "hints" in document else {}
    faults.unknown_keys("hints.", hints, {"no_bytes", "bad_structure"})
    return DlmsPushProfile(
        name,
        str(document.get("source", "")),
        baud if isinstance(baud, int) else 0,
        str(bits),
        {str(obis): str(unit) for obis, unit in units.items()},
        {str(key): str(hint) for key, hint in hints.items()},
    )


def _table(document: Mapping[str, Any], key: str, faults: _Faults) -> dict[str, Any]:
    table = document.get(key)
    if isinstance(table, dict):
        return cast(dict[str, Any], table)
    faults.note(f"{key} must be a table")
    return {}
