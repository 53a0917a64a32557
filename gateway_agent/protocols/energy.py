"""Energy that a polled meter sends as a number of any kind, made whole watt-hours without losing anything on the way."""

import math
from dataclasses import dataclass
from fractions import Fraction

_FLOAT32_DIGITS = 24
_SCALER_MIN = -40


class InvalidRegister(ValueError):
    """Registers that hold no usable value: too few of them, not a number, infinite, or negative energy."""


@dataclass(frozen=True, slots=True)
class Energy:
    """A cumulative register: whole watt-hours, and the smallest step it can make at this height."""

    wh: int
    resolution_wh: int
    exact: Fraction
    """In Wh, before it was made whole."""

    def as_sent(self) -> tuple[int, int]:
        """(value, scaler): `exact` is value x 10^scaler Wh; a float is exact to 40 decimals."""
        if self.exact.denominator == 1:
            value, scaler = self.exact.numerator, 0
            while scaler < 12 and value and value % 10 == 0 and self.resolution_wh % 10 ** (scaler + 1) == 0:
                value, scaler = value // 10, scaler + 1
            return value, scaler
        scaler = 0
        while scaler > _SCALER_MIN and (self.exact * Fraction(10) ** -scaler).denominator != 1:
            scaler -= 1
        return math.floor(self.exact * Fraction(10) ** -scaler), scaler


def energy_of(count: Fraction, scale_wh: Fraction, *, is_float32: bool) -> Energy:
    """The energy of `count` times `scale_wh` Wh. Raises InvalidRegister if it is negative.

    Whole numbers of less than a Wh are cut, so that a register never runs ahead of its meter. A float32 was rounded by
    the meter already, to 24 binary digits (from 2^24 counts on its steps are larger than one count): it is brought to the
    nearest Wh, which keeps a kWh float's digits.
    """
    if count < 0:
        raise InvalidRegister(f"the register holds {float(count)}: a cumulative register is never negative")
    exact = count * scale_wh
    step = float32_step(count) if is_float32 else Fraction(1)
    wh = math.floor(exact + Fraction(1, 2)) if is_float32 else math.floor(exact)
    return Energy(wh, max(1, math.ceil(step * scale_wh)), exact)


def float32_step(value: Fraction) -> Fraction:
    """The distance to the next larger float32, for values from 0 on."""
    exponent = math.floor(value).bit_length() - _FLOAT32_DIGITS
    return Fraction(2) ** exponent
