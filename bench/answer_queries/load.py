"""Load on one server by wrk, whose own CPU time does not count: what a request costs, and how many a second there are."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from bench.answer_queries.questions import Asked, Facts
from bench.answer_queries.servers import NoAnswer, Server
from bench.index_chain.costs import watched
from tools.system_packages import SystemPackage, install

WRK = SystemPackage("wrk", ("wrk",))
CONNECTIONS = 16
_SCRIPT = Path(__file__).with_name("wrk_post.lua")
_REQUESTS = re.compile(r"(\d+) requests in")
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_FAILED = re.compile(r"Non-2xx|Socket errors")


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds of a request, those of the server and those of PostgreSQL, and requests a second."""

    server_ms: float
    database_ms: float
    requests_s: float

    @property
    def cpu_ms(self) -> float:
        return self.server_ms + self.database_ms


def prepare_wrk() -> None:
    """Install wrk where it is missing. Raises CannotPrepare."""
    if not WRK.is_present():
        print("  installing wrk", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            install([WRK.name], Path(folder) / "log")


def facts(server: Server, asked: Asked, role: str) -> Facts:
    """What the server answers, once. Raises NoAnswer with what it says instead."""
    answer = httpx.post(server.url, json=_body(asked), headers=_headers(server, role), timeout=60)
    said: Mapping[str, Any] = answer.json()
    if answer.status_code != 200 or said.get("errors") or not said.get("data"):
        raise NoAnswer(f"{server.name} says {answer.status_code} {answer.text[:1000]}")
    return asked.facts(said["data"])


def load(server: Server, database_pid: int, asked: Asked, role: str, seconds: int) -> Cost:
    """Ask for some seconds over a few connections that are kept open."""
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body.json"
        body.write_bytes(msgspec.json.encode(_body(asked)))
        environment = {**os.environ, "BENCH_BODY": str(body), "BENCH_KEY": server.keys.get(role, "")}
        command = [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            "--timeout",
            "30s",
            "-s",
            str(_SCRIPT),
            server.url,
        ]
        with watched(server.pid) as own, watched(database_pid) as database:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    requests, rate = _REQUESTS.search(done.stdout), _RATE.search(done.stdout)
    if requests is None or rate is None or int(requests[1]) == 0 or _FAILED.search(done.stdout):
        raise NoAnswer(f"{server.name} did not bear the load:\n{done.stdout}{done.stderr}")
    count = int(requests[1])
    return Cost(own.cpu_s / count * 1000, database.cpu_s / count * 1000, float(rate[1]))


def _body(asked: Asked) -> dict[str, Any]:
    return {"query": asked.text, "variables": dict(asked.variables)}


def _headers(server: Server, role: str) -> dict[str, str]:
    key = server.keys.get(role)
    return {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
