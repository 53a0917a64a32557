"""From the [[meter]] table of the agent's file to a reading, for meters on M-Bus, Modbus RTU and SunSpec."""

from pathlib import Path

from gateway_agent.app import open_meter
from gateway_agent.meter_kinds import as_polled, close_meter
from gateway_agent.reading import MeterSample
from gateway_agent.settings import load_settings
from standalone.meters.mbus_bus import MbusBus
from tests.support.agents import write_agent_config
from tests.support.mbus_world import BAUD, DirectLink, serving, slave
from tests.support.modbus_servers import chain_of, modbus_rtu, modbus_tcp
from tests.support.serial_pair import serial_pair
from tests.support.sunspec_models import common, integer_inverter

SINK = '[sink.mqtt]\nurl = "mqtt://127.0.0.1:1883"'
SIGNER = 'backend = "development"\nkey_file = "dev.pem"'
METER = slave(7, "12345678", "04 03 88 13 00 00 04 83 3C D0 07 00 00")


async def read(folder: Path, meter: str) -> MeterSample:
    opened = open_meter(load_settings(write_agent_config(folder, meter, SINK, SIGNER)))
    polled = as_polled(opened)
    assert polled is not None
    try:
        return await polled.read()
    finally:
        close_meter(opened)


async def test_mbus(tmp_path: Path) -> None:
    async with serving(MbusBus([METER]), "serial", tmp_path) as link:
        assert not isinstance(link, DirectLink)
        port = link.where
        for address in ("7", "sec:12345678FFFFFFFF"):
            transport = f'{{ type = "mbus-serial", port = "{port}", baud = {BAUD}, address = "{address}" }}'
            sample = await read(tmp_path, f'profile = "mbus-generic"\ntransport = {transport}')
            assert sample.registers_wh == {"1-0:1.8.0": 5000, "1-0:2.8.0": 2000}


async def test_sunspec_over_tcp(tmp_path: Path) -> None:
    models = [common("SN1"), integer_inverter(103, 2632, 4)]
    async with modbus_tcp(chain_of(40000, models), 3) as port:
        transport = f'{{ type = "modbus-tcp", host = "127.0.0.1", port = {port}, unit = 3 }}'
        sample = await read(tmp_path, f'profile = "sunspec-inverter"\ntransport = {transport}')
    assert (sample.registers_wh, sample.meter_serial) == ({"1-0:2.8.0": 26_320_000}, "SN1")


async def test_modbus_over_a_serial_line(tmp_path: Path) -> None:
    registers = {0x28: [0, 0], 0x42: [54919, 18], 0x5C: [89, 0]}
    async with serial_pair() as (near, far), modbus_rtu(registers, far, unit=2):
        transport = f'{{ type = "modbus-rtu", port = "{near}", unit = 2 }}'
        sample = await read(tmp_path, f'profile = "carlo-gavazzi-em24"\ntransport = {transport}')
    assert sample.registers_wh == {"1-0:1.8.0": 123_456_700, "1-0:2.8.0": 8_900}
