"""Every Modbus profile against real Modbus servers, over TCP and over a serial line."""

import struct
from dataclasses import replace
from typing import Any

import pytest

from gateway_agent.meters.modbus import ModbusMeter
from gateway_agent.meters.modbus_link import ModbusLink, RegisterRefused, rtu_link, tcp_link
from gateway_agent.meters.modbus_rtu import ModbusRtuMeter
from gateway_agent.meters.modbus_tcp import ModbusTcpMeter
from gateway_agent.meters.unreachable import MeterUnreachable
from gateway_agent.profiles import ModbusProfile, load_profile
from gateway_agent.protocols.modbus_registers import encode
from tests.support.brokers import free_port
from tests.support.meter_vectors import meter_vectors
from tests.support.modbus_servers import modbus_rtu, modbus_tcp
from tests.support.serial_pair import serial_pair

VECTORS = [vector for vector in meter_vectors("modbus") if vector["family"] == "modbus-registers"]
PROFILE_OF = {"Janitza": "janitza-umg604", "Eastron": "eastron-sdm630", "Carlo Gavazzi EM24": "carlo-gavazzi-em24"}


def registers_of(vector: dict[str, Any]) -> dict[int, list[int]]:
    return {int(address): words for address, words in vector["registers"].items()}


def profile_of(vector: dict[str, Any]) -> ModbusProfile:
    (name,) = [profile for maker, profile in PROFILE_OF.items() if vector["meter"].startswith(maker)]
    return modbus_profile(name)


def modbus_profile(name: str) -> ModbusProfile:
    profile = load_profile(name)
    assert isinstance(profile, ModbusProfile)
    return profile


async def check(meter: ModbusMeter, expected: dict[str, Any]) -> None:
    try:
        for _again in range(2):
            sample = await meter.read()
            assert sample.registers_wh["1-0:1.8.0"] == expected["import_wh"]
            assert sample.registers_wh["1-0:2.8.0"] == expected["export_wh"]
            if "power_w" in expected:
                assert sample.powers_w["1-0:16.7.0"] == int(expected["power_w"])
            if "serial" in expected:
                assert sample.meter_serial == str(expected["serial"])
            if "time_utc" in expected:
                assert sample.meter_at is not None
                assert f"{sample.meter_at:%Y-%m-%dT%H:%M:%SZ}" == expected["time_utc"]
    finally:
        meter.close()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["id"])
async def test_over_tcp(vector: dict[str, Any]) -> None:
    async with modbus_tcp(registers_of(vector), unit=7) as port:
        await check(ModbusTcpMeter(profile_of(vector), "127.0.0.1", port, 7), vector["expected"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["id"])
async def test_over_a_serial_line(vector: dict[str, Any]) -> None:
    async with serial_pair() as (near, far), modbus_rtu(registers_of(vector), far, unit=7):
        await check(ModbusRtuMeter(profile_of(vector), near, 7), vector["expected"])


async def test_an_adapter_that_hears_itself() -> None:
    vector = VECTORS[0]
    async with serial_pair(echo=True) as (near, far), modbus_rtu(registers_of(vector), far):
        await check(ModbusRtuMeter(profile_of(vector), near, 1, echo=True), vector["expected"])


async def test_carlo_gavazzi_em340_has_its_own_addresses() -> None:
    registers = {
        0x28: encode(-15_000, "int32", "little"),
        0x34: encode(1_234_567, "int32", "little"),
        0x4E: encode(89, "int32", "little"),
    }
    expected = {"import_wh": 123_456_700, "export_wh": 8_900, "power_w": -1500}
    async with modbus_tcp(registers) as port:
        meter = ModbusTcpMeter(modbus_profile("carlo-gavazzi-em340"), "127.0.0.1", port, 1)
        await check(meter, expected)
        wrong = ModbusTcpMeter(modbus_profile("carlo-gavazzi-em24"), "127.0.0.1", port, 1)
        with pytest.raises(MeterUnreachable, match="refuses"):
            await wrong.read()
        wrong.close()


async def test_the_serial_number_of_an_sdm630_where_it_has_one() -> None:
    registers = {
        0x48: encode(1.5, "float32"),
        0x4A: encode(0.25, "float32"),
        0xFC00: encode(19_012_345, "uint32"),
    }
    async with modbus_tcp(registers) as port:
        meter = ModbusTcpMeter(modbus_profile("eastron-sdm630"), "127.0.0.1", port, 1)
        sample = await meter.read()
        meter.close()
    assert sample.meter_serial == "19012345"
    assert sample.registers_wh == {"1-0:1.8.0": 1500, "1-0:2.8.0": 250}
    assert sample.raw_of("1-0:1.8.0").unit == "Wh" and not sample.powers_w


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([0x7FC0, 0], "nan"),
        ([0x7F80, 0], "inf"),
        (list(struct.unpack(">HH", struct.pack(">f", -1.0))), "never negative"),
    ],
)
async def test_what_is_no_energy_gives_no_reading(words: list[int], reason: str) -> None:
    async with modbus_tcp({0x48: words, 0x4A: [0, 0]}) as port:
        meter = ModbusTcpMeter(modbus_profile("eastron-sdm630"), "127.0.0.1", port, 1)
        with pytest.raises(MeterUnreachable, match=reason):
            await meter.read()
        meter.close()


async def test_a_time_that_is_none() -> None:
    janitza = modbus_profile("janitza-umg604")
    assert janitza.time is not None
    wide = replace(janitza, time=replace(janitza.time, type_name="int64"))
    async with modbus_tcp({4: encode(2**62, "int64"), 10176: [0, 1]}) as port:
        meter = ModbusTcpMeter(wide, "127.0.0.1", port, 1)
        with pytest.raises(MeterUnreachable, match="since 1970"):
            await meter.read()
        meter.close()


async def test_nobody_there() -> None:
    meter = ModbusTcpMeter(modbus_profile("eastron-sdm630"), "127.0.0.1", free_port(), 1, timeout_s=0.3)
    with pytest.raises(MeterUnreachable, match="Nothing answers"):
        await meter.read()
    async with serial_pair() as (near, _far):
        silent = ModbusRtuMeter(modbus_profile("eastron-sdm630"), near, 1, timeout_s=0.1)
        with pytest.raises(MeterUnreachable, match="did not answer"):
            await silent.read()
        silent.close()
    gone = ModbusRtuMeter(modbus_profile("eastron-sdm630"), "/dev/no-such-port", 1, timeout_s=0.3)
    with pytest.raises(MeterUnreachable, match="/dev/no-such-port"):
        await gone.read()


@pytest.mark.parametrize("change", [0x01, 0xFF])
async def test_no_changed_byte_of_an_answer_becomes_a_reading(change: int) -> None:
    """The check sequence of RTU covers all: whatever byte changes, in whatever answer, there is silence or a refusal."""
    spots: list[int] = []

    def damage(piece: bytes) -> bytes:
        return bytes(byte ^ (change if place in spots else 0) for place, byte in enumerate(piece))

    registers = {0x48: encode(1.5, "float32"), 0x4A: encode(0.25, "float32"), 0xFC00: encode(7, "uint32")}
    async with serial_pair(damage=damage) as (near, far), modbus_rtu(registers, far):
        link = rtu_link(near, 1, timeout_s=0.04)
        whole = await link.registers(4, 0x48, 4)
        for at in range(13):  # unit, function, length, eight bytes of content, two of the check sequence
            spots[:] = [at]
            with pytest.raises(MeterUnreachable):
                await link.registers(4, 0x48, 4)
        spots.clear()
        assert await link.registers(4, 0x48, 4) == whole
        link.close()


async def test_an_answer_that_ends_early_is_none() -> None:
    length = [100]
    registers = {0x48: encode(1.5, "float32"), 0x4A: encode(0.25, "float32")}
    async with serial_pair(damage=lambda piece: piece[: length[0]]) as (near, far), modbus_rtu(registers, far):
        link = rtu_link(near, 1, timeout_s=0.04)
        whole = await link.registers(4, 0x48, 4)
        for keep in range(13):
            length[0] = keep
            with pytest.raises(MeterUnreachable):
                await link.registers(4, 0x48, 4)
        length[0] = 100
        assert await link.registers(4, 0x48, 4) == whole
        link.close()


async def test_it_comes_back_after_a_loss() -> None:
    vector = VECTORS[0]
    async with serial_pair() as (near, far):
        meter = ModbusRtuMeter(profile_of(vector), near, 1, timeout_s=0.2)
        with pytest.raises(MeterUnreachable):
            await meter.read()
        async with modbus_rtu(registers_of(vector), far):
            await check(meter, vector["expected"])


@pytest.mark.parametrize("function", [1, 2, 5, 6, 15, 16, 22, 23])
async def test_a_link_has_no_way_to_write(function: int) -> None:
    link = tcp_link("127.0.0.1", free_port())
    with pytest.raises(ValueError, match="read registers"):
        await link.registers(function, 0, 1)


async def test_a_refused_register_is_told_from_silence() -> None:
    async with modbus_tcp({10: [1, 2]}) as port:
        link: ModbusLink = tcp_link("127.0.0.1", port)
        assert await link.registers(3, 10, 2) == await link.registers(4, 10, 2) == [1, 2]
        with pytest.raises(RegisterRefused):
            await link.registers(3, 500, 2)
        with pytest.raises(ValueError, match="1 to 125"):
            await link.registers(3, 0, 126)
        link.close()


@pytest.mark.parametrize("bits_format", ["9N1", "8X1", "8N3", "8N", ""])
def test_a_format_that_is_none(bits_format: str) -> None:
    with pytest.raises(ValueError, match="no format"):
        rtu_link("/dev/null", 1, 9600, bits_format)
