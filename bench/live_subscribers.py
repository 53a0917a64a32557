"""Ten thousand WebSockets on one API process, one balance event to all: how late the last hears of it, and what each costs.

The server is the product's own command line; what it costs is its own CPU time, and the memory it takes for each connection
beyond the first two thousand. The readers are a process of their own. Beside them one is stuck: its streams are larger than
what the kernel keeps for it, and it never reads. Then the balances of a thousand members, each his own, by one statement and
one by one.
"""

import asyncio
import os
import resource
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

from graphql import parse

from api.plans.operations import Plan, Plans, operation_of
from api.schema import build_schema
from bench.answer_queries.servers import our_api
from bench.ledger_of_size import Size, address_of, build
from bench.measuring import Figure
from bench.watching.readers import Readers, readers
from community.store import api_keys, outbox
from community.store.plans.running import Asker, runner_for
from community.store.unit_of_work import Store
from community.store.views.scope import Scope
from tools.private_postgres import private_postgres

NAME = "live_subscribers"
FIRST, READERS, EVENTS = 2000, 10_000, 9
STREAMS, HEAVY_EVENTS = 20, 60
MEMBERS = 1000
P99_ALLOWED_S, CPU_ALLOWED_US, MEMORY_ALLOWED_KB = 0.35, 20.0, 40.0
STATEMENTS_GATE = 3.0
OWN = "subscription { balances { cursor nodes { final mintedNotFinal } } }"
WATCHED = f'subscription {{ balances(address: "{address_of(7)}") {{ cursor nodes {{ final }} }} }}'
_RUN = "{ id startedAt finalisedBlock finalisedHash verifiedWh issuedWh settledWh supply matchCount breakCount agrees }"
HEAVY = "subscription { breaks { cursor " + " ".join(f"r{n}: reconciliation {_RUN}" for n in range(15)) + " } }"
"""What the stuck reader watches: four kilobytes an event and stream."""


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


async def _measure(url: str) -> list[Figure]:
    store = Store.open(url)
    async with store.begin() as work:
        made = await api_keys.create(work, role="operator", label="bench", identity_id=None, now=datetime.now(UTC))
    lates, cpu_us = [], []
    try:
        with (
            our_api(url, {"operator": made.text}) as server,
            readers(server.port, made.text, WATCHED, HEAVY, STREAMS) as watching,
        ):
            await asyncio.to_thread(watching.connect, FIRST)
            before_kb = _resident_kb(server.pid)
            await asyncio.to_thread(watching.connect, READERS - FIRST)
            memory_kb = (_resident_kb(server.pid) - before_kb) / (READERS - FIRST)
            print(f"    {READERS} connected, {memory_kb:.1f} KB each", flush=True)
            await _stick(store, watching)
            for number in range(EVENTS):
                late_s, took_s = await _event(store, server.pid, watching, number + 2)
                lates.append(late_s)
                cpu_us.append(took_s / READERS * 1e6)
                print(f"    p99 {late_s:.3f} s, {cpu_us[-1]:.1f} us a subscriber", flush=True)
    finally:
        await store.close()
    return [
        Figure("one event to 10 000, p99", statistics.median(lates), "s", "allowed", P99_ALLOWED_S, 1.0, True),
        Figure("CPU a subscriber", statistics.median(cpu_us), "us", "allowed", CPU_ALLOWED_US, 1.0, True),
        Figure("memory a connection", memory_kb, "KB", "allowed", MEMORY_ALLOWED_KB, 1.0, True),
        await _together(url),
    ]


async def _stick(store: Store, watching: Readers) -> None:
    """One reader whom the kernel takes nothing more for: five megabytes, and he never reads."""
    await asyncio.to_thread(watching.stick)
    for number in range(1, HEAVY_EVENTS + 1):
        await _announce(store, "break", "brk_1")
        await asyncio.to_thread(watching.witness, number)
    print("    one more is stuck", flush=True)


async def _announce(store: Store, topic: str, subject: str) -> None:
    async with store.begin() as work:
        await outbox.announce(work, topic, subject, datetime.now(UTC))


async def _event(store: Store, process: int, watching: Readers, expected: int) -> tuple[float, float]:
    """When 99 of 100 had heard of one commit since it began, and what CPU time the server took for it, both in seconds."""
    cpu_s, began_s = _cpu_s(process), time.monotonic()
    await _announce(store, "balance", "mem_7")
    heard = await asyncio.to_thread(watching.heard, expected)
    await asyncio.sleep(0.5)
    first_s, half_s, p99_s = (heard[int((len(heard) - 1) * part)] - began_s for part in (0.0, 0.5, 0.99))
    print(f"    first {first_s:.3f} s, half {half_s:.3f} s", flush=True)
    return p99_s, _cpu_s(process) - cpu_s


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
