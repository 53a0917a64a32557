"""Ingest under load needs no more memory after ten minutes than after two: the resident set of the real process.

Devices send signed messages through a real Mosquitto at a steady rate; the process takes them in, stores them and acknowledges
them. Its resident set is read again and again, and a line is fitted through what was read after the caches were full.
"""

import asyncio
import os
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from bench.sending_devices import COLUMN_KEY, BenchDevice, register, rounds
from community.clients.mqtt import MqttConnection
from community.clock import slot_at
from community.store.statements import count_statements
from community.store.unit_of_work import Store
from tests.support.brokers import MosquittoBroker, start_mosquitto
from tests.support.stores import new_sqlite_url, opened

ROOT = Path(__file__).parents[2]
DEVICES = 300
AT_ONCE = 15
DEADLINE_S = 300.0
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """How much is sent, from when on the memory is read, and by how much it may rise while it is."""

    seconds: float
    warm_up_s: float
    messages_per_s: int
    rise_max: int


def rise_of(samples: list[tuple[float, int]]) -> float:
    """By how many bytes the line through (second, bytes) rises from the first sample to the last."""
    slope = statistics.linear_regression([at for at, _ in samples], [size for _, size in samples]).slope
    return slope * (samples[-1][0] - samples[0][0])


def resident(pid: int) -> int:
    """Bytes of the process that are in memory (proc(5), statm)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def send(broker: MosquittoBroker, messages: Iterator[tuple[str, bytes]], load: Load) -> int:
    """Send at the rate of `load` until it ends; returns how many messages it were."""
    radio = MqttConnection(broker.address, "devices")
    await radio.start(30)
    begun, sent = monotonic(), 0

    async def some() -> None:
        nonlocal sent
        while (passed := monotonic() - begun) < load.seconds:
            if sent >= passed * load.messages_per_s:
                await asyncio.sleep(0.01)
                continue
            sent += 1
            topic, payload = next(messages)
            await radio.publish(topic, payload, timeout_s=DEADLINE_S)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(some())
    await radio.stop()
    return sent


async def watch(pid: int, load: Load) -> list[tuple[float, int]]:
    """The resident set once a second, from the end of the warm-up to the end of the load."""
    begun, samples = monotonic(), []
    while (passed := monotonic() - begun) < load.seconds:
        if passed >= load.warm_up_s:
            samples.append((passed, resident(pid)))
        await asyncio.sleep(min(1.0, load.seconds / 20))
    return samples


async def until_stored(store: Store, count: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async with store.read() as work:
                if await count_statements(work) == count:
                    return
            await asyncio.sleep(0.2)


def test_a_rise_is_told_from_a_swing() -> None:
    assert rise_of([(0, 100), (1, 110), (2, 100), (3, 110), (4, 100)]) == pytest.approx(0)
    assert rise_of([(0, 100), (1, 110), (2, 120), (3, 130)]) == pytest.approx(30)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "load",
    [
        Load(4, 1, 300, 48 * MEBIBYTE),
        pytest.param(Load(720, 120, 300, 8 * MEBIBYTE), marks=pytest.mark.long),
    ],
    ids=["seconds", "ten-minutes"],
)
async def test_memory_is_flat_under_load(tmp_path: Path, load: Load) -> None:
    now = datetime.now(UTC)
    url = await new_sqlite_url(tmp_path)
    senders = [BenchDevice.make(number) for number in range(DEVICES)]
    messages = rounds(senders, slot_at(now - timedelta(days=30)), 1, 1 << 40)
    (tmp_path / "column.key").write_text(COLUMN_KEY.key.hex())
    async with opened(url) as store, start_mosquitto(tmp_path) as broker:
        await register(store, senders, now)
        settings = {
            "INGEST_DATABASE_URL": url,
            "INGEST_COLUMN_KEY_FILE": str(tmp_path / "column.key"),
            "INGEST_BROKER_URL": broker.address.url,
            "INGEST_BROKER_USERNAME": "ingest",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
        with (tmp_path / "ingest.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ingest", "run", cwd=ROOT, env=inherited | settings, stdout=log, stderr=log
            )
        try:
            async with asyncio.timeout(DEADLINE_S):
                while '"broker_connected"' not in (tmp_path / "ingest.log").read_text():
                    await asyncio.sleep(0.05)
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(send(broker, messages, load))
                watching = tasks.create_task(watch(process.pid, load))
            sent, samples = sending.result(), watching.result()
            await until_stored(store, sent)
        finally:
            process.terminate()
            await process.wait()
    rise = rise_of(samples)
    print(
        f"{sent} messages in {load.seconds} s; resident {samples[0][1] / MEBIBYTE:.1f} MiB after {load.warm_up_s} s, "
        f"{samples[-1][1] / MEBIBYTE:.1f} MiB at the end; the line rises by {rise / MEBIBYTE:.2f} MiB"
    )
    assert sent > load.seconds * load.messages_per_s / 10, "the machine did not send enough to say anything"
    assert rise < load.rise_max
