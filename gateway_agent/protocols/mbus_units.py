"""Meaning of the value information field of M-Bus records (EN 13757-3, 6.4): quantity, unit and power of ten.

Durations are brought to seconds; months and years count as mean ones (2 629 743.83 s and 31 556 926 s), as is usual.
"""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a number stands for: `scale` times `unit`."""

    quantity: str
    unit: str = ""
    scale: Fraction = Fraction(1)
    is_time: bool = False
    """The data are a date or a time, in the type that their length says."""


UNKNOWN = Meaning("Unknown")
ANY = Meaning("Any VIF")
MANUFACTURER = Meaning("Manufacturer specific")
RESERVED = Meaning("Reserved", "Reserved")

_SECONDS = tuple(Fraction(each) for each in (1, 60, 3600, 86400))
_LONG = (Fraction("3600"), Fraction("86400"), Fraction("2629743.83"), Fraction("31556926"))


def _ten(exponent: int) -> Fraction:
    return Fraction(10) ** exponent


_Ranges = tuple[tuple[int, int, str, str, int], ...]
"""(first code, how many, quantity, unit, exponent of the first)."""

_PRIMARY: _Ranges = (
    (0x00, 8, "Energy", "Wh", -3),
    (0x08, 8, "Energy", "J", 0),
    (0x10, 8, "Volume", "m^3", -6),
    (0x18, 8, "Mass", "kg", -3),
    (0x28, 8, "Power", "W", -3),
    (0x30, 8, "Power", "J/h", 0),
    (0x38, 8, "Volume flow", "m^3/h", -6),
    (0x40, 8, "Volume flow", "m^3/min", -7),
    (0x48, 8, "Volume flow", "m^3/s", -9),
    (0x50, 8, "Mass flow", "kg/h", -3),
    (0x58, 4, "Flow temperature", "°C", -3),
    (0x5C, 4, "Return temperature", "°C", -3),
    (0x60, 4, "Temperature difference", "K", -3),
    (0x64, 4, "External temperature", "°C", -3),
    (0x68, 4, "Pressure", "bar", -3),
)
_EXTENSION_FD: _Ranges = (
    (0x00, 4, "Credit", "Currency units", -3),
    (0x04, 4, "Debit", "Currency units", -3),
    (0x40, 16, "Voltage", "V", -9),
    (0x50, 16, "Current", "A", -12),
)
_EXTENSION_FB: _Ranges = (
    (0x00, 2, "Energy", "Wh", 5),
    (0x02, 2, "Reactive energy", "varh", 3),
    (0x04, 2, "Apparent energy", "VAh", 3),
    (0x08, 2, "Energy", "J", 8),
    (0x0C, 4, "Energy", "cal", 5),
    (0x10, 2, "Volume", "m^3", 2),
    (0x14, 4, "Reactive power", "var", 0),
    (0x18, 2, "Mass", "kg", 5),
    (0x1A, 2, "Relative humidity", "%", -1),
    (0x21, 1, "Volume", "feet^3", -1),
    (0x22, 2, "Volume", "American gallon", -1),
    (0x24, 1, "Volume flow", "American gallon/min", -3),
    (0x25, 1, "Volume flow", "American gallon/min", 0),
    (0x26, 1, "Volume flow", "American gallon/h", 0),
    (0x28, 2, "Power", "W", 5),
    (0x2A, 1, "Phase U-U", "°", -1),
    (0x2B, 1, "Phase U-I", "°", -1),
    (0x2C, 4, "Frequency", "Hz", -3),
    (0x30, 2, "Power", "J/h", 8),
    (0x34, 4, "Apparent power", "VA", 0),
    (0x58, 4, "Flow temperature", "°F", -3),
    (0x5C, 4, "Return temperature", "°F", -3),
    (0x60, 4, "Temperature difference", "°F", -3),
    (0x64, 4, "External temperature", "°F", -3),
    (0x70, 4, "Cold / Warm Temperature Limit", "°F", -3),
    (0x74, 4, "Cold / Warm Temperature Limit", "°C", -3),
    (0x78, 8, "Cumul count max power", "W", -3),
)
_DURATIONS: tuple[tuple[int, str], ...] = (
    (0x20, "On time"),
    (0x24, "Operating time"),
    (0x70, "Averaging Duration"),
    (0x74, "Actuality Duration"),
)
_NAMES_FD: dict[int, str] = {
    0x08: "Access Number (transmission count)",
    0x09: "Medium",
    0x0A: "Manufacturer",
    0x0B: "Parameter set identification",
    0x0C: "Model / Version",
    0x0D: "Hardware version",
    0x0E: "Firmware version",
    0x0F: "Software version",
    0x10: "Customer location",
    0x11: "Customer",
    0x12: "Access Code User",
    0x13: "Access Code Operator",
    0x14: "Access Code System Operator",
    0x15: "Access Code Developer",
    0x16: "Password",
    0x17: "Error flags",
    0x18: "Error mask",
    0x1A: "Digital Output",
    0x1B: "Digital Input",
    0x1E: "Retry",
    0x20: "First storage # for cyclic storage",
    0x21: "Last storage # for cyclic storage",
    0x22: "Size of storage block",
    0x3A: "Dimensionless",
    0x60: "Reset counter",
    0x61: "Cumulation counter",
    0x62: "Control signal",
    0x63: "Day of week",
    0x64: "Week number",
    0x65: "Time point of day change",
    0x66: "State of parameter activation",
    0x67: "Special supplier information",
}


def _decades(ranges: _Ranges) -> dict[int, Meaning]:
    return {
        first + step: Meaning(quantity, unit, _ten(exponent + step))
        for first, count, quantity, unit, exponent in ranges
        for step in range(count)
    }


def _durations(first: int, quantity: str, scales: tuple[Fraction, ...]) -> dict[int, Meaning]:
    return {first + step: Meaning(quantity, "s", scale) for step, scale in enumerate(scales)}


def _primary() -> dict[int, Meaning]:
    table = _decades(_PRIMARY)
    for first, quantity in _DURATIONS:
        table |= _durations(first, quantity, _SECONDS)
    return table | {
        0x6C: Meaning("Time point (date)", "-", is_time=True),
        0x6D: Meaning("Time point (date & time)", "-", is_time=True),
        0x6E: Meaning("H.C.A.", "Units for H.C.A."),
        0x6F: RESERVED,
        0x78: Meaning("Fabrication No"),
        0x79: Meaning("(Enhanced) Identification"),
        0x7A: Meaning("Bus Address"),
        0x7E: ANY,
        0x7F: MANUFACTURER,
    }


def _extension_fd() -> dict[int, Meaning]:
    table = dict.fromkeys(range(0x80), RESERVED) | {code: Meaning(name) for code, name in _NAMES_FD.items()}
    table |= _decades(_EXTENSION_FD) | {
        0x1C: Meaning("Baudrate", "Baud"),
        0x1D: Meaning("Response delay time", "Bittimes"),
    }
    table |= _durations(0x24, "Storage interval", _SECONDS + _LONG[2:])
    table |= _durations(0x2C, "Duration since last readout", _SECONDS)
    table |= _durations(0x31, "Duration of tariff", _SECONDS[1:])
    table |= _durations(0x34, "Period of tariff", _SECONDS + _LONG[2:])
    table |= _durations(0x68, "Duration since last cumulation", _LONG)
    table |= _durations(0x6C, "Operating time battery", _LONG)
    return table | {
        0x30: Meaning("Start (date/time) of tariff", "-", is_time=True),
        0x70: Meaning("Date and time of battery change", "-", is_time=True),
    }


PRIMARY = _primary()
EXTENSION_FD = _extension_fd()
EXTENSION_FB = dict.fromkeys(range(0x80), RESERVED) | _decades(_EXTENSION_FB)


def fixed_meaning(code: int) -> Meaning:
    """The unit of a counter in fixed data (EN 13757-3, annex G): 6 bits."""
    return _FIXED.get(code & 0x3F, RESERVED)


_FIXED_DECADES = (
    (0x02, ("Wh", "10 Wh", "100 Wh", "kWh", "10 kWh", "100 kWh", "MWh", "10 MWh", "100 MWh"), "Energy", "Wh", 0),
    (0x0B, ("kJ", "10 kJ", "100 kJ", "MJ", "10 MJ", "100 MJ", "GJ", "10 GJ", "100 GJ"), "Energy", "J", 3),
    (0x14, ("W", "10 W", "100 W", "kW", "10 kW", "100 kW", "MW", "10 MW", "100 MW"), "Power", "W", 0),
    (
        0x1D,
        ("kJ/h", "10 kJ/h", "100 kJ/h", "MJ/h", "10 MJ/h", "100 MJ/h", "GJ/h", "10 GJ/h", "100 GJ/h"),
        "Power",
        "J/h",
        3,
    ),
    (0x26, ("ml", "10 ml", "100 ml", "l", "10 l", "100 l", "m^3", "10 m^3", "100 m^3"), "Volume", "m^3", -6),
    (
        0x2F,
        ("ml/h", "10 ml/h", "100 ml/h", "l/h", "10 l/h", "100 l/h", "m^3/h", "10 m^3/h", "100 m^3/h"),
        "Volume flow",
        "m^3/h",
        -6,
    ),
)
_FIXED: dict[int, Meaning] = {
    first + step: Meaning(quantity, unit, _ten(exponent + step))
    for first, names, quantity, unit, exponent in _FIXED_DECADES
    for step in range(len(names))
} | {
    0x00: Meaning("Time", "h,m,s"),
    0x01: Meaning("Time", "D,M,Y"),
    0x38: Meaning("Temperature", "°C", _ten(-3)),
    0x39: Meaning("H.C.A.", "units for HCA"),
    0x3E: Meaning("Same but historic", "reserved but historic"),
    0x3F: Meaning("Without units", "without units"),
}
_FIXED_LABELS: dict[int, str] = {
    first + step: name for first, names, *_ in _FIXED_DECADES for step, name in enumerate(names)
} | {0x38: "1e-3 °C"}


def fixed_label(code: int) -> str:
    """The unit in which the counter itself counts, as in `10 kWh`."""
    return _FIXED_LABELS.get(code & 0x3F, fixed_meaning(code).unit if code & 0x3F in _FIXED else "reserved")
