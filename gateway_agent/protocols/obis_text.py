"""Data sets as text, `address(value*unit)`, as IEC 62056-21 (6.5) and DSMR P1 (5.2.3) have them. Pure.

An address is an OBIS code, often reduced: `1-0:1.8.0*255`, `1.8.0`, `6.8`, `F.F`. What follows a `*` or `&` is a past
billing period, unless it is 255.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway_agent.protocols.quantity import DamagedTelegram, Quantity, RegisterValue

ADDRESS_MAX = 32
VALUE_MAX = 4096
SETS_MAX = 4000
VALUES_MAX = 2000
_ELECTRICITY = "1-0"
_PRESENT_PERIOD = "255"
_CENTURY = 2000

_ADDRESS = re.compile(rf"[\"-'*-.0-~]{{1,{ADDRESS_MAX}}}")
_VALUE = re.compile(rf"\(([ -'*-~]{{0,{VALUE_MAX}}})\)")
_ANY_VALUE = re.compile(rf"\(([^()\x00-\x1f]{{0,{VALUE_MAX}}})\)")
_BETWEEN = re.compile(r"[ \r\n]*")
_CODE = re.compile(
    r"(?:(?P<group>[0-9]{1,3}-[0-9]{1,3}):)?(?P<c>[0-9CFLP]{1,3})\.(?P<d>[0-9F]{1,3})(?:\.(?P<e>[0-9F]{1,3}))?"
    r"(?:[*&](?P<period>[0-9]{1,3}))?"
)
_QUANTITY = re.compile(r" *([+-]?)([0-9]{1,19})(?:[.,]([0-9]{0,9}))?(?:\*([A-Za-z0-9%^/]{1,8}))? *")
_UNITS: dict[str, tuple[str, int]] = {
    "wh": ("Wh", 0),
    "kwh": ("Wh", 3),
    "mwh": ("Wh", 6),
    "gwh": ("Wh", 9),
    "varh": ("varh", 0),
    "kvarh": ("varh", 3),
    "vah": ("VAh", 0),
    "kvah": ("VAh", 3),
    "w": ("W", 0),
    "kw": ("W", 3),
    "mw": ("W", 6),
    "var": ("var", 0),
    "kvar": ("var", 3),
    "va": ("VA", 0),
    "kva": ("VA", 3),
    "v": ("V", 0),
    "a": ("A", 0),
    "hz": ("Hz", 0),
}


@dataclass(frozen=True, slots=True)
class DataSet:
    """One address and everything in parentheses after it."""

    address: str
    values: tuple[str, ...]

    @property
    def value(self) -> str:
        """The first value: the register itself; the others say when it was so."""
        return self.values[0]


@dataclass(frozen=True, slots=True)
class ObisCode:
    """What an address names."""

    code: str
    """A-B:C.D.E."""
    period: str | None
    """The number of a past billing period; None for the present."""


def read_data_sets(text: bytes, *, checked: bool) -> tuple[DataSet, ...]:
    """Every data set in `text`, a data block without its closing `!`. Raises DamagedTelegram.

    Text without a check must be data sets, spaces and line ends to the last character. In text that a check has proved
    right a value may hold characters beyond ASCII.
    """
    found: list[DataSet] = []
    string = text.decode("latin-1")
    pattern = _ANY_VALUE if checked else _VALUE
    position = _past(string, 0)
    while position < len(string):
        address = _ADDRESS.match(string, position)
        if address is None:
            raise DamagedTelegram(f"there is no data set at {string[position : position + 20]!r}")
        values, position = _values(string, address.end(), pattern)
        if not values:
            raise DamagedTelegram(f"{address.group()!r} has no value in parentheses")
        found.append(DataSet(address.group(), tuple(values)))
        if len(found) > SETS_MAX:
            raise DamagedTelegram(f"there are more than {SETS_MAX} data sets")
    return tuple(found)


def _values(string: str, position: int, pattern: re.Pattern[str]) -> tuple[list[str], int]:
    values: list[str] = []
    while (match := pattern.match(string, position)) is not None:
        values.append(match.group(1))
        position = _past(string, match.end())  # a value may stand alone on the next line
        if len(values) > VALUES_MAX:
            raise DamagedTelegram(f"a data set has more than {VALUES_MAX} values")
    return values, position


def _past(string: str, position: int) -> int:
    match = _BETWEEN.match(string, position)
    return position if match is None else match.end()


def read_address(address: str, group: str = _ELECTRICITY) -> ObisCode | None:
    """What `address` names; `group` (A-B) is for reduced codes that leave it out. None if it is no OBIS code."""
    match = _CODE.fullmatch(address)
    if match is None:
        return None
    period = match["period"]
    code = f"{match['group'] or group}:{match['c']}.{match['d']}.{match['e'] or '0'}"
    return ObisCode(code, None if period == _PRESENT_PERIOD else period)


def read_quantity(text: str, unit_absent: str | None = None) -> Quantity | None:
    """The number and unit of `text`, for example `0008048.375*kWh`. None if it is none, or has no known unit.

    `unit_absent` is the unit of a number that comes without one.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction, unit = match.groups()
    named = unit or unit_absent
    if named is None:
        return None
    base, power = _UNITS.get(named.lower(), (named, 0))
    decimals = fraction or ""
    try:
        return Quantity(int(sign + whole + decimals), power - len(decimals), base)
    except DamagedTelegram:
        return None


def present_values(
    sets: Iterable[DataSet], group: str = _ELECTRICITY, energy_unit: str | None = None
) -> tuple[RegisterValue, ...]:
    """The registers as they stand now. `energy_unit` is that of electric energies that come without a unit."""
    found: list[RegisterValue] = []
    for one in sets:
        code = read_address(one.address, group)
        if code is None or code.period is not None:
            continue
        quantity = read_quantity(one.value, energy_unit if _is_energy(code.code) else None)
        if quantity is not None:
            found.append(RegisterValue(code.code, quantity))
    return tuple(found)


def _is_energy(code: str) -> bool:
    return code.startswith("1-") and re.search(r":(1|2|15|16)\.8\.", code) is not None


def serial_in(sets: Sequence[DataSet], codes: Sequence[str], group: str = _ELECTRICITY) -> str | None:
    """The first of `codes` that says something; those without a group are found in any. None if none does."""
    said: dict[str, str] = {}
    for one in sets:
        code = read_address(one.address, group)
        if code is not None and code.period is None and one.value.strip(" 0"):
            said.setdefault(code.code, one.value.strip())
            said.setdefault(code.code.partition(":")[2], one.value.strip())
    return next((said[code] for code in codes if code in said), None)


def form_of(sets: Sequence[DataSet]) -> str:
    """What stays the same from telegram to telegram of one meter: addresses, units, and how long each number is."""
    return "".join(
        f"{one.address}({')('.join(re.sub(r'[0-9A-F]', '0', value.lstrip('+-')) for value in one.values)})"
        for one in sets
    )


def utc_of_local(local: datetime, zone: ZoneInfo, summer: bool | None) -> datetime | None:
    """The instant of naive `local`. With a daylight saving flag the flag decides, else the zone.

    None where nothing tells the two hours apart that the end of daylight saving makes of one.
    """
    if summer is not None:
        year = local.year
        offsets = [datetime(year, month, 1, tzinfo=zone).utcoffset() or timedelta() for month in (1, 7)]
        return (local - (max(offsets) if summer else min(offsets))).replace(tzinfo=UTC)
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return local.replace(tzinfo=zone).astimezone(UTC) if first == second else None


def clock_of(sets: Sequence[DataSet], zone: ZoneInfo) -> datetime | None:
    """The meter's clock from 0.9.1 (time) and 0.9.2 (date), in UTC. A seventh digit in front is the season (VDEW)."""
    said: dict[str, str] = {}
    for one in sets:
        code = read_address(one.address)
        if code is not None and code.period is None:
            said.setdefault(code.code.partition(":")[2], one.value)
    time_digits, date_digits = (re.sub(r"[-:./ ]", "", said.get(code, "")) for code in ("0.9.1", "0.9.2"))
    season = next((digits[0] for digits in (time_digits, date_digits) if len(digits) == 7), "")
    day, clock = _date_of(date_digits), _time_of(time_digits)
    if day is None or clock is None or not _CENTURY <= day.year < _CENTURY + 100:
        return None
    local = datetime.combine(day, clock)
    if season == "2":
        return local.replace(tzinfo=UTC)
    return utc_of_local(local, zone, None if season == "" else season == "1")


def _date_of(digits: str) -> date | None:
    if not re.fullmatch(r"[0-9]{6,8}", digits):
        return None
    year = int(digits[:4]) if len(digits) == 8 else _CENTURY + int(digits[-6:-4])
    try:
        return date(year, int(digits[-4:-2]), int(digits[-2:]))
    except ValueError:
        return None


def _time_of(digits: str) -> time | None:
    if not re.fullmatch(r"[0-9]{6,7}", digits):
        return None
    try:
        return time(int(digits[-6:-4]), int(digits[-4:-2]), int(digits[-2:]))
    except ValueError:
        return None
