"""Who indexes the chain: our indexer as its command line runs it, Ponder, a plain web3.py loop, and nobody (the floor)."""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from web3 import Web3

from bench.index_chain.chain import CHAIN_ID, FOLDER, ROOT, BenchChain
from bench.index_chain.costs import Costs, watched
from bench.programs import installed, own_environment
from community.clients.json_rpc import request_body
from contracts.artifacts import load

_PONDER = Path(__file__).with_name("ponder")
_TOOK = re.compile(r"in ([0-9.]+) s\.")
_LIMIT_S = 1_800
_FLOOR_BLOCKS = 400
_WEB3_BLOCKS = 400


class RunFailed(Exception):
    """One of the indexers did not come to its end; without it there is no figure."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one indexer took for `events`: its own rate, CPU seconds with and without its database, memory in MB."""

    events: int
    events_s: float
    cpu_s: float
    database_cpu_s: float
    peak_mb: float
    growth: float

    @property
    def cpu_s_a_million(self) -> float:
        """CPU seconds for a million events, its database's included."""
        return (self.cpu_s + self.database_cpu_s) * 1e6 / self.events


def ours(chain: BenchChain, database_url: str, database_pid: int | None = None) -> Run:
    """`python -m indexer backfill` into a migrated database."""
    environment = own_environment(
        "INDEXER_",
        INDEXER_DATABASE_URL=database_url,
        INDEXER_RPC_URLS=chain.url,
        INDEXER_CHAIN_ID=str(CHAIN_ID),
        INDEXER_TOKEN_ADDRESS=chain.token,
        INDEXER_RPC_TIMEOUT_MS="60000",
    )
    command = [sys.executable, "-m", "indexer", "backfill"]
    output, run = _run(chain.events, command, environment, ROOT, database_pid)
    found = _TOOK.search(output)
    if found is None:
        raise RunFailed(f"our indexer did not come to its end:\n{output[-2000:]}")
    return run(float(found[1]))


def ponder(chain: BenchChain, database_url: str, database_pid: int, blocks: int) -> Run:
    """Ponder 0.17.7 on Node 22, its store in the same PostgreSQL, its seconds as it reports them.

    It indexes the first `blocks` blocks with transfers and those before: its rate does not depend on how many there are.
    """
    installation = installed("Ponder", _PONDER, FOLDER / "ponder")
    folder, node = installation.folder, installation.node
    environment = {
        "PATH": f"{node.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PONDER_TELEMETRY_DISABLED": "1",
        "BENCH_RPC_URL": chain.url,
        "BENCH_DATABASE_URL": database_url,
        "BENCH_TOKEN": chain.token,
        "BENCH_END_BLOCK": str(chain.first_busy - 1 + blocks),
    }
    program = str(folder / "node_modules" / "ponder" / "dist" / "esm" / "bin" / "ponder.js")
    command = [str(node), program, "start", "--schema", "bench", "--log-format", "json", "--port", "0"]
    events = chain.events_in(blocks)
    output, run = _run(events, command, environment, folder, database_pid, until="Completed indexing across all chains")
    for line in output.splitlines():
        if "Completed backfill indexing" in line:
            return run(float(json.loads(line)["duration"]) / 1000)
    raise RunFailed(f"Ponder did not come to its end:\n{output[-2000:]}")


def web3_loop(chain: BenchChain) -> float:
    """Events a second of `get_logs` and `process_log` over a part of the chain, nothing stored but balances."""
    web3 = Web3(Web3.HTTPProvider(chain.url))
    event = web3.eth.contract(abi=list(load("KwhToken").abi)).events["Transfer"]()
    token = Web3.to_checksum_address(chain.token)
    balances: dict[str, int] = {}
    events, began = 0, time.perf_counter()
    for first in range(1, _WEB3_BLOCKS, 100):
        for log in web3.eth.get_logs({"address": token, "fromBlock": first, "toBlock": first + 99}):
            moved = event.process_log(log)["args"]
            balances[moved["from"]] = balances.get(moved["from"], 0) - moved["value"]
            balances[moved["to"]] = balances.get(moved["to"], 0) + moved["value"]
            events += 1
    return events / (time.perf_counter() - began)


def floor(chain: BenchChain) -> float:
    """Events a second of fetching every log over one connection without looking at it: what the node can give."""
    connection = http.client.HTTPConnection("127.0.0.1", int(chain.url.rsplit(":", 1)[1]), timeout=60)
    began = time.perf_counter()
    for first in range(1, chain.head + 1, _FLOOR_BLOCKS):
        where = {"address": [chain.token], "fromBlock": hex(first), "toBlock": hex(first + _FLOOR_BLOCKS - 1)}
        connection.request("POST", "/", request_body([("eth_getLogs", [where])]), {"Content-Type": "application/json"})
        connection.getresponse().read()
    return chain.events / (time.perf_counter() - began)


def _run(
    events: int,
    command: list[str],
    environment: dict[str, str],
    folder: Path,
    database_pid: int | None,
    until: str = "",
) -> tuple[str, Callable[[float], Run]]:
    """Run to the end, or until a line has `until`. The output, and the costs waiting for the seconds it took."""
    lines: list[str] = []
    with ExitStack() as stack:
        database = stack.enter_context(watched(database_pid)) if database_pid is not None else Costs()
        process = stack.enter_context(
            subprocess.Popen(
                command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
        guard = threading.Timer(_LIMIT_S, process.kill)
        guard.start()
        try:
            with watched(process.pid) as costs:
                for line in process.stdout or ():
                    lines.append(line)
                    if until and until in line:
                        break
        finally:
            guard.cancel()
            process.kill()

    def run(took_s: float) -> Run:
        return Run(events, events / took_s, costs.cpu_s, database.cpu_s, costs.peak_mb, costs.growth)

    return "".join(lines), run
