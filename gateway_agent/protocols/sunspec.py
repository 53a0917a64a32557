"""SunSpec models (SunSpec information model specification 1.9; models 1, 101 to 103, 111 to 113, 201 to 204, 211 to 214).

Without any I/O: discovery and reading are coroutines that yield the registers they want and are sent their content.
Offsets count from the register that holds the model's number.
"""

import math
import struct
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from gateway_agent.protocols.energy import Energy, InvalidRegister, energy_of

BASES = (40000, 50000, 0)
"""Where the marker may stand, in the order in which it is looked for."""
MARKER = (0x5375, 0x6E53)
END = 0xFFFF
MODELS_MAX = 64
_ADDRESS_MAX = 0xFFFF
_SCALE_MAX = 10
_COMMON = 1

Wanted = tuple[int, int]
"""(address, number of registers)."""
Content = list[int] | None
"""The registers, or None if the device refuses to give them."""
PointName = Literal["WH", "TotWhImp", "TotWhExp", "W"]
POINT_NAMES: tuple[PointName, ...] = ("WH", "TotWhImp", "TotWhExp", "W")


class NotSunSpec(ValueError):
    """The device has no chain of models, or one that breaks the specification."""


class NotImplementedPoint(InvalidRegister):
    """The device marks the value as one that it does not have."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model in a device's chain."""

    model: int
    address: int
    """Of the register that holds the model's number."""
    length: int
    """Registers after the number and the length."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the device says it is (model 1)."""

    manufacturer: str
    device: str
    version: str
    serial: str


@dataclass(frozen=True, slots=True)
class _Point:
    offset: int
    kind: Literal["acc32", "int16", "float32"]
    scale_offset: int | None = None

    @property
    def end(self) -> int:
        return max(self.offset + (1 if self.kind == "int16" else 2), (self.scale_offset or 0) + 1)


def _same(models: Sequence[int], points: dict[PointName, _Point]) -> dict[int, dict[PointName, _Point]]:
    return dict.fromkeys(models, points)


_POINTS: dict[int, dict[PointName, _Point]] = (
    _same((101, 102, 103), {"WH": _Point(24, "acc32", 26), "W": _Point(14, "int16", 15)})
    | _same((111, 112, 113), {"WH": _Point(32, "float32"), "W": _Point(22, "float32")})
    | _same(
        (201, 202, 203, 204),
        {
            "TotWhExp": _Point(38, "acc32", 54),
            "TotWhImp": _Point(46, "acc32", 54),
            "W": _Point(18, "int16", 22),
        },
    )
    | _same(
        (211, 212, 213, 214),
        {"TotWhExp": _Point(60, "float32"), "TotWhImp": _Point(68, "float32"), "W": _Point(28, "float32")},
    )
)
KNOWN_MODELS = tuple(sorted(_POINTS))
ENERGY_POINTS: tuple[PointName, ...] = ("WH", "TotWhImp", "TotWhExp")


def has_point(model: int, point: PointName) -> bool:
    """Whether `model` defines `point`."""
    return point in _POINTS.get(model, {})


def discover(bases: Sequence[int] = BASES) -> Generator[Wanted, Content, tuple[FoundModel, ...]]:
    """Find the chain and walk it to its end. Raises NotSunSpec.

    Every step goes forward in 65,536 registers, and there are at most 64 models: no device can keep it going.
    """
    for base in bases:
        if (yield (base, 2)) == list(MARKER):
            return (yield from _walk(base + 2))
    raise NotSunSpec(f"no SunSpec marker at {', '.join(str(base) for base in bases)}")


def _walk(address: int) -> Generator[Wanted, Content, tuple[FoundModel, ...]]:
    found: list[FoundModel] = []
    while address <= _ADDRESS_MAX:
        head = (yield (address, 2)) if address < _ADDRESS_MAX else (yield (address, 1))
        if not head:
            raise NotSunSpec(f"the chain of models breaks off at register {address}, after {_names(found)}")
        if head[0] == END:
            return tuple(found)
        if len(found) == MODELS_MAX:
            raise NotSunSpec(f"more than {MODELS_MAX} models: this is no SunSpec chain")
        if len(head) < 2 or head[0] == 0 or address + 2 + head[1] > _ADDRESS_MAX + 1:
            raise NotSunSpec(f"model {head[0]} at register {address} reaches beyond the last register")
        found.append(FoundModel(head[0], address, head[1]))
        address += 2 + head[1]
    raise NotSunSpec(f"the chain of models has no end, after {_names(found)}")


def _names(found: Sequence[FoundModel]) -> str:
    return f"models {', '.join(str(each.model) for each in found)}" if found else "no model"


def identify(chain: Sequence[FoundModel]) -> Generator[Wanted, Content, Identity]:
    """The texts of model 1; empty where the device gives none."""
    common = next((each for each in chain if each.model == _COMMON), None)
    content = (yield (common.address, 66)) if common is not None and common.length >= 64 else None
    if content is None or len(content) < 66:
        return Identity("", "", "", "")
    return Identity(_text(content[2:18]), _text(content[18:34]), _text(content[42:50]), _text(content[50:66]))


def span_of(model: FoundModel, points: Sequence[PointName]) -> Wanted:
    """The registers to read for `points` of `model`, from its number on. Raises NotSunSpec if it is too short."""
    end = max(_POINTS[model.model][point].end for point in points)
    if end > model.length + 2:
        raise NotSunSpec(f"model {model.model} at register {model.address} is only {model.length} registers long")
    return model.address, end


def check_head(model: FoundModel, content: Sequence[int]) -> None:
    """Raises NotSunSpec if `content` is not where the model was found: the device was reconfigured."""
    if list(content[:2]) != [model.model, model.length]:
        raise NotSunSpec(f"model {model.model} is no longer at register {model.address}")


def energy(model: int, point: PointName, content: Sequence[int]) -> Energy:
    """The register `point` in `content`. Raises NotImplementedPoint or InvalidRegister."""
    place = _POINTS[model][point]
    words = content[place.offset : place.offset + 2]
    if place.kind == "float32":
        return energy_of(_float32(words), Fraction(1), is_float32=True)
    if place.kind != "acc32" or place.scale_offset is None:
        raise InvalidRegister(f"{point} is no energy")
    count = words[0] << 16 | words[1]
    if count in (0, 0xFFFFFFFF):
        raise NotImplementedPoint("nothing is accumulated there")
    return energy_of(Fraction(count), _scale(content[place.scale_offset]), is_float32=False)


def power_w(model: int, content: Sequence[int]) -> int:
    """The power, cut to whole W. Raises NotImplementedPoint or InvalidRegister."""
    place = _POINTS[model]["W"]
    if place.kind == "float32":
        return int(_float32(content[place.offset : place.offset + 2]))
    raw = content[place.offset]
    if raw == 0x8000 or place.scale_offset is None:
        raise NotImplementedPoint("the device measures no power")
    return int((raw - 0x10000 if raw & 0x8000 else raw) * _scale(content[place.scale_offset]))


def _scale(register: int) -> Fraction:
    if register == 0x8000:
        raise NotImplementedPoint("the scale factor is not given")
    exponent = register - 0x10000 if register & 0x8000 else register
    if abs(exponent) > _SCALE_MAX:
        raise InvalidRegister(f"a scale factor of {exponent} is outside -10 to 10")
    return Fraction(10) ** exponent


def _float32(words: Sequence[int]) -> Fraction:
    (value,) = struct.unpack(">f", struct.pack(">HH", *words))
    if math.isnan(value):
        raise NotImplementedPoint("the device has no value there")
    if math.isinf(value):
        raise InvalidRegister("the register holds an infinite value")
    return Fraction(value)


def _text(words: Sequence[int]) -> str:
    raw = b"".join(word.to_bytes(2, "big") for word in words)
    readable = raw.split(b"\0", 1)[0].decode("latin-1")
    return "".join(each for each in readable if each.isprintable()).strip()
