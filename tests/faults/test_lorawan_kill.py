"""kill -9 of a real ingest process while LoRaWAN frames come from ChirpStack's broker: the books are those of a clean run."""

import asyncio
import json
import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from community.clients.mqtt import MqttConnection
from community.clock import slot_at
from community.runtime.system_clock import SystemClock
from community.store.unit_of_work import Store
from tests.conformance.ingest.intakes import running_intake
from tests.faults.test_ingest_chaos import DEADLINE_S, broker_of, lives, until_logged
from tests.support.lora_radio_books import APPLICATION, OnAir, RadioDevice, chirpstack_up, heard, register_radio
from tests.support.stores import new_sqlite_url, opened

QUARTERS = 20
PLACES = ("begun", "one_by_one_written", "announced", "committed")
BOOKS = (
    "SELECT at, register_wh, statement_digest, leaf_index, hex(leaf_input) FROM measurement ORDER BY 1",
    "SELECT starts_at, energy_wh, from_measurement_id, to_measurement_id FROM interval_energy ORDER BY 1",
    "SELECT digest, ctr, hex(signed) FROM statement ORDER BY 1",
    "SELECT digest, verdict FROM frame ORDER BY 1",
    "SELECT reason FROM quarantine",
)


async def books(store: Store) -> list[list[tuple[object, ...]]]:
    async with store.read() as work:
        return [[tuple(row) for row in await work.session.execute(text(sql))] for sql in BOOKS]


async def clean_run(device: RadioDevice, frames: list[OnAir], folder: Path) -> list[list[tuple[object, ...]]]:
    folder.mkdir()
    async with opened(await new_sqlite_url(folder)) as store:
        await register_radio(store, device.identity)
        async with running_intake(store) as running:
            running.clock.instant = SystemClock().now()
            for number, one in enumerate(frames):
                uplink = heard("chirpstack", device.eui, one.f_port, one.payload, one.at, number)
                await running.intake.take_in(uplink)
        return await books(store)


async def until_kept(store: Store, count: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async with store.read() as work:
                if (await work.session.execute(text("SELECT count(*) FROM frame"))).scalar_one() >= count:
                    return
            await asyncio.sleep(0.05)


@pytest.mark.timeout(300)
async def test_killed_at_any_step_the_books_are_those_of_a_clean_run(tmp_path: Path) -> None:
    device = RadioDevice(5, seed=31)
    begin = slot_at(SystemClock().now()) - 2 * QUARTERS
    frames = [one for slot in range(begin, begin + QUARTERS) for one in device.quarter(slot)]
    expected = await clean_run(device, frames, tmp_path / "clean")
    assert len(expected[0]) >= QUARTERS // 2, "a run without verified readings shows nothing"
    topic = f"application/{APPLICATION}/device/{device.eui}/event/up"
    url = await new_sqlite_url(tmp_path)
    async with opened(url) as store, broker_of("mosquitto", tmp_path) as broker:
        await register_radio(store, device.identity)
        server = MqttConnection(broker.address, "server")
        await server.start(30)
        async with lives(url, broker, tmp_path, "INGEST_CHIRPSTACK") as ingest:
            await ingest.begin()
            await until_logged(ingest.log, "broker_connected")
            assert await ingest.end("kill") == signal.SIGKILL
            size = -(-len(frames) // (len(PLACES) + 1))
            for number, place in enumerate([*PLACES, None]):
                for f_cnt, one in list(enumerate(frames))[number * size : (number + 1) * size]:
                    up = chirpstack_up(device.eui, one.f_port, one.payload, one.at, f_cnt)
                    await server.publish(topic, json.dumps(up).encode())
                if place is not None:
                    await ingest.begin(place)
                    assert await ingest.end() == signal.SIGKILL, f"{place} was not passed"
            await ingest.begin()
            await until_kept(store, len(expected[3]))
            assert await ingest.end("stop") == 0
        await server.stop()
        assert await books(store) == expected
