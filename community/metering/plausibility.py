"""Whether a register's new value can follow its last one: rollover, regression, reset, more than the installation can.

All in whole watt-hours, watts and seconds; comparisons are exact, without division.
"""

from dataclasses import dataclass
from datetime import datetime

from community.units import WattHours

MARGIN_PERCENT = 120
"""How much of the installation's power is still believed: meters and nameplates are not exact."""
JITTER_WH = WattHours(100)
"""A step back of at most this is a hiccup of the meter, not a reset."""


@dataclass(frozen=True, slots=True)
class RegisterState:
    """The last accepted value of a register."""

    at: datetime
    value_wh: int

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("the instant of a register value must have a time zone")
        if self.value_wh < 0:
            raise ValueError(f"a register cannot stand at {self.value_wh} Wh")


@dataclass(frozen=True, slots=True)
class RegisterLimits:
    """What is known of the register and the installation around it; None = not known, and then not checked."""

    modulus_wh: int | None = None
    """The register counts 0 to modulus - 1 and then starts again."""
    max_power_w: int | None = None
    margin_percent: int = MARGIN_PERCENT
    jitter_wh: int = JITTER_WH

    def __post_init__(self) -> None:
        if self.modulus_wh is not None and self.modulus_wh < 1:
            raise ValueError(f"a register's modulus must be positive, not {self.modulus_wh} Wh")
        if self.max_power_w is not None and self.max_power_w < 0:
            raise ValueError(f"an installation's power cannot be {self.max_power_w} W")
        if self.margin_percent < 100 or self.jitter_wh < 0:
            raise ValueError("the margin must be at least 100 percent and the jitter not negative")

    def allow(self, energy_wh: int, seconds: int) -> bool:
        """Whether the installation can move `energy_wh` in `seconds`."""
        if self.max_power_w is None:
            return True
        return energy_wh * 3600 * 100 <= self.max_power_w * self.margin_percent * seconds


@dataclass(frozen=True, slots=True)
class FirstReading:
    """Nothing to compare with: the value is accepted and creates no energy."""


@dataclass(frozen=True, slots=True)
class Advances:
    """The register rose by a plausible amount, perhaps none."""

    energy_wh: WattHours


@dataclass(frozen=True, slots=True)
class RolledOver:
    """The register passed its modulus and started again from zero."""

    energy_wh: WattHours


@dataclass(frozen=True, slots=True)
class Regression:
    """A small step back: the last accepted value stays, no energy."""

    fall_wh: WattHours


@dataclass(frozen=True, slots=True)
class ResetSuspected:
    """The register fell: quarantine, until a meter exchange is recorded or a person decides."""

    fall_wh: WattHours


@dataclass(frozen=True, slots=True)
class BeyondNameplate:
    """The register rose by more than the installation can move in that time."""

    energy_wh: WattHours


RegisterVerdict = FirstReading | Advances | RolledOver | Regression | ResetSuspected | BeyondNameplate


def judge_register(previous: RegisterState | None, new: RegisterState, limits: RegisterLimits) -> RegisterVerdict:
    """Whether `new` can follow `previous`, the last accepted value before it.

    Raises ValueError if `new` is not later than `previous`: order the readings first.
    """
    if previous is None:
        return FirstReading()
    if new.at <= previous.at:
        raise ValueError(f"a value of {new.at.isoformat()} cannot be judged after one of {previous.at.isoformat()}")
    seconds = int((new.at - previous.at).total_seconds())
    difference = new.value_wh - previous.value_wh
    if difference >= 0:
        energy = WattHours(difference)
        return Advances(energy) if limits.allow(difference, seconds) else BeyondNameplate(energy)
    if (rolled := _rolled_over(previous.value_wh, new.value_wh, limits, seconds)) is not None:
        return RolledOver(rolled)
    fall = WattHours(-difference)
    return Regression(fall) if fall <= limits.jitter_wh else ResetSuspected(fall)


def _rolled_over(before_wh: int, after_wh: int, limits: RegisterLimits, seconds: int) -> WattHours | None:
    """The energy across a rollover: from the last tenth of the register's range to its first, and plausible."""
    modulus = limits.modulus_wh
    if modulus is None or before_wh * 10 <= modulus * 9 or before_wh >= modulus or after_wh * 10 >= modulus:
        return None
    energy = after_wh + modulus - before_wh
    return WattHours(energy) if limits.allow(energy, seconds) else None
