"""Data of one M-Bus record (EN 13757-3, annex A): integers, BCD, float32, texts and dates, decoded exactly."""

import math
import struct
from dataclasses import dataclass
from datetime import date, datetime, time
from fractions import Fraction

Value = Fraction | str | bytes | date | datetime | time
"""Numbers are exact; a point in time is the meter's local time, which M-Bus gives no zone for."""

LVAR_TEXT_MAX = 0xBF
_FLOAT_SIZES = {4: "<f", 8: "<d"}
_TWO_THOUSANDS_TO = 80


@dataclass(frozen=True, slots=True)
class Unusable:
    """Data that the meter marks as invalid, or that are no value of their type."""

    reason: str


def integer(data: bytes) -> Fraction:
    """Type B: two's complement, low byte first."""
    return Fraction(int.from_bytes(data, "little", signed=True))


def bcd(data: bytes) -> Fraction | Unusable:
    """Type A: two digits a byte, low byte first; F in the highest digit is a minus. Other digits above 9 are no number."""
    digits = data[::-1].hex()
    sign = 1
    if digits.startswith("f"):
        sign, digits = -1, digits[1:]
    if not digits.isdecimal():
        return Unusable(f"BCD digits {data[::-1].hex().upper()} are no number")
    return Fraction(sign * int(digits))


def real(data: bytes) -> Fraction | Unusable:
    """Type H: IEEE 754, low byte first."""
    (value,) = struct.unpack(_FLOAT_SIZES[len(data)], data)
    return Fraction(value) if math.isfinite(value) else Unusable(f"the float is {value}")


def variable_length(lvar: int) -> int | None:
    """Bytes that follow the length byte `lvar`; None if it is reserved."""
    if lvar <= LVAR_TEXT_MAX:
        return lvar
    if lvar <= 0xC9:
        return lvar - 0xC0
    if 0xD0 <= lvar <= 0xD9:
        return lvar - 0xD0
    if 0xE0 <= lvar <= 0xEF:
        return lvar - 0xE0
    if 0xF0 <= lvar <= 0xFA:
        return lvar - 0xF0
    return None


def variable(lvar: int, data: bytes) -> Value | Unusable:
    """Data of variable length: a text (sent last character first), BCD, an integer or a float, as `lvar` says."""
    if lvar <= LVAR_TEXT_MAX:
        return text(data)
    if not data:
        return Unusable("a number of no bytes")
    if lvar <= 0xDF:
        number = bcd(data)
        if isinstance(number, Unusable) or number < 0:
            return Unusable(f"BCD digits {data[::-1].hex().upper()} are no number")
        return number if lvar <= 0xCF else -number
    if lvar <= 0xEF:
        return integer(data)
    return real(data) if len(data) in _FLOAT_SIZES else data


def text(data: bytes) -> str:
    """ISO 8859-1, sent last character first."""
    return data[::-1].decode("latin-1")


def date_g(data: bytes) -> date | Unusable:
    """Type G, two bytes."""
    return _day(data[0], data[1], 0)


def date_time_f(data: bytes) -> datetime | Unusable:
    """Type F, four bytes: whole minutes."""
    if data[0] & 0x80:
        return Unusable("the meter marks its time as invalid")
    return _instant(_day(data[2], data[3], data[1] >> 5 & 3), data[1] & 0x1F, data[0] & 0x3F, 0)


def date_time_i(data: bytes) -> datetime | Unusable:
    """Type I, six bytes: seconds."""
    if data[1] & 0x80:
        return Unusable("the meter marks its time as invalid")
    return _instant(_day(data[3], data[4], 0), data[2] & 0x1F, data[1] & 0x3F, data[0] & 0x3F)


def time_j(data: bytes) -> time | Unusable:
    """Type J, three bytes: a time of day."""
    try:
        return time(data[2] & 0x1F, data[1] & 0x3F, data[0] & 0x3F)
    except ValueError:
        return Unusable(f"{data.hex(' ')} is no time of day")


def point_in_time(data: bytes) -> Value | Unusable:
    """A date or time by its length: types G, J, F and I."""
    match len(data):
        case 2:
            return date_g(data)
        case 3:
            return time_j(data)
        case 4:
            return date_time_f(data)
        case 6:
            return date_time_i(data)
        case _:
            return Unusable(f"no type of date has {len(data)} bytes")


def _day(low: int, high: int, hundreds: int) -> date | Unusable:
    """A year of two digits is 1900 + 100 x `hundreds`; without hundreds 00 to 80 are 2000 to 2080 (annex A, type F)."""
    year = low >> 5 | high >> 1 & 0x78
    month, day = high & 0x0F, low & 0x1F
    century = 1900 + 100 * hundreds if hundreds or year > _TWO_THOUSANDS_TO else 2000
    if year > 99:
        return Unusable("the date is not set")
    try:
        return date(century + year, month, day)
    except ValueError:
        return Unusable(f"day {day} of month {month} is no date")


def _instant(day: date | Unusable, hour: int, minute: int, second: int) -> datetime | Unusable:
    if isinstance(day, Unusable):
        return day
    try:
        return datetime.combine(day, time(hour, minute, second))
    except ValueError:
        return Unusable(f"{hour:02d}:{minute:02d}:{second:02d} is no time of day")
