"""Encrypted telegrams on a pseudo terminal -> agent -> MQTT, and legacy payloads through a LoRa modem to the network server."""

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from community.attestation.signatures import verify_p256_digest
from community.clients.mqtt import Message, MqttConnection
from community.clock import QUARTER_HOUR, slot_at
from community.errors import FatalError
from community.metering.dlms.encode import MeterModel, PushMeter
from community.metering.dlms.telegram import decode_frame
from gateway_agent.app import build
from gateway_agent.commands import create_key, read_once
from gateway_agent.settings import load_settings
from standalone.lora_site import LoraSite, SiteOptions
from standalone.meters.infrared_head import PushingMeter, run_infrared_head
from standalone.meters.load_profiles import CumulativeRegister, HouseholdPower
from standalone.meters.serial_peer import SerialPeer
from standalone.things_stack_json import Application
from tests.support.agents import EUI, METER_KEY, backend, mqtt_sink, running, until, write_agent_config
from tests.support.brokers import free_port, start_amqtt
from tests.support.manual_clock import ManualClock

# The end of daylight saving in Vienna: 02:45 exists twice, and an E450 tells the two apart by one bit only.
START = datetime(2025, 10, 26, 0, 15, tzinfo=UTC)
DEVELOPMENT = 'backend = "development"\nkey_file = "dev.pem"'
TITLES = {MeterModel.AM550: b"ISK\x00it\x00\x47", MeterModel.E450: b"LGZ\x00gr\x00\x48"}
APPLICATION = Application("energy-community", "ttn", "flat-2", EUI)


def flat(model: MeterModel) -> PushingMeter:
    load = CumulativeRegister(HouseholdPower("test"), START - timedelta(days=1), 4_500_000)
    return PushingMeter(PushMeter(model, TITLES[model], METER_KEY), load)


@asynccontextmanager
async def pushing(meter: PushingMeter, link: Path, clock: ManualClock) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_infrared_head(meter, link, clock, stop))
    try:
        await until(link.exists, "the head's port")
        yield
    finally:
        stop.set()
        await task


def dlms_meter(link: Path) -> str:
    return f'profile = "at-wiener-netze"\nport = "{link}"\nkey_file = "meter.key"'


@dataclass(slots=True)
class NetworkServerClient:
    """What a subscriber of the network server sees."""

    uplinks: list[dict[str, object]] = field(default_factory=list)
    topics: set[str] = field(default_factory=set)

    async def take(self, message: Message) -> None:
        self.uplinks.append(json.loads(message.payload))
        self.topics.add(message.topic)


@pytest.mark.parametrize("model", [MeterModel.AM550, MeterModel.E450])
async def test_telegrams_become_statements_over_the_end_of_daylight_saving(tmp_path: Path, model: MeterModel) -> None:
    clock, meter, link = ManualClock(START), flat(model), tmp_path / "head"
    async with start_amqtt() as broker, pushing(meter, link, clock), backend(broker.address) as it:
        path = write_agent_config(
            tmp_path, dlms_meter(link), mqtt_sink(broker.address), DEVELOPMENT, register_profile=1
        )
        settings = load_settings(path)
        create_key(settings, lambda _line: None)
        agent = build(settings, clock)
        async with running(agent):
            for step in range(6):
                await clock.move_to(START + step * QUARTER_HOUR)
                await until(lambda wanted=step: len(it.slots()) > wanted, f"reading {step}")
    it.check_evidence(agent.signer.public_key())
    assert it.slots() == [slot_at(START) + step for step in range(6)]
    for message in it.messages:
        for reading in message.readings:
            at = START + (reading.slot - slot_at(START)) * QUARTER_HOUR
            assert (reading.off_s, reading.status, reading.registers) == (0, 1, (meter.imported.wh_at(at),))


async def test_a_late_start_leaves_a_gap_and_a_repeat_adds_nothing(tmp_path: Path) -> None:
    clock, meter, link = ManualClock(START + timedelta(seconds=100)), flat(MeterModel.AM550), tmp_path / "head"
    async with start_amqtt() as broker, pushing(meter, link, clock), backend(broker.address) as it:
        path = write_agent_config(
            tmp_path, dlms_meter(link), mqtt_sink(broker.address), DEVELOPMENT, register_profile=1
        )
        settings = load_settings(path)
        create_key(settings, lambda _line: None)
        async with running(build(settings, clock)):
            await until(lambda: bool(it.statuses), "the agent online")
            await clock.move_to(START + QUARTER_HOUR + timedelta(seconds=3))
            await until(lambda: len(it.slots()) == 1, "the first whole boundary")
        async with running(build(settings, clock)):
            await clock.move_to(START + QUARTER_HOUR + timedelta(seconds=9))
            await asyncio.sleep(0.3)  # time for telegrams of the boundary that has its reading already
            await clock.move_to(START + 2 * QUARTER_HOUR)
            await until(lambda: len(it.slots()) == 2, "the next boundary")
    by_slot = {reading.slot: reading for message in it.messages for reading in message.readings}
    assert sorted(by_slot) == [slot_at(START) + 1, slot_at(START) + 2]
    assert by_slot[slot_at(START) + 1].off_s == 3


async def test_a_wrong_key_gives_no_reading_and_one_clear_sentence(tmp_path: Path) -> None:
    clock, link = ManualClock(START), tmp_path / "head"
    async with pushing(flat(MeterModel.E450), link, clock):
        path = write_agent_config(
            tmp_path, dlms_meter(link), '[sink.mqtt]\nurl = "mqtt://127.0.0.1"', DEVELOPMENT, register_profile=1
        )
        lines: list[str] = []
        await read_once(load_settings(path), lines.append)
        assert any(line.startswith("1-0:1.8.0") for line in lines)
        (tmp_path / "meter.key").write_text("ff" * 16)
        settings = load_settings(path)
        create_key(settings, lambda _line: None)
        agent = build(settings, clock)
        async with running(agent):
            await asyncio.sleep(0.5)  # ten telegrams
            assert agent.spool.last_slot() is None


async def test_legacy_payloads_arrive_by_mqtt_and_wait_in_the_storage(tmp_path: Path) -> None:
    clock, meter, link, modem = ManualClock(START), flat(MeterModel.E450), tmp_path / "head", tmp_path / "modem"
    http_port = free_port()
    client = NetworkServerClient()
    async with start_amqtt() as broker, pushing(meter, link, clock):
        listener = MqttConnection(
            broker.address, "ingest", subscriptions={"v3/+/devices/+/up": client.take}, subscription_qos=0
        )
        await listener.start()
        options = SiteOptions(modem, APPLICATION, broker.address, tmp_path / "uplinks.ndjson", http_port, "NNSXS.KEY")
        stop = asyncio.Event()
        site = asyncio.create_task(LoraSite(options, clock).run(stop))
        try:
            await until(modem.exists, "the modem")
            path = write_agent_config(
                tmp_path,
                dlms_meter(link),
                f'[sink.lorawan]\ndevice = "{modem}"\npayload = "legacy"',
                DEVELOPMENT,
                register_profile=1,
            )
            settings = load_settings(path)
            create_key(settings, lambda _line: None)
            agent = build(settings, clock)
            async with running(agent):
                for step in range(3):
                    await clock.move_to(START + step * QUARTER_HOUR)
                    await until(lambda wanted=step: len(client.uplinks) > wanted, f"uplink {step}")
            stored = await _stored(http_port, "NNSXS.KEY")
            later = await _stored(http_port, "NNSXS.KEY", after=(START + timedelta(seconds=1)).isoformat(), limit="1")
            refused = await _stored(http_port, "guess")
        finally:
            stop.set()
            await site
            await listener.stop()
    assert client.topics == {"v3/energy-community@ttn/devices/flat-2/up"}
    assert refused == 401
    assert stored == [{"result": uplink} for uplink in client.uplinks]
    assert later == [{"result": client.uplinks[1]}]
    for step, uplink in enumerate(client.uplinks):
        message = uplink["uplink_message"]
        assert isinstance(message, dict)
        assert message.get("f_cnt") == (step or None)  # zero is left out, as the real one does
        assert len(message["rx_metadata"]) == 2
        payload = base64.b64decode(message["frm_payload"])
        assert len(payload) == 201
        frame, digest, signature = payload[:105], payload[105:137], payload[137:]
        assert digest == hashlib.sha256(frame).digest()
        assert verify_p256_digest(agent.signer.public_key(), digest, signature)
        telegram = decode_frame(frame, METER_KEY, "Europe/Vienna")
        at = START + step * QUARTER_HOUR
        assert telegram.meter_time == at
        assert telegram.registers["1-0:1.8.0"] == meter.imported.wh_at(at)


async def test_a_modem_of_another_device_stops_the_agent(tmp_path: Path) -> None:
    clock, modem = ManualClock(START), tmp_path / "modem"
    other = Application("energy-community", "ttn", "flat-3", os.urandom(8))
    async with start_amqtt() as broker:
        options = SiteOptions(modem, other, broker.address, tmp_path / "uplinks.ndjson", free_port())
        stop = asyncio.Event()
        site = asyncio.create_task(LoraSite(options, clock).run(stop))
        try:
            await until(modem.exists, "the modem")
            path = write_agent_config(
                tmp_path,
                dlms_meter(tmp_path / "absent"),
                f'[sink.lorawan]\ndevice = "{modem}"\npayload = "legacy"',
                DEVELOPMENT,
                register_profile=1,
            )
            settings = load_settings(path)
            create_key(settings, lambda _line: None)
            with pytest.raises(FatalError, match=other.dev_eui.hex()):
                await build(settings, clock).run(asyncio.Event())
        finally:
            stop.set()
            await site


async def test_a_port_that_goes_away_and_comes_back_is_read_again(tmp_path: Path) -> None:
    clock, meter, link = ManualClock(START), flat(MeterModel.AM550), tmp_path / "head"
    path = write_agent_config(
        tmp_path, dlms_meter(link), '[sink.mqtt]\nurl = "mqtt://127.0.0.1:1"', DEVELOPMENT, register_profile=1
    )
    settings = load_settings(path)
    create_key(settings, lambda _line: None)
    agent = build(settings, clock)
    async with running(agent):
        async with pushing(meter, link, clock):
            await until(lambda: agent.spool.last_slot() == slot_at(START), "a reading")
        await clock.move_to(START + QUARTER_HOUR)
        async with pushing(meter, link, clock):
            await until(lambda: agent.spool.last_slot() == slot_at(START) + 1, "a reading after the return")


async def test_the_line_drops_what_nobody_reads(tmp_path: Path) -> None:
    with SerialPeer(tmp_path / "line") as line:
        for _ in range(2000):
            line.send(b"x" * 105)  # never blocks, however long nobody listens


async def _stored(port: int, api_key: str, **query: str) -> object:
    url = f"http://127.0.0.1:{port}/api/v3/as/applications/energy-community/packages/storage/uplink_message"
    async with httpx.AsyncClient() as client:
        answer = await client.get(url, params=query, headers={"Authorization": f"Bearer {api_key}"})
    if answer.status_code != 200:
        return answer.status_code
    return [json.loads(line) for line in answer.text.splitlines()]
