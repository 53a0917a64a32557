"""One value of a meter as it stood on the wire: raw integer, scaler, unit; and its whole number in the unit.

COSEM scaler_unit: the value is raw x 10^scaler in the unit (DLMS Blue Book 4.3.2). No floats anywhere.
"""

from dataclasses import dataclass

SCALER_MAX = 9
"""Beyond, no meter's value makes sense."""

ENERGY_UNITS = ("Wh", "varh", "VAh")
POWER_UNITS = ("W", "var", "VA")
_UNITS = {
    8: "deg", 9: "°C", 13: "m3", 27: "W", 28: "VA", 29: "var", 30: "Wh", 31: "VAh", 32: "varh", 33: "A", 35: "V", 44: "Hz"
}  # fmt: skip
_COUNT = 0xFF


@dataclass(frozen=True, slots=True)
class Register:
    """A value by its OBIS code: `raw` x 10^`scaler` in `unit`."""

    raw: int
    scaler: int = 0
    unit: str | None = None
    """None for a mere count."""
    unit_sent: bool = True
    """Scaler and unit came with the value; else they follow from its OBIS code."""

    def __post_init__(self) -> None:
        if abs(self.scaler) > SCALER_MAX:
            raise ValueError(f"a scaler of {self.scaler} is no meter's")

    @property
    def whole(self) -> int:
        """In the unit, rounded down to a whole number: no register ever reads more than the meter counted."""
        if not self.scaler:
            return self.raw
        step: int = 10 ** abs(self.scaler)
        return self.raw * step if self.scaler > 0 else self.raw // step

    @property
    def resolution(self) -> int:
        """The least step of `whole`."""
        return int(10 ** max(self.scaler, 0))


def unit_name(code: int) -> str | None:
    """The unit by its COSEM number (DLMS Blue Book, table of units); None for a count or an unknown one."""
    return None if code == _COUNT else _UNITS.get(code)


_ACTIVE = (*(phase + quantity for phase in (0, 20, 40, 60) for quantity in (1, 2)), 15, 16)
_REACTIVE = tuple(phase + quantity for phase in (0, 20, 40, 60) for quantity in range(3, 9))
_APPARENT = tuple(phase + quantity for phase in (0, 20, 40, 60) for quantity in (9, 10))
_INTEGRAL, _POWERS = (8, 9), (4, 5, 6, 7)


def implied_unit(obis: bytes) -> str | None:
    """The unit that an electricity register has by its OBIS code, for meters that send none: whole Wh, W and so on."""
    if obis[0] != 1:
        return None
    quantity, kind = obis[2], obis[3]
    for quantities, energy, power in ((_ACTIVE, "Wh", "W"), (_REACTIVE, "varh", "var"), (_APPARENT, "VAh", "VA")):
        if quantity in quantities:
            return energy if kind in _INTEGRAL else power if kind in _POWERS else None
    return None


def obis_text(obis: bytes) -> str:
    """A-B:C.D.E, with *F unless F is 255."""
    text = f"{obis[0]}-{obis[1]}:{obis[2]}.{obis[3]}.{obis[4]}"
    return text if obis[5] == 0xFF else f"{text}*{obis[5]}"
