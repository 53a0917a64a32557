"""Modbus register -> statement -> spool -> MQTT, against a real Modbus server, a real token and a real broker."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from community.attestation.device_message import BackendMessage
from community.clock import QUARTER_HOUR, slot_at, slot_start
from gateway_agent.app import build
from gateway_agent.secure_element.pkcs11 import Pkcs11Signer
from gateway_agent.settings import load_settings
from standalone.meters.janitza_server import JanitzaMeter, run_janitza_server
from standalone.meters.load_profiles import CumulativeRegister, NightStandby, SunPower
from tests.support.agents import backend, mqtt_sink, running, until, write_agent_config
from tests.support.brokers import RunningBroker, free_port, start_amqtt, start_mosquitto
from tests.support.manual_clock import ManualClock
from tests.support.ports import accepting
from tests.support.tokens import SoftToken

NOON = slot_start(slot_at(slot_start(0).replace(year=2026, month=6, day=21, hour=10)))
SUN = SunPower(30_000, "test")


def plant() -> JanitzaMeter:
    since = NOON - timedelta(hours=12)
    return JanitzaMeter(
        CumulativeRegister(NightStandby(SUN), since, 40_000), CumulativeRegister(SUN, since, 8_000_000), 60_400_042
    )


@asynccontextmanager
async def serving(meter: JanitzaMeter, port: int, clock: ManualClock) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_janitza_server(meter, "127.0.0.1", port, clock, stop))
    try:
        await accepting(port)
        yield
    finally:
        stop.set()
        await task


def modbus_meter(port: int) -> str:
    return f'profile = "janitza-umg604"\ntransport = {{ type = "modbus-tcp", host = "127.0.0.1", port = {port} }}'


def token_signer(folder: Path, token: SoftToken, key: str) -> str:
    (folder / "pin").write_text(token.pin)
    return f'module = "{token.module}"\ntoken = "{token.label}"\nkey = "{key}"\npin_file = "pin"'


@pytest.fixture(params=["amqtt", "mosquitto"])
async def any_broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunningBroker]:
    async with start_amqtt() if request.param == "amqtt" else start_mosquitto(tmp_path) as broker:
        yield broker


async def test_each_boundary_arrives_signed_once_and_is_acknowledged(
    tmp_path: Path, token: SoftToken, any_broker: RunningBroker
) -> None:
    clock, port, meter, broker = ManualClock(NOON), free_port(), plant(), any_broker
    key = f"path-{broker.address.version}"
    public_key = Pkcs11Signer(token.module, token.label, key, token.pin).create_key()
    async with serving(meter, port, clock), backend(broker.address) as it:
        path = write_agent_config(
            tmp_path, modbus_meter(port), mqtt_sink(broker.address), token_signer(tmp_path, token, key)
        )
        agent = build(load_settings(path), clock)
        async with running(agent):
            for step in range(4):
                await clock.move_to(NOON + step * QUARTER_HOUR)
                await until(lambda wanted=step: len(it.slots()) > wanted, f"reading {step}")
            await it.tell(BackendMessage(acked_ctr=agent.spool.status().ctr))
            await until(lambda: agent.spool.status().unacknowledged == 0, "acknowledgement")
            await until(lambda: any(json.loads(each).get("backlog") == 0 for each in it.statuses), "status")
        await until(lambda: json.loads(it.statuses[-1]) == {"online": False}, "goodbye")
    it.check_evidence(public_key)
    assert it.slots() == [slot_at(NOON) + step for step in range(4)]
    assert not any(json.loads(each).get("development_key") for each in it.statuses)
    for message in it.messages:
        (reading,) = message.readings
        at = slot_start(reading.slot)
        assert reading.registers == (meter.imported.wh_at(at), meter.exported.wh_at(at))
        assert (reading.off_s, reading.status) == (0, 1)
    assert sorted({message.signed.statement.ctr for message in it.messages}) == [1, 2, 3, 4]


async def test_an_outage_is_made_up_for_in_one_statement(tmp_path: Path, token: SoftToken) -> None:
    clock, port, meter = ManualClock(NOON), free_port(), plant()
    public_key = Pkcs11Signer(token.module, token.label, "outage", token.pin).create_key()
    async with start_amqtt() as broker, serving(meter, port, clock):
        await broker.stop()
        path = write_agent_config(
            tmp_path, modbus_meter(port), mqtt_sink(broker.address), token_signer(tmp_path, token, "outage")
        )
        agent = build(load_settings(path), clock)
        async with running(agent):
            for step in (0, 1, 4, 5):  # two boundaries pass unread
                await clock.move_to(NOON + step * QUARTER_HOUR)
                await until(lambda at=step: agent.spool.last_slot() == slot_at(NOON) + at, f"reading {step}")
            assert agent.spool.status().unsigned == 4
            await broker.start()
            async with backend(broker.address) as it:
                await until(lambda: len(it.slots()) == 4, "the readings of the outage")
                it.check_evidence(public_key)
                (statement,) = {message.signed.statement for message in it.messages}
                assert (statement.span, statement.count, statement.ctr) == (6, 4, 1)


async def test_without_acknowledgement_it_is_sent_again_with_a_new_counter(tmp_path: Path) -> None:
    clock, port = ManualClock(NOON), free_port()
    async with start_amqtt() as broker, serving(plant(), port, clock), backend(broker.address) as it:
        path = write_agent_config(
            tmp_path, modbus_meter(port), mqtt_sink(broker.address), 'backend = "development"\nkey_file = "dev.pem"'
        )
        settings = load_settings(path)
        from gateway_agent.commands import create_key

        lines: list[str] = []
        create_key(settings, lines.append)
        assert any("development key" in line for line in lines)
        agent = build(settings, clock)
        async with running(agent):
            await until(lambda: len(it.messages) >= 2, "the second sending")
            assert json.loads(it.statuses[-1])["development_key"] is True
        first = {message.signed.cose_sign1() for message in it.messages}
        # A restart begins with what was not acknowledged, and never uses a message counter again.
        again = build(settings, clock)
        before = len(it.messages)
        async with running(again):
            await until(lambda: len(it.messages) > before, "sending after the restart")
        assert {message.signed.cose_sign1() for message in it.messages} == first
        assert len(first) == 1
        it.check_evidence(agent.signer.public_key())


@pytest.mark.parametrize("function", ["write_register", "write_registers"])
async def test_the_simulated_meter_refuses_to_be_written(function: str) -> None:
    from pymodbus.client import AsyncModbusTcpClient

    clock, port = ManualClock(NOON), free_port()
    async with serving(plant(), port, clock):
        client = AsyncModbusTcpClient("127.0.0.1", port=port)
        assert await client.connect()
        try:
            answer = await getattr(client, function)(9851, [1, 2] if function.endswith("s") else 1)
            assert answer.isError()
            both = [
                await client.read_holding_registers(9863, count=2),
                await client.read_input_registers(9863, count=2),
            ]
            assert both[0].registers == both[1].registers
            assert (await client.read_holding_registers(9000, count=2)).isError()
        finally:
            client.close()
