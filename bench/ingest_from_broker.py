"""From the broker to committed rows: verified messages a second through a real Mosquitto into SQLite and PostgreSQL.

The whole process is measured (`python -m ingest run`, a worker a core): receiving, decryption, P-256, replay and
plausibility, all rows, the commit on the disk, PUBACK and the acknowledgement to the device. The messages wait in the
broker's session before the clock starts. One baseline is what the machine's two cores do if they do nothing but verify
P-256 signatures; where a message has many readings it is what the same database takes of ready-made rows of the same tables.
Both are measured in the same run. The broker keeps its queue in memory here: what it writes to disk is its own
affair, and the same for whoever receives.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import gmqtt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from bench.measuring import Figure
from bench.raw_rows import raw_rate
from bench.sending_devices import COLUMN_KEY, BenchDevice, register, rounds
from community.clock import slot_at
from community.store.schema import migrate
from community.store.statements import count_statements
from community.store.unit_of_work import Store
from tools.private_postgres import PrivatePostgres, free_port, private_postgres

NAME = "ingest_from_broker"
SIZES = {1: 24_000, 4: 16_000, 96: 1_600}
"""Messages by readings in each."""
DEVICES = 2_000
GATES = {1: 0.12, 4: 0.08, 96: 0.5}
"""Least ratio to the baseline, by readings in a message: below the least of a quiet run (decision 0031)."""
VERIFY_S = 2.0
SKIPPED = 0.1
"""The first tenth fills caches and is not measured."""
DEADLINE_S = 240.0


@dataclass(frozen=True, slots=True)
class _Site:
    """Where one measurement happens."""

    folder: Path
    port: int
    database_url: str


def run() -> list[Figure]:
    """Six figures: three sizes on two databases."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as name, private_postgres(durable=True) as server:
        for database in ("sqlite", "postgresql"):
            for size in SIZES:
                folder = Path(name) / f"{database}-{size}"
                folder.mkdir()
                url = f"sqlite:///{folder}/books.db" if database == "sqlite" else server.create_database()
                site = _Site(folder, free_port(), url)
                baseline = asyncio.run(_raw_rate(server, database, folder)) if size == max(SIZES) else _two_core_rate()
                messages_per_s = asyncio.run(_measure(site, size))
                figures.append(_figure(database, size, messages_per_s, baseline))
                shutil.rmtree(folder)
                rate = f"{messages_per_s:,.0f} messages/s, {messages_per_s * size:,.0f} readings/s"
                print(f"  {figures[-1].name}: {rate}", flush=True)
    return figures


def _figure(database: str, size: int, messages_per_s: float, baseline: float) -> Figure:
    name = f"{NAME}_{database}_{size}"
    if size == max(SIZES):
        return Figure(name, messages_per_s * size, "readings/s", "ready-made rows", baseline, GATES[size])
    return Figure(name, messages_per_s, "messages/s", "P-256 on two cores", baseline, GATES[size])


async def _raw_rate(server: PrivatePostgres, database: str, folder: Path) -> float:
    """Readings a second that the database takes as ready-made rows."""
    url = f"sqlite:///{folder}/raw.db" if database == "sqlite" else server.create_database()
    now, size = datetime.now(UTC), max(SIZES)
    count = SIZES[size]
    senders = [BenchDevice.make(number) for number in range(count // 4)]
    await migrate(url)
    store = Store.open(url)
    try:
        await register(store, senders, now)
        return await raw_rate(store, senders, size, count, now)
    finally:
        await store.close()


def _two_core_rate() -> float:
    """P-256 verifications a second of two processes, with the key object at hand."""
    context = get_context("spawn")
    with context.Pool(2) as pool:
        return sum(pool.map(_verify_for, [VERIFY_S, VERIFY_S], chunksize=1))


def _verify_for(seconds: float) -> float:
    key = ec.generate_private_key(ec.SECP256R1())
    public, es256, content = key.public_key(), ec.ECDSA(SHA256()), bytes(99)
    signature = key.sign(content, es256)
    done, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds:
        for _ in range(100):
            public.verify(signature, content, es256)
        done += 100
    return done / passed


async def _measure(site: _Site, size: int) -> float:
    now = datetime.now(UTC)
    first_slot = slot_at(now - timedelta(days=30))
    count = SIZES[size]
    senders = [BenchDevice.make(number) for number in range(min(DEVICES, count // 4))]
    await migrate(site.database_url)
    store = Store.open(site.database_url)
    try:
        await register(store, senders, now)
        with _mosquitto(site):
            await _fill_queue(site, rounds(senders, first_slot, size, count))
            return await _rate_of_ingest(site, store, count)
    finally:
        await store.close()


async def _rate_of_ingest(site: _Site, store: Store, count: int) -> float:
    key_file = site.folder / "column.key"
    key_file.write_text(COLUMN_KEY.key.hex())
    settings = {
        "INGEST_DATABASE_URL": site.database_url,
        "INGEST_COLUMN_KEY_FILE": str(key_file),
        "INGEST_BROKER_URL": f"mqtt://127.0.0.1:{site.port}",
        "INGEST_BROKER_USERNAME": "ingest",
        "INGEST_WORKERS": os.environ.get("BENCH_WORKERS", "2"),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
    log = site.folder / "ingest.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ingest", "run", env=inherited | settings, stdout=output, stderr=output
        )
    try:
        begun, begin_count = await _until_stored(store, round(count * SKIPPED))
        ended, end_count = await _until_stored(store, count)
        return (end_count - begin_count) / (ended - begun)
    except TimeoutError:
        raise RuntimeError(f"ingest stored too little in time; its log ends:\n{log.read_text()[-3000:]}") from None
    finally:
        process.terminate()
        await process.wait()


async def _until_stored(store: Store, count: int) -> tuple[float, int]:
    """When at least so many statements were found committed, and how many it were."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async with store.read() as work:
                stored = await count_statements(work)
            if stored >= count:
                return time.perf_counter(), stored
            await asyncio.sleep(0.05)


@contextmanager
def _mosquitto(site: _Site) -> Iterator[None]:

    program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        raise RuntimeError("Mosquitto is not installed: run `make test` once, or install the package mosquitto")
    config = site.folder / "mosquitto.conf"
    config.write_text(
        f"listener {site.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
    )
    process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def _fill_queue(site: _Site, messages: Iterator[tuple[str, bytes]]) -> None:
    """Let the sessions of ingest exist, then publish everything into them."""
    for number in range(int(os.environ.get("BENCH_WORKERS", "2"))):
        client = await _connected(site, "ingest" if number == 0 else f"ingest-{number}")
        subscribed = asyncio.Event()
        client.on_subscribe = lambda *_said, event=subscribed: event.set()
        client.subscribe(gmqtt.Subscription("$share/ingest/ec/v1/+/up", qos=1))
        await subscribed.wait()
        await client.disconnect()
    sender = await _connected(site, "sender")
    for topic, payload in messages:
        while True:
            try:
                sender.publish(topic, payload, qos=1, content_type="application/ecw1+cbor")
                break
            except OverflowError:
                await asyncio.sleep(0)
    await sender.disconnect()


async def _connected(site: _Site, client_id: str) -> gmqtt.Client:
    client = gmqtt.Client(client_id, clean_session=False, session_expiry_interval=3600)
    client.set_auth_credentials(client_id, None)
    for _attempt in range(100):
        try:
            await client.connect("127.0.0.1", site.port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            return client
    raise RuntimeError("the private Mosquitto does not answer")
