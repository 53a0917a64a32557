"""SunSpec chains: every model's energy, marks of what is missing, and chains that break the rules or never end."""

import contextlib
from collections.abc import Generator, Mapping
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_agent.protocols import sunspec
from gateway_agent.protocols.energy import InvalidRegister
from gateway_agent.protocols.sunspec import Content, FoundModel, NotImplementedPoint, NotSunSpec, Wanted
from tests.support.meter_vectors import meter_vectors
from tests.support.modbus_servers import chain_of
from tests.support.sunspec_models import (
    common,
    float32,
    float_inverter,
    float_meter,
    integer_inverter,
    integer_meter,
    model,
    words32,
)

Result = TypeVar("Result")
VECTORS = [vector for vector in meter_vectors("modbus") if vector["family"] == "modbus-registers-sunspec"]
KOSTAL = (1, 103, 113, 120, 123, 160, 203, 802)


def answered(questions: Generator[Wanted, Content, Result], memory: Mapping[int, int]) -> tuple[Result, int]:
    """Run a coroutine against `memory`; the result, and how many registers were asked for."""
    asked, content = 0, None
    try:
        address, count = next(questions)
        while True:
            asked += count
            words = [memory[at] for at in range(address, address + count) if at in memory]
            content = words if len(words) == count else None
            address, count = questions.send(content)
    except StopIteration as done:
        result: Result = done.value
        return result, asked


def memory_of(registers: Mapping[int, list[int]]) -> dict[int, int]:
    return {address + at: word for address, words in registers.items() for at, word in enumerate(words)}


def content_of(found: FoundModel, memory: Mapping[int, int]) -> list[int]:
    return [memory[at] for at in range(found.address, found.address + found.length + 2)]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["id"])
def test_vector(vector: dict[str, object]) -> None:
    base, words, expected = vector["base"], vector["registers"], vector["expected"]
    assert isinstance(base, int) and isinstance(words, list) and isinstance(expected, dict)
    memory = memory_of({base: words})
    chain, _ = answered(sunspec.discover(), memory)
    assert [[each.model, each.length] for each in chain] == expected["models"]
    keys: dict[sunspec.PointName, str] = {
        "WH": "inverter_wh",
        "TotWhImp": "meter_import_wh",
        "TotWhExp": "meter_export_wh",
    }
    for point, key in keys.items():
        counted = []
        for each in chain:
            with contextlib.suppress(NotImplementedPoint):
                if sunspec.has_point(each.model, point):
                    counted.append(sunspec.energy(each.model, point, content_of(each, memory)).wh)
        assert counted[:1] == [expected[key]] if expected.get(key) is not None else not counted


@pytest.mark.parametrize("base", [40000, 50000, 0])
@pytest.mark.parametrize("length", [65, 66])
def test_the_order_of_models_is_free(base: int, length: int) -> None:
    models = [
        common("90342SA1", "KOSTAL", "PLENTICORE", length=length),
        integer_inverter(103, 1_234_567, 1),
        float_inverter(113, 12_345_670.0),
        model(120, {}),
        model(123, {}),
        model(160, {}),
        integer_meter(203, 18_089, 21_267, 3),
        model(802, {}),
    ]
    memory = memory_of(chain_of(base, models))
    chain, _ = answered(sunspec.discover(), memory)
    assert tuple(each.model for each in chain) == KOSTAL
    identity, _ = answered(sunspec.identify(chain), memory)
    assert (identity.manufacturer, identity.device, identity.version) == ("KOSTAL", "PLENTICORE", "1.0")
    assert identity.serial == "90342SA1"
    inverter = sunspec.energy(103, "WH", content_of(chain[1], memory))
    assert (inverter.wh, inverter.resolution_wh) == (12_345_670, 10)
    assert sunspec.energy(113, "WH", content_of(chain[2], memory)).wh == 12_345_670
    assert sunspec.power_w(103, content_of(chain[1], memory)) == 4000
    assert sunspec.power_w(113, content_of(chain[2], memory)) == 4000
    assert sunspec.power_w(203, content_of(chain[6], memory)) == -2000


@pytest.mark.parametrize("number", [101, 102, 103])
@pytest.mark.parametrize(
    ("exponent", "wh", "resolution_wh"), [(-2, 260_000, 1), (0, 26_000_000, 1), (3, 26 * 10**9, 1000)]
)
def test_integer_inverters(number: int, exponent: int, wh: int, resolution_wh: int) -> None:
    energy = sunspec.energy(number, "WH", [number, 50, *integer_inverter(number, 26_000_000, exponent)[1]])
    assert (energy.wh, energy.resolution_wh) == (wh, resolution_wh)


@pytest.mark.parametrize("number", [111, 112, 113])
def test_float_inverters(number: int) -> None:
    energy = sunspec.energy(number, "WH", [number, 60, *float_inverter(number, 123_456_789.0)[1]])
    assert (energy.wh, energy.resolution_wh) == (123_456_792, 8)


@pytest.mark.parametrize("number", [201, 202, 203, 204])
def test_integer_meters(number: int) -> None:
    content = [number, 105, *integer_meter(number, 4_000_000_000, 7, 0)[1]]
    assert sunspec.energy(number, "TotWhImp", content).wh == 4_000_000_000
    assert sunspec.energy(number, "TotWhExp", content).wh == 7


@pytest.mark.parametrize("number", [211, 212, 213, 214])
def test_float_meters(number: int) -> None:
    content = [number, 124, *float_meter(number, 1_000_000.5, 0.0)[1]]
    assert sunspec.energy(number, "TotWhImp", content).wh == 1_000_001
    assert sunspec.energy(number, "TotWhExp", content).wh == 0
    assert sunspec.power_w(number, content) == -2000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({24: words32(0), 26: [0]}, "accumulated"),
        ({24: words32(0xFFFFFFFF), 26: [0]}, "accumulated"),
        ({24: words32(5), 26: [0x8000]}, "scale factor is not given"),
        ({24: words32(5), 26: [11]}, "outside -10 to 10"),
        ({24: words32(5), 26: [0xFFF5]}, "outside -10 to 10"),
    ],
)
def test_what_an_integer_model_does_not_have(content: dict[int, list[int]], reason: str) -> None:
    with pytest.raises(InvalidRegister, match=reason):
        sunspec.energy(103, "WH", [103, 50, *model(103, content)[1]])


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ([0x7FC0, 0], NotImplementedPoint),
        ([0xFFFF, 0xFFFF], NotImplementedPoint),
        ([0x7F80, 0], InvalidRegister),
        (float32(-1.0), InvalidRegister),
    ],
)
def test_what_a_float_model_does_not_have(words: list[int], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        sunspec.energy(113, "WH", [113, 60, *model(113, {32: words})[1]])


def test_a_power_that_is_not_measured() -> None:
    with pytest.raises(NotImplementedPoint):
        sunspec.power_w(103, [103, 50, *model(103, {14: [0x8000, 0]})[1]])
    with pytest.raises(InvalidRegister):
        sunspec.energy(103, "W", [103, 50, *integer_inverter(103, 1, 0)[1]])


@pytest.mark.parametrize(
    ("memory", "reason"),
    [
        ({}, "no SunSpec marker at 40000, 50000, 0"),
        ({40000: [0x5375, 0x6E54]}, "no SunSpec marker"),
        ({40000: [0x5375, 0x6E53]}, "breaks off at register 40002, after no model"),
        ({40000: [0x5375, 0x6E53, 1, 1, 7]}, "breaks off at register 40005, after models 1"),
        ({40000: [0x5375, 0x6E53, 103, 65000]}, "reaches beyond"),
        ({40000: [0x5375, 0x6E53, 0, 5]}, "model 0 at register 40002"),
        ({40000: [0x5375, 0x6E53] + [64000, 0] * 12000}, "more than 64 models"),
    ],
)
def test_a_chain_that_is_none(memory: dict[int, list[int]], reason: str) -> None:
    with pytest.raises(NotSunSpec, match=reason):
        answered(sunspec.discover(), memory_of(memory))


def test_a_chain_that_ends_at_the_last_register() -> None:
    end = {65000: [0x5375, 0x6E53, 64000, 531], 65535: [0xFFFF]}
    chain, _ = answered(sunspec.discover((65000,)), memory_of(end))
    assert [each.model for each in chain] == [64000]
    with pytest.raises(NotSunSpec, match="no end"):
        answered(sunspec.discover((65000,)), memory_of({65000: [0x5375, 0x6E53, 64000, 532]}))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 0xFFFF), max_size=300))
def test_no_content_keeps_discovery_going(words: list[int]) -> None:
    memory = dict.fromkeys(range(0x10000), 1) | memory_of({40000: [0x5375, 0x6E53, *words]})
    try:
        chain, asked = answered(sunspec.discover(), memory)
    except NotSunSpec:
        return
    assert len(chain) <= sunspec.MODELS_MAX and asked <= 2 * (sunspec.MODELS_MAX + 4)


def test_a_model_that_moved_or_is_too_short() -> None:
    found = FoundModel(103, 40070, 50)
    sunspec.check_head(found, [103, 50, 0])
    with pytest.raises(NotSunSpec, match="no longer"):
        sunspec.check_head(found, [113, 60, 0])
    assert sunspec.span_of(found, ["WH", "W"]) == (40070, 27)
    with pytest.raises(NotSunSpec, match="only 20"):
        sunspec.span_of(FoundModel(103, 40070, 20), ["WH"])
