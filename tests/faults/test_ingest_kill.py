"""Ingest as a real process, killed in the middle of a stream: nothing is lost, nothing is doubled."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

from community.clients.mqtt import Message, MqttConnection
from community.clock import QUARTER_HOUR, slot_at
from community.runtime.system_clock import SystemClock
from community.store.tables.measuring import FrameRow, MeasurementRow
from community.store.unit_of_work import Store
from tests.support.brokers import RunningBroker, start_amqtt, start_mosquitto
from tests.support.sending_device import EUI, SendingDevice, register
from tests.support.stores import COLUMN_KEY, new_sqlite_url, opened

pytestmark = pytest.mark.timeout(120)

MESSAGES = 120
KILLS = 3


@dataclass
class Spool:
    """A device that keeps what it signed until it is acknowledged, and sends it again."""

    device: SendingDevice
    frames: dict[int, bytes] = field(default_factory=dict)
    acked: int = -1
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, message: Message) -> None:
        _, content = self.device.open_down(message.payload)
        self.acked = max(self.acked, -1 if content.acked_ctr is None else content.acked_ctr)
        self.heard.set()

    @property
    def unacknowledged(self) -> list[bytes]:
        return [frame for ctr, frame in sorted(self.frames.items()) if ctr > self.acked]


@asynccontextmanager
async def broker_of(kind: str, folder: Path) -> AsyncIterator[RunningBroker]:
    if kind == "amqtt":
        async with start_amqtt() as running:
            yield running
        return
    async with start_mosquitto(folder) as mosquitto:
        yield mosquitto


async def start_ingest(url: str, broker: RunningBroker, folder: Path) -> asyncio.subprocess.Process:
    key_file = folder / "column.key"
    key_file.write_text(COLUMN_KEY.key.hex())
    settings = {
        "INGEST_DATABASE_URL": url,
        "INGEST_COLUMN_KEY_FILE": str(key_file),
        "INGEST_BROKER_URL": broker.address.url,
        "INGEST_BROKER_USERNAME": "ingest",
        "INGEST_BROKER_MQTT_VERSION": "5" if broker.address.version == 5 else "3.1.1",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
    with (folder / "ingest.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ingest", "run", env=inherited | settings, stdout=log, stderr=log
        )


async def end(process: asyncio.subprocess.Process) -> int:
    process.terminate()
    try:
        return await asyncio.wait_for(process.wait(), 20)
    except TimeoutError:
        process.kill()
        return await process.wait()


async def count(store: Store, row: type[FrameRow] | type[MeasurementRow]) -> int:
    async with store.read() as work:
        return (await work.session.execute(select(func.count()).select_from(row))).scalar_one()


async def until_count(store: Store, row: type[FrameRow] | type[MeasurementRow], least: int) -> None:
    async with asyncio.timeout(40):
        while await count(store, row) < least:
            await asyncio.sleep(0.02)


async def send_until_told(radio: MqttConnection, spool: Spool, ctr: int) -> None:
    """What a device does that is not told that its statements are stored: it sends them again."""
    async with asyncio.timeout(60):
        while spool.acked < ctr:
            spool.heard.clear()
            for frame in spool.unacknowledged:
                await radio.publish(f"ec/v1/{EUI}/up", frame)
            try:
                await asyncio.wait_for(spool.heard.wait(), 2)
            except TimeoutError:
                continue


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
async def test_killed_in_mid_stream_nothing_is_lost_or_doubled(tmp_path: Path, kind: str) -> None:
    url = await new_sqlite_url(tmp_path)
    device = SendingDevice()
    first_slot = slot_at(SystemClock().now() - timedelta(days=2))
    async with opened(url) as store, broker_of(kind, tmp_path) as broker:
        await register(store, device)
        spool = Spool(device)
        radio = MqttConnection(broker.address, "device", subscriptions={f"ec/v1/{EUI}/down": spool.hear})
        await radio.start()
        process = await start_ingest(url, broker, tmp_path)
        try:
            spool.frames[0] = device.frame((first_slot, 1000), ctr=0)
            await send_until_told(radio, spool, 0)  # from here on the broker knows ingest's session
            for n in range(1, MESSAGES):
                spool.frames[n] = device.frame((first_slot + n, 1000 + n), ctr=n)
                await radio.publish(f"ec/v1/{EUI}/up", spool.frames[n])
                if n % (MESSAGES // KILLS) == MESSAGES // KILLS // 2:
                    await until_count(store, MeasurementRow, 1 + n // 2)  # it is in the middle of its work
                    process.send_signal(signal.SIGKILL)
                    await process.wait()
                    process = await start_ingest(url, broker, tmp_path)
            if broker.redelivers:
                await until_count(store, MeasurementRow, MESSAGES)  # by the broker's own redelivery alone
            await send_until_told(radio, spool, MESSAGES - 1)
        finally:
            code = await end(process)
            await radio.stop()
        assert code == 0, (tmp_path / "ingest.log").read_text()[-3000:]  # SIGTERM ends it cleanly
        async with store.read() as work:
            rows = await work.session.execute(
                select(col(MeasurementRow.at), col(MeasurementRow.register_wh)).order_by(col(MeasurementRow.at))
            )
            found = [(slot_at(row.at) - first_slot, row.register_wh) for row in rows]
            intervals = await work.session.execute(
                text("SELECT count(*), sum(energy_wh), max(revision) FROM interval_energy")
            )
            gaps = await work.session.execute(text("SELECT count(*) FROM gap WHERE state = 'open'"))
            refused = await work.session.execute(text("SELECT count(*) FROM quarantine"))
        assert found == [(n, 1000 + n) for n in range(MESSAGES)]
        assert tuple(intervals.one()) == (MESSAGES - 1, MESSAGES - 1, 1)
        assert (gaps.scalar_one(), refused.scalar_one()) == (0, 0)
        assert await count(store, FrameRow) == MESSAGES
        assert QUARTER_HOUR * MESSAGES < timedelta(days=2)


async def test_settings_that_cannot_be_used_end_it_with_every_problem_named(tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
    wrong = {"INGEST_BROKER_URL": "http://x", "INGEST_ZONE": "Atlantis", "INGEST_MISSPELT": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingest", "run", env=inherited | wrong, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    lines = said.decode()
    for expected in (
        "INGEST_DATABASE_URL",
        "INGEST_COLUMN_KEY_FILE",
        "INGEST_BROKER_URL",
        "INGEST_ZONE",
        "INGEST_MISSPELT",
    ):
        assert expected in lines
    assert "Traceback" not in lines
