"""What every kind of telegram comes down to: whole numbers with a power of ten and a unit, by OBIS code."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

RAW_MAX = 2**64
SCALER_MAX = 12


class Check(StrEnum):
    """Whether a telegram proves that it arrived as it was sent."""

    VALID = "valid"
    """It carries a check (block check character or CRC), and that is right."""
    ABSENT = "absent"
    """It carries none. A telegram with a wrong one is never given out."""


class DamagedTelegram(ValueError):
    """A telegram that cannot be trusted or not be understood. Its text says why."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """`raw` x 10^`scaler` `unit`, exactly as the meter sent it; prefixes such as the k of kWh are in the scaler."""

    raw: int
    scaler: int
    unit: str

    def __post_init__(self) -> None:
        if abs(self.raw) >= RAW_MAX or abs(self.scaler) > SCALER_MAX:
            raise DamagedTelegram(f"{self.raw} x 10^{self.scaler} is no value of a meter")

    @property
    def whole(self) -> int:
        """In whole units, rounded down."""
        power = int(10 ** abs(self.scaler))
        return self.raw * power if self.scaler >= 0 else self.raw // power

    @property
    def resolution(self) -> int:
        """The smallest step in whole units, at least 1."""
        return int(10 ** max(self.scaler, 0))

    @property
    def decimal(self) -> str:
        """The number in decimal digits, without its unit and without loss: 43730 x 10^-1 is 4373.0."""
        if self.scaler >= 0:
            return str(self.whole)
        digits = f"{abs(self.raw):0{1 - self.scaler}d}"
        sign = "-" if self.raw < 0 else ""
        return f"{sign}{digits[: self.scaler]}.{digits[self.scaler :]}"


@dataclass(frozen=True, slots=True)
class RegisterValue:
    """One present value of a meter."""

    obis: str
    """A-B:C.D.E, for example 1-0:1.8.0."""
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class MeterTelegram:
    """One whole telegram or readout of a meter."""

    values: tuple[RegisterValue, ...]
    """Its present values that have a unit; those of past billing periods are left out."""
    ident: str
    """The identification line without its slash, or the SML server id."""
    serial: str
    meter_at: datetime | None
    """The instant the meter itself gives, in UTC; None if it gives none."""
    check: Check
    raw: bytes
    """As received, from its first to its last byte."""

    def by_obis(self) -> dict[str, Quantity]:
        """Its values by OBIS code. Raises DamagedTelegram if two of them contradict each other."""
        found: dict[str, Quantity] = {}
        for value in self.values:
            if found.setdefault(value.obis, value.quantity) != value.quantity:
                raise DamagedTelegram(f"{value.obis} is there twice, with different values")
        return found


def total(quantities: list[Quantity]) -> Quantity:
    """The exact sum. Raises DamagedTelegram if they are not all of one unit."""
    units = {quantity.unit for quantity in quantities}
    if len(units) != 1:
        raise DamagedTelegram(f"{' and '.join(sorted(units))} cannot be added")
    scaler = min(quantity.scaler for quantity in quantities)
    raw = sum(quantity.raw * 10 ** (quantity.scaler - scaler) for quantity in quantities)
    return Quantity(raw, scaler, units.pop())


@dataclass(slots=True)
class Damage:
    """How many telegrams of a stream were dropped, and why the last one was."""

    count: int = 0
    reason: str = ""

    def note(self, reason: str) -> None:
        """One more telegram is dropped."""
        self.count += 1
        self.reason = reason
