"""Makes samples of the telegrams of text and SML meters: which of their registers are the energy that is settled. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway_agent.protocols.quantity import DamagedTelegram, MeterTelegram, Quantity, total
from gateway_agent.reading import MeterSample, RawRegister

Sum = tuple[str, ...]
"""Registers that are added, by OBIS code."""

STAYS_DIFFERENT = 3
WH_MAX = 10**15
"""More than any connection carries in the life of a meter."""
_KWH_POWER = 3
_KWH = 10**_KWH_POWER


@dataclass(slots=True)
class SampleBuilder:
    """Makes one sample of each telegram of one meter.

    `registers` gives the ways to find each register, best first: the register itself, or the sum of its tariffs. A way
    counts only if it leaves no other tariff with energy out. The way once found is kept: a telegram in which a register
    is missing must not make the sum fall.
    """

    registers: Mapping[str, tuple[Sum, ...]]
    watch_steps: bool = False
    """The meter may show whole kWh until its PIN is entered, whatever its scaler says."""
    _ways: dict[str, Sum] = field(default_factory=dict, init=False)
    _different: int = field(default=0, init=False)
    _fine_steps_seen: bool = field(default=False, init=False)

    def sample(self, telegram: MeterTelegram, frame: bytes | None = None) -> MeterSample:
        """The sample of `telegram`. Raises DamagedTelegram if it holds no usable energy."""
        said = telegram.by_obis()
        ways = {target: way for target, choices in self.registers.items() if (way := _way(target, choices, said))}
        if not ways:
            raise DamagedTelegram(f"it holds none of {', '.join(self.registers)}; it holds {_listed(said)}")
        self._keep(ways)
        sums = {target: total([said[code] for code in way]) for target, way in ways.items()}
        for target, quantity in sums.items():
            if quantity.unit != "Wh" or not 0 <= quantity.whole <= WH_MAX:
                raise DamagedTelegram(f"{target} is {quantity.decimal} {quantity.unit}: no energy register")
        return MeterSample(
            registers_wh={target: quantity.whole for target, quantity in sums.items()},
            meter_serial=telegram.serial,
            meter_at=telegram.meter_at,
            resolution_wh=self._resolution([said[code] for way in ways.values() for code in way]),
            powers_w={code: each.whole for code, each in said.items() if each.unit == "W" and ".7." in code},
            frame=frame,
            raw={target: RawRegister(quantity.raw, quantity.scaler, "Wh") for target, quantity in sums.items()},
        )

    def _keep(self, ways: dict[str, Sum]) -> None:
        if self._ways and ways != self._ways:
            self._different += 1
            if self._different < STAYS_DIFFERENT:
                raise DamagedTelegram(f"its registers are {_said(ways)}, before they were {_said(self._ways)}")
        self._ways, self._different = ways, 0

    def _resolution(self, added: list[Quantity]) -> int:
        by_scaler = max(quantity.resolution for quantity in added)
        if not self.watch_steps or by_scaler >= _KWH:
            return by_scaler
        counted = [quantity for quantity in added if quantity.raw]
        if any(quantity.raw % 10 ** max(0, _KWH_POWER - quantity.scaler) for quantity in counted):
            self._fine_steps_seen = True
        return by_scaler if self._fine_steps_seen or not counted else _KWH


def _way(target: str, choices: tuple[Sum, ...], said: Mapping[str, Quantity]) -> Sum | None:
    group = target.rpartition(".")[0] + "."
    for choice in choices:
        if not all(code in said for code in choice):
            continue
        left_out = [
            code
            for code, quantity in said.items()
            if code.startswith(group) and code != target and code not in choice and quantity.raw
        ]
        if target in choice or not left_out:
            return choice
    return None


def _said(ways: Mapping[str, Sum]) -> str:
    return ", ".join(f"{target} = {' + '.join(way)}" for target, way in ways.items())


def _listed(said: Mapping[str, Quantity]) -> str:
    codes = sorted(said)
    return ", ".join(codes[:8]) + (", ..." if len(codes) > 8 else "") if codes else "no register with a unit"
