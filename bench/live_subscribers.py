"""Ten thousand WebSockets on one API process, one balance event to all: how late the last hears of it, and what each costs.

The server is a process of its own; what it costs is its own CPU time and resident memory. One of the readers never reads. Beside it
the balances of a thousand members, each his own, by one statement and one by one.
"""

import asyncio
import base64
import multiprocessing
import os
import resource
import statistics
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from graphql import parse

from api.app import build as build_api
from api.plans.operations import Plan, Plans, operation_of
from api.schema import build_schema
from api.settings import ApiSettings
from bench.ledger_of_size import Size, address_of, build
from bench.measuring import Figure
from community.store import api_keys, outbox
from community.store.plans.running import Asker, runner_for
from community.store.unit_of_work import Store
from community.store.views.scope import Scope
from tools.private_postgres import private_postgres

NAME = "live_subscribers"
READERS, EVENTS, AT_ONCE = 10_000, 5, 200
MEMBERS = 1000
P99_ALLOWED_S, CPU_ALLOWED_US, MEMORY_ALLOWED_KB = 0.35, 20.0, 40.0
STATEMENTS_GATE = 3.0
OWN = "subscription { balances { cursor nodes { final mintedNotFinal } } }"


def run() -> list[Figure]:
    """Measure on PostgreSQL."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        with private_postgres() as postgres:
            url = postgres.create_database()
            asyncio.run(build(url, Size(20_000), progress=False))
            return asyncio.run(_measure(url))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))


def _serve(url: str, tell: Connection) -> None:
    async def serve() -> None:
        app = build_api(ApiSettings(database_url=url, port=0))
        stop = asyncio.Event()
        running = asyncio.create_task(app.run(stop))
        await app.started.wait()
        tell.send(app.port)
        await running

    asyncio.run(serve())


@contextmanager
def _server(url: str) -> Iterator[tuple[int, int]]:
    """The port and the process id of an API process."""
    context = multiprocessing.get_context("spawn")
    hear, tell = context.Pipe()
    process = context.Process(target=_serve, args=(url, tell), daemon=True)
    process.start()
    try:
        if process.pid is None or not hear.poll(60):
            raise RuntimeError("the API did not start")
        yield hear.recv(), process.pid
    finally:
        process.terminate()
        process.join(10)


class _Reader(asyncio.Protocol):
    """One WebSocket, as little of one as serves: it notes when its last event came."""

    def __init__(self, key: str, query: str) -> None:
        self._messages = (
            f'{{"type":"connection_init","payload":{{"authorization":"Bearer {key}"}}}}',
            f'{{"id":"1","type":"subscribe","payload":{{"query":"{query}"}}}}',
        )
        self.transport: Any = None
        self.events = 0
        self.at_s = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        words = base64.b64encode(os.urandom(16)).decode()
        head = f"GET /graphql HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {words}"
        transport.write(
            f"{head}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if b"101 Switching" in data:
            self.transport.write(_frame(self._messages[0]))
        if b"connection_ack" in data:
            self.transport.write(_frame(self._messages[1]))
        if b'"next"' in data:
            self.at_s = time.perf_counter()
            self.events += data.count(b'"next"')


def _frame(text: str) -> bytes:
    """A masked text frame; the mask is zero."""
    payload = text.encode()
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    return b"\x81" + length + b"\0\0\0\0" + payload


async def _measure(url: str) -> list[Figure]:
    store = Store.open(url)
    async with store.begin() as work:
        made = await api_keys.create(work, role="operator", label="bench", identity_id=None, now=datetime.now(UTC))
    try:
        with _server(url) as (port, process):
            query = f'subscription {{ balances(address: \\"{address_of(7)}\\") {{ cursor nodes {{ final }} }} }}'
            warm = await _connected(port, made.text, query, AT_ONCE)
            before_kb = _resident_kb(process)
            readers = await _connected(port, made.text, query, READERS)
            memory_kb = (_resident_kb(process) - before_kb) / READERS
            readers[0].transport.pause_reading()
            lates, cpu_us = [], []
            for _ in range(EVENTS):
                late_s, took_s = await _event(store, process, readers[1:])
                lates.append(late_s)
                cpu_us.append(took_s / READERS * 1e6)
                print(f"    p99 {late_s:.3f} s, {cpu_us[-1]:.1f} us a subscriber", flush=True)
            for reader in (*warm, *readers):
                reader.transport.abort()
    finally:
        await store.close()
    return [
        Figure("one event to 10 000, p99", statistics.median(lates), "s", "allowed", P99_ALLOWED_S, 1.0, True),
        Figure("CPU a subscriber", statistics.median(cpu_us), "us", "allowed", CPU_ALLOWED_US, 1.0, True),
        Figure("memory a connection", memory_kb, "KB", "allowed", MEMORY_ALLOWED_KB, 1.0, True),
        await _together(url),
    ]


async def _connected(port: int, key: str, query: str, count: int) -> list[_Reader]:
    loop, readers = asyncio.get_running_loop(), [_Reader(key, query) for _ in range(count)]
    for start in range(0, count, AT_ONCE):
        some = readers[start : start + AT_ONCE]
        await asyncio.gather(*[_connect(loop, reader, port) for reader in some])
        await _until(lambda some=some: all(reader.events for reader in some))
        if start % 2000 == 0:
            print(f"    {start} connected", flush=True)
    return readers


async def _connect(loop: asyncio.AbstractEventLoop, reader: _Reader, port: int) -> None:
    await loop.create_connection(lambda: reader, "127.0.0.1", port)


async def _event(store: Store, process: int, readers: list[_Reader]) -> tuple[float, float]:
    """When 99 of 100 had heard of one commit, and what CPU time the server took for it, both in seconds."""
    expected, cpu_s = readers[0].events + 1, _cpu_s(process)
    async with store.begin() as work:
        await outbox.announce(work, "balance", "mem_7", datetime.now(UTC))
    began_s = time.perf_counter()
    await _until(lambda: all(reader.events >= expected for reader in readers))
    late = sorted(reader.at_s - began_s for reader in readers)
    await asyncio.sleep(0.5)
    return max(late[int(len(late) * 0.99)], 1e-6), _cpu_s(process) - cpu_s


async def _until(condition: Any) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110  the readers are ten thousand, and only all of them count
            await asyncio.sleep(0.02)


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_kb(process: int) -> float:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


async def _together(url: str) -> Figure:
    """Balances of a thousand members, each his own: one statement beside a thousand."""
    schema = build_schema()._schema
    operation = operation_of(parse(OWN), None)
    scope = Scope(everything=False, identity_ids=("mem_1",))
    plan: Plan | None = None
    if operation is not None:
        plan = Plans(schema, on_sqlite=False, token=False).plan(OWN, operation, {}, scope, guarded=False)
    if plan is None or plan.many is None:
        raise RuntimeError("the stream of balances has no plan for many")
    askers, runner = [Asker((f"mem_{number}",)) for number in range(1, MEMBERS + 1)], runner_for(url)
    once, singly = [], []
    try:
        for _ in range(5):
            began_s = time.perf_counter()
            together = await runner.run_batch(plan.many, [], askers)
            once.append(time.perf_counter() - began_s)
            began_s = time.perf_counter()
            alone = [await runner.run(plan.statement, [], asker, 1) for asker in askers]
            singly.append(time.perf_counter() - began_s)
            if together != alone:
                raise RuntimeError("a batch answers otherwise than one by one")
    finally:
        await runner.close()
    name, value = "own balances of 1 000 members, one statement", statistics.median(once) * 1000
    return Figure(name, value, "ms", "one by one", statistics.median(singly) * 1000, STATEMENTS_GATE, True)
