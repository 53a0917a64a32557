"""Answers to four questions from PostgreSQL: ours beside PostGraphile 5.1.5, the CPU time of a request with the database's.

1 000 members, 200 devices, a million measurements, 100 000 transfers, the same tables and indexes for both; PostGraphile has functions
besides, as somebody who knows it would write them, and a pool of 8. Ours answers with an API key, limits and row permissions on; PostGraphile
asks nobody who he is. Both must give the same facts before anything is measured. They take turns at the load of wrk; the median
turn counts.
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench.answer_queries.load import Cost, facts, load, prepare_wrk
from bench.answer_queries.questions import MEMBER, QUESTIONS, Question
from bench.answer_queries.servers import NoAnswer, Server, our_api, postgraphile
from bench.ledger_of_size import Size, build
from bench.measuring import Figure
from community.store import api_keys
from community.store.unit_of_work import Store
from tools.private_postgres import private_postgres

NAME = "answering"
TRANSFERS, MEASUREMENTS = 100_000, 1_000_000
TURNS, WARM_S, TURN_S = 3, 2, 4
PEER = "PostGraphile 5.1.5"
_SQL = Path(__file__).with_name("answer_queries")


def run() -> list[Figure]:
    """Measure on PostgreSQL."""
    prepare_wrk()
    with private_postgres() as postgres:
        url = postgres.create_database()
        keys = asyncio.run(_filled(url))
        database = int((postgres.data / "postmaster.pid").read_text().splitlines()[0])
        with our_api(url, keys) as ours, postgraphile(url) as theirs:
            return [figure for question in QUESTIONS for figure in _measured(question, ours, theirs, database)]


def _measured(question: Question, ours: Server, theirs: Server, database: int) -> Iterator[Figure]:
    own = facts(ours, question.ours, question.role)
    if own != facts(theirs, question.theirs, question.role):
        raise NoAnswer(f"{question.name}: the two do not answer the same")
    turns: list[tuple[Cost, Cost]] = []
    for seconds in (WARM_S, *[TURN_S] * TURNS):
        one = load(ours, database, question.ours, question.role, seconds)
        turns.append((one, load(theirs, database, question.theirs, question.role, seconds)))
    mine = _median([cost for cost, _ in turns[1:]])
    peer = _median([cost for _, cost in turns[1:]])
    for name, cost in (("ours", mine), (PEER, peer)):
        print(
            f"  {question.name}, {name}: {cost.requests_s:,.0f} requests/s, CPU {cost.cpu_ms:.3f} ms "
            f"({cost.server_ms:.3f} server + {cost.database_ms:.3f} PostgreSQL)",
            flush=True,
        )
    # `gate` is the most of the peer's CPU time that may be taken; a figure's gate is how many times less it must be
    print(f"  {question.name}: {mine.cpu_ms / peer.cpu_ms:.2f} of the peer's CPU, {question.gate} allowed", flush=True)
    cpu_us = (mine.cpu_ms * 1000, peer.cpu_ms * 1000)
    yield Figure(f"{question.name}, CPU", cpu_us[0], "us a request", PEER, cpu_us[1], 1 / question.gate, True)
    yield Figure(f"{question.name}, rate", mine.requests_s, "requests/s", PEER, peer.requests_s, 1.0)


def _median(costs: list[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.cpu_ms)[len(costs) // 2]


async def _filled(url: str) -> dict[str, str]:
    """Fill the empty database, and make an API key for each role that asks."""
    began = time.perf_counter()
    await build(url, Size(TRANSFERS), progress=False)
    connection = await asyncpg.connect(url)
    try:
        rows = (_SQL / "community.sql").read_text().format(measurements=MEASUREMENTS)
        await connection.execute(rows)
        await connection.execute((_SQL / "for_postgraphile.sql").read_text())
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    print(f"  data written in {time.perf_counter() - began:.0f} s", flush=True)
    store = Store.open(url)
    try:
        keys = {}
        async with store.begin() as work:
            for role, identity in (("operator", None), ("member", f"mem_{MEMBER}")):
                made = await api_keys.create(
                    work, role=role, label="bench", identity_id=identity, now=datetime.now(UTC)
                )
                keys[role] = made.text
        return keys
    finally:
        await store.close()
