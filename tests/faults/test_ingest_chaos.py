"""kill -9 of ingest between any two steps, of the broker and of the database, while messages flow.

Real Mosquitto and RabbitMQ, SQLite and PostgreSQL. Devices do what the agent does: they send again what is not
acknowledged. Afterwards exactly the valid readings are stored, once; all garbage is in quarantine with its reason; and
no message waits unacknowledged in the broker.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from community.attestation.statement import SlotReading
from community.clients.mqtt import Handler, Message, MqttConnection
from community.clock import slot_at
from community.ids import digest_of
from community.runtime.system_clock import SystemClock
from community.store.tables.measuring import FrameRow, MeasurementRow, QuarantineRow
from community.store.unit_of_work import Store, StoreUnavailable
from ingest.failpoints import FAILPOINTS
from ingest.sources.device_broker import UP_TOPICS
from tests.support.brokers import MosquittoBroker, start_mosquitto
from tests.support.rabbitmq import RabbitBroker, start_rabbitmq
from tests.support.sending_device import SendingDevice, register
from tests.support.stores import BACKENDS, COLUMN_KEY, new_postgres_url, new_sqlite_url, opened
from tools.private_postgres import PrivatePostgres, private_postgres

ROOT = Path(__file__).parents[2]
DEADLINE_S = 1200.0
AT_ONCE = 15
"""Messages that the devices have under way: below what a broker with default settings takes."""


@dataclass
class Sending:
    """One message, and whether it is done with: acknowledged to the device, or, garbage, kept in quarantine."""

    eui: str
    payload: bytes
    ctr: int | None = None
    reason: str | None = None

    @property
    def digest(self) -> str:
        return digest_of(f"device_broker\x1f{self.eui}\x1f".encode() + self.payload)


@dataclass
class Fleet:
    """Devices and everything they have to send."""

    devices: list[SendingDevice]
    first_slot: int
    valid: list[Sending] = field(default_factory=list)
    garbage: list[Sending] = field(default_factory=list)
    acked: dict[str, int] = field(default_factory=dict)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def make(self, count: int, luck: random.Random) -> list[Sending]:
        """`count` messages in sending order: one in ten repeats an earlier one, one in fifty is garbage."""
        stranger = SendingDevice(eui=self.devices[0].eui, secret=bytes(32))
        order: list[Sending] = []
        for number in range(count):
            device = self.devices[number % len(self.devices)]
            if number % 50 == 49:
                kinds = [
                    (b"garbage %d" % number, "malformed"),
                    (stranger.frame((self.first_slot, number)), "undecryptable"),
                    (
                        device.seal(device.sign([SlotReading(self.first_slot, 0, 1, (number,))], 0, stranger)),
                        "bad_signature",
                    ),
                ]
                payload, reason = kinds[number // 50 % len(kinds)]
                self.garbage.append(Sending(device.eui, payload, reason=reason))
                order.append(self.garbage[-1])
            elif number % 10 == 9:
                order.append(luck.choice(self.valid))
            else:
                ctr = device.ctr
                self.valid.append(Sending(device.eui, device.frame((self.first_slot + ctr, 1000 + 10 * ctr)), ctr))
                order.append(self.valid[-1])
        return order

    def take_down(self, device: SendingDevice) -> Handler:
        async def take(message: Message) -> None:
            _, content = device.open_down(message.payload)
            if content.acked_ctr is not None:
                self.acked[device.eui] = max(self.acked.get(device.eui, -1), content.acked_ctr)
            self.told.set()

        return take

    def unacknowledged(self) -> list[Sending]:
        return [one for one in self.valid if one.ctr is not None and one.ctr > self.acked.get(one.eui, -1)]


class Lives:
    """Ingest, one life after the other."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    async def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def _hear(self) -> int:
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            return int(await self._process.stdout.readline())

    async def begin(self, place: str = "nowhere", passes: int = 1) -> None:
        await self._say(f"{place} {passes}")
        await self._hear()

    async def end(self, how: str | None = None) -> int:
        """How the present life ended: the signal, or minus its exit code; `how` is kill or stop."""
        if how is not None:
            await self._say(how)
        await self._say("wait")
        return await self._hear()


@asynccontextmanager
async def lives(
    url: str, broker: MosquittoBroker | RabbitBroker, folder: Path, source: str = "INGEST_BROKER"
) -> AsyncIterator[Lives]:
    """Ingest with one source, whose settings begin with `source`."""
    key_file = folder / "column.key"
    key_file.write_text(COLUMN_KEY.key.hex())
    settings = {
        "INGEST_DATABASE_URL": url,
        "INGEST_COLUMN_KEY_FILE": str(key_file),
        f"{source}_URL": broker.address.url,
        f"{source}_USERNAME": broker.address.username or "ingest",
        f"{source}_MQTT_VERSION": "5" if broker.address.version == 5 else "3.1.1",
    }
    if broker.address.password is not None:
        (folder / "password").write_text(broker.address.password)
        settings[f"{source}_PASSWORD_FILE"] = str(folder / "password")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
    with (folder / "ingest.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.mortal_ingest", cwd=ROOT, env=inherited | settings,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    living = Lives(process, folder / "ingest.log")
    try:
        yield living
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def until_logged(log: Path, event: str, times: int = 1) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while log.read_text().count(f'"{event}"') < times:
            await asyncio.sleep(0.05)


async def send_all(radio: MqttConnection, messages: list[Sending]) -> None:
    """Publish in order, some under way at once; each until the broker has it."""
    waiting = iter(messages)

    async def some() -> None:
        for one in waiting:
            await radio.publish(f"ec/v1/{one.eui}/up", one.payload, timeout_s=DEADLINE_S)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(some())


async def until_told(fleet: Fleet, silence_s: float) -> None:
    """Until everything is acknowledged, or nothing was for a while: what waits in the broker is not sent again before."""
    with contextlib.suppress(TimeoutError):
        while fleet.unacknowledged():
            fleet.told.clear()
            async with asyncio.timeout(silence_s):
                await fleet.told.wait()


async def until_done(radio: MqttConnection, fleet: Fleet, store: Store) -> None:
    """Send again whatever is not acknowledged, and garbage that is not kept yet, until nothing is left.

    As the agent does: not while acknowledgements still come, and ever more rarely, or what is repeated would bury what is missing.
    """
    silence_s = 2.0
    async with asyncio.timeout(DEADLINE_S):
        await until_told(fleet, silence_s)
        while left := await what_is_left(fleet, store):
            await send_all(radio, left)
            await until_told(fleet, silence_s)
            await asyncio.sleep(0.2)  # garbage is told by nobody
            silence_s = min(2 * silence_s, 30.0)


async def what_is_left(fleet: Fleet, store: Store) -> list[Sending]:
    """What is not acknowledged, and the garbage that is not kept; all of that where the database is away."""
    kept: set[str] = set()
    with contextlib.suppress(StoreUnavailable):
        async with store.read() as work:
            kept = set((await work.session.execute(select(col(FrameRow.digest)))).scalars())
    return fleet.unacknowledged() + [one for one in fleet.garbage if one.digest not in kept]


async def assert_books(store: Store, fleet: Fleet) -> None:
    """Exactly the valid readings, once; exactly the garbage, with its reasons."""
    async with store.read() as work:
        rows = await work.session.execute(
            select(col(MeasurementRow.device_id), col(MeasurementRow.at), col(MeasurementRow.register_wh))
        )
        found = sorted((row.device_id, slot_at(row.at) - fleet.first_slot, row.register_wh) for row in rows)
        refusals = await work.session.execute(select(col(QuarantineRow.frame_digest), col(QuarantineRow.reason)))
        refused = dict(tuple(row) for row in refusals)
        frames = set((await work.session.execute(select(col(FrameRow.digest)))).scalars())
        intervals = (await work.session.execute(text("SELECT count(*), sum(energy_wh) FROM interval_energy"))).one()
        gaps = (await work.session.execute(text("SELECT count(*) FROM gap WHERE state = 'open'"))).scalar_one()
    names = {device.eui: f"dev-plant{number}" for number, device in enumerate(fleet.devices)}
    assert found == sorted((names[one.eui], one.ctr or 0, 1000 + 10 * (one.ctr or 0)) for one in fleet.valid)
    assert refused == {one.digest: one.reason for one in fleet.garbage}
    assert frames == {one.digest for one in [*fleet.valid, *fleet.garbage]}
    steps = len(fleet.valid) - len(fleet.devices)
    assert (tuple(intervals), gaps) == ((steps, 10 * steps), 0)


async def assert_nothing_waits(broker: MosquittoBroker | RabbitBroker, radio: MqttConnection) -> None:
    """The session of ingest is empty: the first message that comes out of it is one that goes in now."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: Message) -> None:
        await heard.put(message.payload)

    topics = {UP_TOPICS: hear}
    session = MqttConnection(broker.address, "ingest", subscriptions=topics, shared_as="ingest")
    await session.start(30)
    await radio.publish("ec/v1/0000000000000000/up", b"marker")
    async with asyncio.timeout(DEADLINE_S):
        assert await heard.get() == b"marker"
    await session.stop()


@asynccontextmanager
async def broker_of(kind: str, folder: Path) -> AsyncIterator[MosquittoBroker | RabbitBroker]:
    if kind == "mosquitto":
        async with start_mosquitto(folder) as mosquitto:
            yield mosquitto
        return
    async with start_rabbitmq(folder) as rabbit:
        yield rabbit


@asynccontextmanager
async def books_on(database: str, folder: Path) -> AsyncIterator[tuple[str, PrivatePostgres | None]]:
    if database == "sqlite":
        yield await new_sqlite_url(folder), None
        return
    with private_postgres(durable=True) as server:  # it will be killed: what is committed must be on the disk
        yield await new_postgres_url(server), server


async def die_at_every_place(ingest: Lives, radio: MqttConnection, parts: list[list[Sending]]) -> None:
    """One life a failpoint, each with its own part of the messages; every place must be passed."""
    for place, part in zip(FAILPOINTS, parts, strict=True):
        sending = asyncio.create_task(send_all(radio, part))
        await ingest.begin(place)
        await sending
        assert await ingest.end() == signal.SIGKILL, f"{place} was not passed"


async def kill_broker_and_database(
    broker: MosquittoBroker | RabbitBroker,
    server: PrivatePostgres | None,
    radio: MqttConnection,
    parts: list[list[Sending]],
) -> None:
    """Both die while ingest lives and messages flow."""
    sending = asyncio.create_task(send_all(radio, parts[0]))
    await asyncio.sleep(0)
    broker.kill()
    await broker.stop()
    await broker.start()
    await sending
    sending = asyncio.create_task(send_all(radio, parts[1]))
    if server is not None:
        await asyncio.to_thread(server.kill_and_start_again)
    await sending


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("kind", "database", "count"),
    [
        ("mosquitto", "postgresql", 340),
        pytest.param("rabbitmq", "sqlite", 340, marks=pytest.mark.long),  # RabbitMQ takes half a minute only to start
        *(
            pytest.param(kind, database, 20_000, marks=pytest.mark.long)
            for kind in ("mosquitto", "rabbitmq")
            for database in BACKENDS
        ),
    ],
)
async def test_nothing_is_lost_or_doubled_whatever_dies(tmp_path: Path, kind: str, database: str, count: int) -> None:
    fleet = Fleet(
        [SendingDevice(eui=f"70b3d57ed00000{number:02x}") for number in range(7)],
        slot_at(SystemClock().now() - timedelta(days=35)),
    )
    order = fleet.make(count, random.Random(count))
    size = -(-count // (len(FAILPOINTS) + 2))
    parts = [order[at : at + size] for at in range(0, count, size)]
    async with books_on(database, tmp_path) as (url, server), opened(url) as store, broker_of(kind, tmp_path) as broker:
        for number, device in enumerate(fleet.devices):
            await register(store, device, name=f"plant{number}")
        handlers = {f"ec/v1/{device.eui}/down": fleet.take_down(device) for device in fleet.devices}
        radio = MqttConnection(broker.address, "devices", subscriptions=handlers)
        await radio.start(30)
        async with lives(url, broker, tmp_path) as ingest:
            await ingest.begin()
            await until_logged(ingest.log, "broker_connected")  # from here on the broker keeps a session for it
            assert await ingest.end("kill") == signal.SIGKILL
            await die_at_every_place(ingest, radio, parts[: len(FAILPOINTS)])
            await ingest.begin()
            await kill_broker_and_database(broker, server, radio, parts[len(FAILPOINTS) :])
            await until_done(radio, fleet, store)
            assert await ingest.end("stop") == 0, ingest.log.read_text()[-3000:]
        await assert_nothing_waits(broker, radio)
        await radio.stop()
        await assert_books(store, fleet)
