"""Profiles of SunSpec devices: which of their models is read, and which points are which registers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from gateway_agent.profiles.faults import Faults
from gateway_agent.profiles.modbus_profile import RTU_FORMATS, RtuLine
from gateway_agent.protocols.sunspec import BASES, ENERGY_POINTS, KNOWN_MODELS, PointName, has_point

_KEYS = {"models", "bases", "units", "values", "power", "line"}
_BASE_MAX, _UNIT_MAX = 0xFFFF, 247


@dataclass(frozen=True, slots=True)
class SunSpecProfile:
    """A device that describes itself."""

    name: str
    source: str
    models: tuple[int, ...]
    """The first that the device has and fills is read."""
    bases: tuple[int, ...]
    units: tuple[int, ...]
    """Unit numbers at which such a device is found."""
    points: Mapping[str, PointName]
    """By OBIS code."""
    power: str
    """The OBIS code of the power."""
    line: RtuLine
    verified: str


def parse_sunspec(document: Mapping[str, Any], name: str, faults: Faults, common: set[str]) -> SunSpecProfile:
    """The profile in `document`; what is wrong with it goes to `faults`."""
    faults.unknown_keys("", document, common | _KEYS)
    models = _numbers(document, "models", KNOWN_MODELS, faults)
    points = faults.table(document, "values")
    for obis, point in points.items():
        if point not in ENERGY_POINTS:
            faults.note(f"values.{obis} is {point!r}, not one of {', '.join(ENERGY_POINTS)}")
        elif not all(has_point(model, point) for model in models):
            faults.note(f"values.{obis}: not every model in models has the point {point}")
    if not points or len(set(map(str, points.values()))) != len(points):
        faults.note("values must name points, each once")
    return SunSpecProfile(
        name,
        str(document.get("source", "")),
        models,
        _numbers(document, "bases", range(_BASE_MAX), faults) if "bases" in document else BASES,
        _numbers(document, "units", range(1, _UNIT_MAX + 1), faults) if "units" in document else (1,),
        {str(obis): cast(PointName, point) for obis, point in points.items()},
        str(document.get("power", "1-0:16.7.0")),
        RtuLine(*faults.line(document, RTU_FORMATS)) if "line" in document else RtuLine(),
        str(document.get("verified", "")),
    )


def _numbers(
    document: Mapping[str, Any], key: str, allowed: range | tuple[int, ...], faults: Faults
) -> tuple[int, ...]:
    given = document.get(key)
    if isinstance(given, list) and given and all(type(each) is int and each in allowed for each in given):
        return tuple(given)
    shown = f"{allowed.start} to {allowed.stop - 1}" if isinstance(allowed, range) else ", ".join(map(str, allowed))
    faults.note(f"{key} {given!r} must be a list of numbers from {shown}")
    return ()
