"""Energy and token amounts as integers, and the one conversion between them."""

from typing import NewType

WattHours = NewType("WattHours", int)
"""Energy, in Wh. Registers and intervals are whole watt-hours everywhere."""

TokenAmount = NewType("TokenAmount", int)
"""Token base units, 0 to 2^256 - 1. 10^18 base units are 1 KWH."""

BASE_UNITS_PER_WH = 10**15
AMOUNT_MAX = 2**256 - 1


def base_units(energy: WattHours) -> TokenAmount:
    """The token amount that stands for `energy`. Raises ValueError if it is negative or exceeds uint256."""
    amount = energy * BASE_UNITS_PER_WH
    if not 0 <= amount <= AMOUNT_MAX:
        raise ValueError(f"{energy} Wh is no mintable amount of energy")
    return TokenAmount(amount)


def watt_hours(amount: TokenAmount) -> WattHours:
    """The energy that `amount` stands for. Raises ValueError unless it is a whole number of watt-hours."""
    energy, rest = divmod(amount, BASE_UNITS_PER_WH)
    if rest or amount < 0:
        raise ValueError(f"{amount} base units are not a whole number of watt-hours")
    return WattHours(energy)


def kwh_text(amount: TokenAmount, places: int = 3) -> str:
    """`amount` as decimal kilowatt-hours for people, cut (never rounded up) to `places` decimals, 0 to 18."""
    scale = 10 ** (18 - places)
    whole, part = divmod(abs(amount) // scale, 10**places)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{places}d}" if places else f"{sign}{whole}"
