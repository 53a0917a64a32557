"""The two servers, each one process beside the same PostgreSQL, as their own command lines start them."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.programs import installed, own_environment
from tools.private_postgres import free_port

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".bench" / "answer_queries"
_POSTGRAPHILE = Path(__file__).with_name("postgraphile")
_START_S = 60.0


class NoAnswer(Exception):
    """A server did not start, or answered otherwise than expected; without it there is no figure."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its process, where it listens, and what it may be asked with, by role."""

    name: str
    pid: int
    port: int
    keys: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"


@contextmanager
def our_api(database_url: str, keys: Mapping[str, str]) -> Iterator[Server]:
    """`python -m api run`, with everything that it ships with: keys, row permissions, limits."""
    port = free_port()
    environment = own_environment("API_", API_DATABASE_URL=database_url, API_PORT=str(port))
    with _running("ours", [sys.executable, "-m", "api", "run"], environment, ROOT, port) as pid:
        yield Server("ours", pid, port, keys)


@contextmanager
def postgraphile(database_url: str) -> Iterator[Server]:
    """PostGraphile 5.1.5 on Node 22."""
    program = installed("PostGraphile", _POSTGRAPHILE, FOLDER / "postgraphile")
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(program.folder),
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
        "BENCH_DATABASE_URL": database_url,
        "BENCH_PORT": str(port),
    }
    with _running("PostGraphile", [str(program.node), "server.mjs"], environment, program.folder, port) as pid:
        yield Server("PostGraphile 5.1.5", pid, port, {})


@contextmanager
def _running(
    name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, port: int
) -> Iterator[int]:
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, env=environment, cwd=folder, stdout=said, stderr=subprocess.STDOUT) as process,
    ):
        try:
            _wait_for(name, process, port)
            yield process.pid
        except NoAnswer as problem:
            said.seek(0)
            raise NoAnswer(f"{problem}. Its last words:\n{said.read()[-2000:].decode(errors='replace')}") from problem
        finally:
            process.kill()


def _wait_for(name: str, process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise NoAnswer(f"{name} did not start")
