"""What simulated meters have counted: cumulative registers as a function of the instant, in integers throughout.

The same seed and instant give the same register, in every process and after every restart; registers never fall.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from community.clock import QUARTER_HOUR_S, as_utc, slot_at, slot_start

_WATT_SECONDS_PER_WH = 3600
_DAY_MIN = 1440

# Sunrise and sunset in Vienna (minutes of the UTC day) and clear-sky noon power (per mille of nameplate), mid-month.
_SUN = (
    (400, 927, 380),
    (360, 975, 520),
    (306, 1017, 680),
    (245, 1061, 790),
    (194, 1102, 840),
    (174, 1136, 850),
    (190, 1128, 840),
    (227, 1090, 800),
    (270, 1030, 710),
    (313, 968, 560),
    (361, 918, 400),
    (397, 902, 330),
)
# A household's usual power by hour of the day (Vienna winter time), in W, before chance.
_HOUSEHOLD_W = (
    130, 120, 115, 115, 120, 160, 340, 520, 430, 300, 260, 300,
    420, 360, 270, 260, 320, 520, 820, 900, 760, 560, 340, 190,
)  # fmt: skip


class Load(Protocol):
    """Mean power in each quarter-hour."""

    def power_w(self, slot: int) -> int:
        """Watts, never negative, from boundary `slot` to the next."""
        ...


@dataclass(frozen=True, slots=True)
class SunPower:
    """Feed-in of a photovoltaic plant in Vienna, with seasons, clouds and a dark night."""

    nameplate_w: int
    seed: str

    def power_w(self, slot: int) -> int:
        """At most 85 % of the nameplate."""
        middle = slot_start(slot) + timedelta(seconds=QUARTER_HOUR_S // 2)
        rise_min, set_min, clear = _sun_on(middle)
        minute = middle.hour * 60 + middle.minute
        if not rise_min < minute < set_min:
            return 0
        height = 4000 * (minute - rise_min) * (set_min - minute) // (set_min - rise_min) ** 2
        shape = height * (1000 + height) // 2000
        day, hour, now = slot // 96, slot // 4, slot
        cover = 450 + _chance(f"{self.seed}/day/{day}", 551)
        drift = 750 + _chance(f"{self.seed}/hour/{hour}", 251)
        flicker = 850 + _chance(f"{self.seed}/slot/{now}", 151)
        return self.nameplate_w * clear * shape * cover * drift * flicker // 10**15


@dataclass(frozen=True, slots=True)
class NightStandby:
    """What the plant's inverter draws while the sun is away."""

    sun: SunPower
    standby_w: int = 18

    def power_w(self, slot: int) -> int:
        """Nothing by day."""
        return 0 if self.sun.power_w(slot) else self.standby_w


@dataclass(frozen=True, slots=True)
class HouseholdPower:
    """A flat: a daily rhythm, chance, and now and then the oven or the washing machine."""

    seed: str

    def power_w(self, slot: int) -> int:
        """Between about 70 W and 4 kW."""
        hour = (slot // 4 + 1) % 24
        usual = _HOUSEHOLD_W[hour] * (600 + _chance(f"{self.seed}/slot/{slot}", 801)) // 1000
        awake = 6 <= hour < 22
        big = 900 + _chance(f"{self.seed}/size/{slot // 3}", 1800)
        return usual + (big if awake and _chance(f"{self.seed}/machine/{slot // 3}", 1000) < 70 else 0)


@dataclass(slots=True)
class CumulativeRegister:
    """A counter that stood at `opening_wh` until `since` and has followed `load` from then on."""

    load: Load
    since: datetime
    opening_wh: int
    _watt_seconds: list[int] = field(default_factory=lambda: [0])
    """Energy from the first slot to the begin of each later one."""

    def __post_init__(self) -> None:
        if self.opening_wh < 0:
            raise ValueError("a register cannot open below zero")
        self.since = slot_start(slot_at(as_utc(self.since)))

    def wh_at(self, instant: datetime) -> int:
        """The register at `instant`, cut to whole Wh."""
        instant = as_utc(instant)
        if instant <= self.since:
            return self.opening_wh
        first, slot = slot_at(self.since), slot_at(instant)
        while len(self._watt_seconds) <= slot - first:
            step = self.load.power_w(first + len(self._watt_seconds) - 1) * QUARTER_HOUR_S
            self._watt_seconds.append(self._watt_seconds[-1] + step)
        seconds = int((instant - slot_start(slot)).total_seconds())
        energy = self._watt_seconds[slot - first] + self.load.power_w(slot) * seconds
        return self.opening_wh + energy // _WATT_SECONDS_PER_WH

    def power_w_at(self, instant: datetime) -> int:
        """The power that moves the register at `instant`."""
        return self.load.power_w(slot_at(instant)) if as_utc(instant) >= self.since else 0


def _sun_on(instant: datetime) -> tuple[int, int, int]:
    """(sunrise, sunset, clear-sky noon) of the day, linear between the middles of two months."""
    month, days = instant.month - 1, instant.day - 15
    other = (month + (1 if days >= 0 else -1)) % 12
    share = min(abs(days), 30)
    rise, down, clear = (
        (here * (30 - share) + there * share) // 30 for here, there in zip(_SUN[month], _SUN[other], strict=True)
    )
    return rise, min(down, _DAY_MIN), clear


def _chance(name: str, below: int) -> int:
    """A number from 0 to `below` - 1 that depends on `name` alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % below
