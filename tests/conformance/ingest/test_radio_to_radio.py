"""The whole of ingest between a network server's broker and the books: a lost frame is asked for by radio, and comes."""

import asyncio
import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from community.attestation.lora_frame_downlink import open_commands
from community.clients.mqtt import Message, MqttConnection
from community.clock import slot_at, slot_start
from community.store.lora_frames import newest_envelope
from community.store.measurements import measurements_of
from community.store.unit_of_work import Store
from ingest.app import build
from ingest.settings import read_settings
from standalone.lora_month import FIRST_SLOT
from tests.support.brokers import start_mosquitto
from tests.support.lora_radio_books import APPLICATION, OnAir, RadioDevice, chirpstack_up, register_radio
from tests.support.sending_device import StandingClock
from tests.support.stores import COLUMN_KEY, new_sqlite_url, opened

DEADLINE_S = 40


async def count(store: Store) -> int:
    async with store.read() as work:
        return len(await measurements_of(work, "meter-house-1-0:1.8.0"))


async def heard_of(store: Store, eui: str) -> bool:
    async with store.read() as work:
        return await newest_envelope(work, eui) is not None


async def until_measured(store: Store, least: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await count(store) < least:
            await asyncio.sleep(0.02)


async def next_command(commands: "asyncio.Queue[dict[str, Any]]", clock: StandingClock) -> dict[str, Any]:
    """The next command, while the clock goes on: a device is looked at every half an hour."""
    async with asyncio.timeout(DEADLINE_S):
        while commands.empty():
            clock.instant += timedelta(minutes=31)
            await asyncio.sleep(0.1)
    return commands.get_nowait()


async def test_a_lost_frame_is_asked_for_through_the_network_server_and_comes(tmp_path: Path) -> None:
    url = await new_sqlite_url(tmp_path)
    (tmp_path / "column.key").write_text(COLUMN_KEY.key.hex())
    device, clock = RadioDevice(0, seed=51), StandingClock(slot_start(FIRST_SLOT))
    commands: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def hear(message: Message) -> None:
        await commands.put(json.loads(message.payload))

    async with start_mosquitto(tmp_path) as broker, opened(url) as store:
        await register_radio(store, device.identity)
        environment = {
            "INGEST_DATABASE_URL": url, "INGEST_COLUMN_KEY_FILE": str(tmp_path / "column.key"),
            "INGEST_CHIRPSTACK_URL": broker.address.url, "INGEST_CHIRPSTACK_USERNAME": "ingest",
            "INGEST_CHIRPSTACK_APPLICATION": APPLICATION,
        }  # fmt: skip
        settings = replace(read_settings(environment), repair_every=timedelta(seconds=0.05))
        downs = f"application/{APPLICATION}/device/+/command/down"
        chirpstack = MqttConnection(broker.address, "chirpstack", subscriptions={downs: hear})
        await chirpstack.start()
        stop = asyncio.Event()
        running = asyncio.create_task(build(settings, clock).run(stop))

        async def deliver(frame: OnAir) -> None:
            clock.instant = max(clock.instant, frame.at)
            event = chirpstack_up(device.eui, frame.f_port, frame.payload, frame.at)
            topic = f"application/{APPLICATION}/device/{device.eui}/event/up"
            await chirpstack.publish(topic, json.dumps(event).encode())

        async with asyncio.timeout(DEADLINE_S):  # until the broker has a session of ingest, it keeps nothing for it
            while not await heard_of(store, device.eui):
                await deliver(OnAir(clock.now(), 1, b"hello"))
                await asyncio.sleep(0.05)
        lost = range(FIRST_SLOT + 24, FIRST_SLOT + 48)
        asked = None
        for slot in range(FIRST_SLOT, FIRST_SLOT + 4 * 96):
            for frame in device.quarter(slot):
                if slot not in lost:
                    await deliver(frame)
            if asked is None and slot >= FIRST_SLOT + 110:
                asked = await next_command(commands, clock)
                assert (asked["devEui"], asked["fPort"]) == (device.eui, 20)
                _opened, said = open_commands(device.simulated.keys, base64.b64decode(asked["data"]), None)
                assert said.ranges and (FIRST_SLOT + 24) % 65536 <= said.ranges[0].first_low < (FIRST_SLOT + 48) % 65536
                device.hear(base64.b64decode(asked["data"]))
        assert asked is not None
        await until_measured(store, 2 * 96)
        async with store.read() as work:
            points = await measurements_of(work, "meter-house-1-0:1.8.0")
        stop.set()
        await running
        await chirpstack.stop()
    assert all(device.truth[slot_at(point.at)] == point.register_wh for point in points)
    assert set(lost) <= {slot_at(point.at) for point in points}
