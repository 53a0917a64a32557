"""SunSpec devices behind real Modbus servers: found by discovery and read by what they offer."""

import pytest

from gateway_agent.meters.modbus_link import rtu_link, tcp_link
from gateway_agent.meters.sunspec import DiscoveredModel, SunSpecMeter, discover_sunspec
from gateway_agent.meters.unreachable import MeterUnreachable
from gateway_agent.profiles import SunSpecProfile, load_profile
from gateway_agent.reading import MeterSample
from tests.support.meter_vectors import meter_vectors
from tests.support.modbus_servers import Registers, chain_of, modbus_rtu, modbus_tcp
from tests.support.serial_pair import serial_pair
from tests.support.sunspec_models import common, float_inverter, float_meter, integer_inverter, integer_meter, model

VECTORS = [vector for vector in meter_vectors("modbus") if vector["family"] == "modbus-registers-sunspec"]
PLANT = [
    common("90342SA1", "KOSTAL"),
    integer_inverter(103, 1_234_567, 1),
    float_inverter(113, 12_345_670.0),
    model(120, {}),
    integer_meter(203, 18_089, 21_267, 3),
    model(802, {}),
]


def profile(name: str) -> SunSpecProfile:
    loaded = load_profile(name)
    assert isinstance(loaded, SunSpecProfile)
    return loaded


async def read(name: str, registers: Registers, unit: int = 1) -> MeterSample:
    async with modbus_tcp(registers, unit) as port:
        meter = SunSpecMeter(profile(name), tcp_link("127.0.0.1", port, unit))
        try:
            first = await meter.read()
            assert await meter.read() == first
            return first
        finally:
            meter.close()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["id"])
async def test_vector(vector: dict[str, object]) -> None:
    base, words, expected = vector["base"], vector["registers"], vector["expected"]
    assert isinstance(base, int) and isinstance(words, list) and isinstance(expected, dict)
    registers = {base: words}
    await check("sunspec-inverter", registers, {"1-0:2.8.0": expected.get("inverter_wh")})
    meter = {"1-0:1.8.0": expected.get("meter_import_wh"), "1-0:2.8.0": expected.get("meter_export_wh")}
    await check("sunspec-meter", registers, meter)


async def check(name: str, registers: Registers, expected: dict[str, int | None]) -> None:
    """The registers that are expected, and no others; without any, no reading."""
    wanted = {obis: wh for obis, wh in expected.items() if wh is not None}
    if wanted:
        assert (await read(name, registers)).registers_wh == wanted
        return
    with pytest.raises(MeterUnreachable):
        await read(name, registers)


@pytest.mark.parametrize("base", [40000, 50000, 0])
async def test_a_plant_with_inverter_and_meter(base: int) -> None:
    registers = chain_of(base, PLANT)
    inverter = await read("sunspec-inverter", registers)
    assert (inverter.registers_wh, inverter.meter_serial) == ({"1-0:2.8.0": 12_345_670}, "90342SA1")
    assert inverter.powers_w == {"1-0:2.7.0": 4000} and inverter.resolution_wh == 10
    assert (inverter.raw["1-0:2.8.0"].value, inverter.raw["1-0:2.8.0"].scaler) == (1_234_567, 1)
    meter = await read("sunspec-meter", registers)
    assert meter.registers_wh == {"1-0:1.8.0": 18_089_000, "1-0:2.8.0": 21_267_000}


@pytest.mark.parametrize("unit", [240, 200, 1])
@pytest.mark.parametrize("kind", [integer_meter(203, 18_089, 21_267, 3), float_meter(213, 18_089_000.0, 21_267_000.0)])
async def test_fronius_integer_or_float(unit: int, kind: tuple[int, list[int]]) -> None:
    assert unit in profile("fronius-smart-meter").units
    sample = await read("fronius-smart-meter", chain_of(40000, [common("12345678", "Fronius"), kind]), unit)
    assert sample.registers_wh == {"1-0:1.8.0": 18_089_000, "1-0:2.8.0": 21_267_000}
    assert sample.powers_w == {"1-0:16.7.0": -2000}


async def test_over_a_serial_line() -> None:
    registers = chain_of(40000, PLANT)
    async with serial_pair() as (near, far), modbus_rtu(registers, far, unit=3, baud=19_200):
        meter = SunSpecMeter(profile("sunspec-meter"), rtu_link(near, 3, 19_200, "8N2"))
        assert (await meter.read()).registers_wh["1-0:1.8.0"] == 18_089_000
        meter.close()


async def test_the_next_model_is_read_if_one_has_no_energy() -> None:
    models = [common("1"), integer_inverter(103, 0, 0), float_inverter(113, 5000.0)]
    assert (await read("sunspec-inverter", chain_of(40000, models))).registers_wh == {"1-0:2.8.0": 5000}
    only_import = [common("1"), integer_meter(203, 5, 0, 3)]
    assert (await read("sunspec-meter", chain_of(40000, only_import))).registers_wh == {"1-0:1.8.0": 5000}


@pytest.mark.parametrize(
    ("registers", "reason"),
    [
        (chain_of(40000, [common("1"), integer_inverter(103, 0, 0)]), "model 103: WH: nothing is accumulated"),
        (chain_of(40000, [common("1"), model(802, {})]), "the device has models 1, 802"),
        ({40000: [1, 2, 3]}, "no SunSpec marker"),
        ({40000: [0x5375, 0x6E53, 1, 66]}, "breaks off"),
    ],
)
async def test_why_there_is_no_reading(registers: Registers, reason: str) -> None:
    with pytest.raises(MeterUnreachable, match=reason):
        await read("sunspec-inverter", registers)


async def test_a_device_that_was_reconfigured_is_met_again() -> None:
    before = chain_of(40000, [common("1"), integer_meter(203, 5, 7, 3)])
    after = chain_of(40000, [common("1"), model(120, {}), float_meter(213, 5000.0, 7000.0)])
    async with serial_pair() as (near, far):
        meter = SunSpecMeter(profile("fronius-smart-meter"), rtu_link(near, 1, timeout_s=0.5))
        async with modbus_rtu(before, far):
            first = await meter.read()
        async with modbus_rtu(after, far):
            with pytest.raises(MeterUnreachable, match="no longer"):
                await meter.read()
            assert (await meter.read()).registers_wh == first.registers_wh
        meter.close()


async def test_discovery_shows_every_model_with_its_energy() -> None:
    async with modbus_tcp(chain_of(50000, PLANT)) as port:
        link = tcp_link("127.0.0.1", port)
        found: list[DiscoveredModel] = [each async for each in discover_sunspec(link)]
        link.close()
    assert [(each.found.model, each.found.length) for each in found] == [(number, len(body)) for number, body in PLANT]
    assert {each.identity.serial for each in found} == {"90342SA1"}
    energies = {each.found.model: {point: energy.wh for point, energy in each.energy.items()} for each in found}
    assert energies == {
        1: {},
        103: {"WH": 12_345_670},
        113: {"WH": 12_345_670},
        120: {},
        203: {"TotWhImp": 18_089_000, "TotWhExp": 21_267_000},
        802: {},
    }


async def test_discovery_of_nothing() -> None:
    async with modbus_tcp({10: [1]}) as port:
        link = tcp_link("127.0.0.1", port)
        with pytest.raises(MeterUnreachable, match="no SunSpec marker"):
            [each async for each in discover_sunspec(link)]
        link.close()
