"""Which record of an M-Bus telegram is the register that counts, chosen by what the records say, not by their place."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from gateway_agent.protocols.energy import Energy, InvalidRegister, energy_of
from gateway_agent.protocols.mbus_records import BACKWARD, FORWARD, Function, MbusRecord

Direction = Literal["import", "export"]
_PRESENT = (Function.INSTANTANEOUS, Function.ACTUAL)
_CORRECTIONS = frozenset({*range(0x70, 0x7C), 0x7D})
_SHOWN_MAX = 12


class NoRegister(ValueError):
    """The telegram does not hold the register, or holds several that differ. The text lists what it does hold."""


@dataclass(frozen=True, slots=True)
class RegisterRule:
    """Which record counts: energy in Wh of the present moment, of these tariffs and this subunit."""

    direction: Direction = "import"
    tariffs: tuple[int, ...] = (0,)
    """Several are added up."""
    subunit: int = 0
    storage: int = 0
    media: tuple[str, ...] = ()
    """Only for meters of these media; empty: of any."""
    optional: bool = False

    def __post_init__(self) -> None:
        if not self.tariffs or len(set(self.tariffs)) != len(self.tariffs):
            raise ValueError("tariffs must be named, each once")
        if min(*self.tariffs, self.subunit, self.storage, 0) < 0:
            raise ValueError("tariffs, subunits and storage numbers are not negative")


def choose_energy(records: Sequence[MbusRecord], rule: RegisterRule) -> Energy:
    """The register that `rule` describes. Raises NoRegister, or InvalidRegister if its content is unusable."""
    parts = [_of_tariff(records, rule, tariff) for tariff in rule.tariffs]
    if len(parts) == 1:
        return parts[0]
    exact = sum((part.exact for part in parts), Fraction(0))
    return Energy(exact.numerator // exact.denominator, max(part.resolution_wh for part in parts), exact)


def _of_tariff(records: Sequence[MbusRecord], rule: RegisterRule, tariff: int) -> Energy:
    energies = [record for record in records if _is_energy(record)]
    here = [
        record
        for record in energies
        if (record.storage, record.tariff, record.subunit) == (rule.storage, tariff, rule.subunit)
    ]
    chosen = _of_direction(here, rule.direction)
    what = f"{rule.direction} energy of tariff {tariff}, subunit {rule.subunit}, storage {rule.storage}"
    if not chosen:
        raise NoRegister(f"the meter sends no {what}; it sends {_shown(energies)}")
    if len({(record.value, record.problem) for record in chosen}) > 1:
        raise NoRegister(f"the meter sends {what} more than once: {_shown(chosen)}")
    record = chosen[0]
    if not isinstance(record.value, Fraction):
        raise InvalidRegister(f"{what}: {record.problem or 'it carries no number'}")
    return energy_of(record.value / record.scale, record.scale, is_float32=record.is_real)


def _is_energy(record: MbusRecord) -> bool:
    return record.quantity == "Energy" and record.unit == "Wh" and record.function in _PRESENT


def _of_direction(records: list[MbusRecord], direction: Direction) -> list[MbusRecord]:
    """Those that count this direction. A record that says "only while positive" wins over one that says nothing."""
    marks = [(record, set(record.extensions) - _CORRECTIONS) for record in records]
    if direction == "export":
        return [record for record, mark in marks if mark == {BACKWARD}]
    forward = [record for record, mark in marks if mark == {FORWARD}]
    return forward or [record for record, mark in marks if not mark]


def _shown(records: list[MbusRecord]) -> str:
    if not records:
        return "no energy in Wh at all"
    texts = [
        f"tariff {record.tariff} subunit {record.subunit} storage {record.storage}"
        + "".join(f" VIFE {code:02X}" for code in record.extensions)
        for record in records[:_SHOWN_MAX]
    ]
    return "; ".join(texts) + ("; ..." if len(records) > _SHOWN_MAX else "")
