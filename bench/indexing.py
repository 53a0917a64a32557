"""Indexing half a million transfers from a local node: ours beside Ponder 0.17.7, a web3.py loop, and the node itself.

All in one run on one chain, which is built once and kept (`make clean` removes it). Ponder has six addresses for the node,
because it limits itself by address, and indexes the first 200 000 transfers: its rate and its CPU time for an event are the same
for more of them, as are those of the loop, which takes 20 000. Its npm package `ponder` at 1.0.0 is a mistaken publication of an
old version.
"""

import asyncio
import statistics
import tempfile
from pathlib import Path

from bench.index_chain import runs
from bench.index_chain.chain import BenchChain, running_chain
from bench.index_chain.latency import block_to_notice_ms
from bench.index_chain.runs import Run
from bench.measuring import Figure
from community.store.schema import migrate
from tools.private_postgres import PrivatePostgres, free_port, private_postgres

NAME = "indexing"
TURNS = 3
PONDER_BLOCKS = 4_000
PONDER_GATE = 15.0
CPU_GATE = 10.0
FLOOR_GATE = 0.45
SQLITE_GATE = 0.5
MEMORY_MAX_MB = 250.0
GROWTH_MAX = 1.25
LATENCY_MAX_MS = 100.0
SHARED_BUFFERS = "256MB"
"""A server for tests has so little that it writes each page several times; one that is used has more."""


def run() -> list[Figure]:
    with running_chain(free_port()) as chain, private_postgres(shared_buffers=SHARED_BUFFERS) as server:
        postgresql, sqlite, floors, indexed = [], [], [], ""
        for _ in range(TURNS):
            floors.append(runs.floor(chain))
            indexed = _database(server)
            postgresql.append(_said("ours on PostgreSQL", runs.ours(chain, indexed, _pid(server))))
            sqlite.append(_said("ours on SQLite", _on_sqlite(chain)))
        ponder = _said("Ponder 0.17.7", runs.ponder(chain, server.create_database(), _pid(server), PONDER_BLOCKS))
        web3 = runs.web3_loop(chain)
        latency_ms = block_to_notice_ms(chain, indexed)
    ours = statistics.median(one.events_s for one in postgresql)
    on_sqlite = statistics.median(one.events_s for one in sqlite)
    cpu_s = statistics.median(one.cpu_s_a_million for one in postgresql)
    peak_mb = max(one.peak_mb for one in (*postgresql, *sqlite))
    growth = max(one.growth for one in (*postgresql, *sqlite))
    floor = statistics.median(floors)
    limit = {"less_is_better": True}
    return [
        Figure(f"{NAME}_postgresql", ours, "events/s", "Ponder 0.17.7", ponder.events_s, PONDER_GATE),
        Figure(
            f"{NAME}_cpu",
            cpu_s,
            "CPU s for 1 M events, with PostgreSQL",
            "Ponder 0.17.7",
            ponder.cpu_s_a_million,
            CPU_GATE,
            **limit,
        ),
        Figure(f"{NAME}_of_the_floor", ours, "events/s", "all logs fetched, unparsed", floor, FLOOR_GATE),
        Figure(f"{NAME}_sqlite", on_sqlite, "events/s", "ours on PostgreSQL", ours, SQLITE_GATE),
        Figure(f"{NAME}_web3", ours, "events/s", "web3.py get_logs and process_log", web3, PONDER_GATE),
        Figure(f"{NAME}_memory", peak_mb, "MB", "most allowed", MEMORY_MAX_MB, 1.0, **limit),
        Figure(f"{NAME}_memory_growth", growth, "second half/first", "most allowed", GROWTH_MAX, 1.0, **limit),
        Figure(f"{NAME}_latency_p99", latency_ms, "ms, mined to noticed", "most allowed", LATENCY_MAX_MS, 1.0, **limit),
    ]


def _database(server: PrivatePostgres) -> str:
    url = server.create_database()
    asyncio.run(migrate(url))
    return url


def _pid(server: PrivatePostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def _on_sqlite(chain: BenchChain) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'community.db'}"
        asyncio.run(migrate(url))
        return runs.ours(chain, url)


def _said(name: str, one: Run) -> Run:
    print(
        f"  {name}: {one.events_s:,.0f} events/s, CPU {one.cpu_s:.1f} s + {one.database_cpu_s:.1f} s, {one.peak_mb:.0f} MB",
        flush=True,
    )
    return one
