"""Typed values out of 16-bit Modbus registers, without any I/O. Energy leaves as whole watt-hours, never as a float."""

import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from gateway_agent.protocols.energy import Energy, InvalidRegister, energy_of

RegisterType = Literal["float32", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
WordOrder = Literal["big", "little"]

REGISTER_COUNTS: dict[str, int] = {
    "float32": 2,
    "int16": 1,
    "uint16": 1,
    "int32": 2,
    "uint32": 2,
    "int64": 4,
    "uint64": 4,
}
ENERGY_UNITS_WH: dict[str, Fraction] = {
    "Wh": Fraction(1),
    "0.1 kWh": Fraction(100),
    "0.01 kWh": Fraction(10),
    "kWh": Fraction(1000),
    "MWh": Fraction(1_000_000),
}
"""How many Wh one count of a register stands for, by the unit a profile declares."""

_FORMATS = {
    "float32": ">f",
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
}
_LARGEST = {
    name: 2 ** (16 * count - (0 if name.startswith("u") else 1)) - 1
    for name, count in REGISTER_COUNTS.items()
    if name != "float32"
}


def decode(registers: Sequence[int], type_name: RegisterType, word_order: WordOrder = "big") -> Fraction:
    """The exact value of `registers`; bytes within a register are always big-endian (Modbus V1.1b3, 4.2).

    Raises InvalidRegister.
    """
    raw = _bytes_of(registers, type_name, word_order)
    (value,) = struct.unpack(_FORMATS[type_name], raw)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRegister(f"the register holds {value}: the meter has no value there")
    return Fraction(value)


def decode_energy(
    registers: Sequence[int], type_name: RegisterType, unit: str, word_order: WordOrder = "big"
) -> Energy:
    """The energy in `registers` with its resolution. Raises InvalidRegister.

    The largest value of an integer type is how meters say that they have none, or that the register ran over.
    """
    value = decode(registers, type_name, word_order)
    if value == _LARGEST.get(type_name):
        raise InvalidRegister(f"the register holds {value}, the mark of no value")
    return energy_of(value, ENERGY_UNITS_WH[unit], is_float32=type_name == "float32")


def encode(value: float, type_name: RegisterType, word_order: WordOrder = "big") -> list[int]:
    """The registers that hold `value`: the meter's side of `decode`."""
    raw = struct.pack(_FORMATS[type_name], value)
    words = [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
    return words if word_order == "big" else words[::-1]


def _bytes_of(registers: Sequence[int], type_name: RegisterType, word_order: WordOrder) -> bytes:
    count = REGISTER_COUNTS[type_name]
    if len(registers) != count:
        raise InvalidRegister(f"{type_name} takes {count} register(s), not {len(registers)}")
    if not all(0 <= register <= 0xFFFF for register in registers):
        raise InvalidRegister("a Modbus register is 16 bits")
    words = registers if word_order == "big" else registers[::-1]
    return b"".join(register.to_bytes(2, "big") for register in words)
