"""Profiles of meters that send their registers readably: IEC 62056-21 (D0), SML and DSMR P1."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from gateway_agent.profiles.faults import Faults

Mode = Literal["request", "push"]
D0Check = Literal["required", "none"]
P1Check = Literal["required", "as-promised", "none"]
EnergyUnit = Literal["Wh", "kWh", "MWh"]
TEXT_FORMATS = ("7E1", "8N1", "8E1")
WAKEUP_MAX = 100
BAUDS = (300, 600, 1200, 2400, 4800, 9600, 19_200)
_OBIS = re.compile(r"[0-9]{1,3}-[0-9]{1,3}:[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}")
_GROUP = re.compile(r"[0-9]{1,3}-[0-9]{1,3}")
_HINTS = {"no_bytes", "bad_structure"}


@dataclass(frozen=True, slots=True)
class Iec62056Profile:
    """A meter with D0 readouts."""

    name: str
    source: str
    mode: Mode
    """`request`: the dialogue of modes A, B and C, which begins at 300 Bd. `push`: mode D."""
    baud: int
    """Of a meter that pushes; 300 for one that is asked."""
    baud_max: int
    """The fastest speed to agree on in mode C."""
    format: str
    check: D0Check
    """`required`: only readouts with STX, ETX and the right block check character."""
    energy_unit: EnergyUnit | None
    """Of energies that are sent without a unit."""
    registers: Mapping[str, tuple[tuple[str, ...], ...]]
    """The ways to find each register, best first; each is a sum."""
    hints: Mapping[str, str]
    verified: str = ""
    group: str = "1-0"
    """A-B of addresses that leave it out: 1-0 is electricity, 6-0 heat."""
    wakeup: int = 0
    """Zero bytes before the sign-on, for meters on a battery (Annex B of the standard)."""


@dataclass(frozen=True, slots=True)
class SmlProfile:
    """A meter that pushes SML."""

    name: str
    source: str
    baud: int
    format: str
    registers: Mapping[str, tuple[tuple[str, ...], ...]]
    hints: Mapping[str, str]
    verified: str = ""


@dataclass(frozen=True, slots=True)
class DsmrP1Profile:
    """A meter with a P1 port."""

    name: str
    source: str
    baud: int
    format: str
    check: P1Check
    """`required`: only telegrams with the right CRC. `as-promised`: without one only if their version has none."""
    energy_unit: EnergyUnit | None
    registers: Mapping[str, tuple[tuple[str, ...], ...]]
    hints: Mapping[str, str]
    verified: str = ""


def parse_iec62056(document: Mapping[str, Any], name: str, faults: Faults, common: set[str]) -> Iec62056Profile:
    """The profile in `document`; what is wrong with it goes to `faults`."""
    keys = {"mode", "line", "baud_max", "check", "energy_unit", "registers", "hints", "group", "wakeup"}
    faults.unknown_keys("", document, common | keys)
    baud, bits = faults.line(document, TEXT_FORMATS)
    mode = _one_of(document, "mode", get_args(Mode), faults)
    if mode == "request" and baud != BAUDS[0]:
        faults.note(f"line.baud is {baud}, but the dialogue always begins at {BAUDS[0]}")
    baud_max = document.get("baud_max", BAUDS[-1])
    if baud_max not in BAUDS:
        faults.note(f"baud_max {baud_max!r} is not known: {', '.join(map(str, BAUDS))}")
    group = str(document.get("group", "1-0"))
    if _GROUP.fullmatch(group) is None:
        faults.note(f"group {group!r} is no A-B such as 1-0")
    return Iec62056Profile(
        name,
        str(document.get("source", "")),
        cast(Mode, mode),
        baud,
        baud_max if type(baud_max) is int else BAUDS[0],
        bits,
        cast(D0Check, _one_of(document, "check", get_args(D0Check), faults)),
        _energy_unit(document, faults),
        _registers(document, faults),
        _hints(document, faults),
        str(document.get("verified", "")),
        group,
        faults.whole_number("", document, "wakeup", 0, WAKEUP_MAX),
    )


def parse_sml(document: Mapping[str, Any], name: str, faults: Faults, common: set[str]) -> SmlProfile:
    """The profile in `document`; what is wrong with it goes to `faults`."""
    faults.unknown_keys("", document, common | {"line", "registers", "hints"})
    baud, bits = faults.line(document, TEXT_FORMATS)
    source, verified = str(document.get("source", "")), str(document.get("verified", ""))
    return SmlProfile(name, source, baud, bits, _registers(document, faults), _hints(document, faults), verified)


def parse_dsmr_p1(document: Mapping[str, Any], name: str, faults: Faults, common: set[str]) -> DsmrP1Profile:
    """The profile in `document`; what is wrong with it goes to `faults`."""
    faults.unknown_keys("", document, common | {"line", "check", "energy_unit", "registers", "hints"})
    baud, bits = faults.line(document, TEXT_FORMATS)
    return DsmrP1Profile(
        name,
        str(document.get("source", "")),
        baud,
        bits,
        cast(P1Check, _one_of(document, "check", get_args(P1Check), faults)),
        _energy_unit(document, faults),
        _registers(document, faults),
        _hints(document, faults),
        str(document.get("verified", "")),
    )


def _one_of(document: Mapping[str, Any], key: str, known: tuple[str, ...], faults: Faults) -> str:
    value = document.get(key)
    if value not in known:
        faults.note(f"{key} {value!r} is not known: {', '.join(known)}")
        return known[0]
    return str(value)


def _energy_unit(document: Mapping[str, Any], faults: Faults) -> EnergyUnit | None:
    if "energy_unit" not in document:
        return None
    return cast(EnergyUnit, _one_of(document, "energy_unit", get_args(EnergyUnit), faults))


def _registers(document: Mapping[str, Any], faults: Faults) -> dict[str, tuple[tuple[str, ...], ...]]:
    registers: dict[str, tuple[tuple[str, ...], ...]] = {}
    for obis, ways in faults.table(document, "registers").items():
        if _OBIS.fullmatch(obis) is None:
            faults.note(f"registers.{obis} is no OBIS code such as 1-0:1.8.0")
        if not isinstance(ways, list) or not ways or not all(isinstance(way, str) for way in ways):
            faults.note(f"registers.{obis} must be a list of sums such as 1-0:1.8.1 + 1-0:1.8.2")
            continue
        sums = tuple(tuple(code.strip() for code in way.split("+")) for way in ways)
        for way in sums:
            if len(set(way)) != len(way) or not all(_OBIS.fullmatch(code) for code in way):
                faults.note(f"registers.{obis}: {' + '.join(way)} is no sum of OBIS codes, each once")
        registers[obis] = sums
    if not registers:
        faults.note("registers holds no register")
    return registers


def _hints(document: Mapping[str, Any], faults: Faults) -> dict[str, str]:
    hints = faults.table(document, "hints") if "hints" in document else {}
    faults.unknown_keys("hints.", hints, _HINTS)
    return {str(key): str(hint) for key, hint in hints.items()}
