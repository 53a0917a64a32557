"""The two servers, each one process beside the same PostgreSQL, as their own command lines start them."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.private_postgres import free_port

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".bench" / "answer_queries"
_POSTGRAPHILE = Path(__file__).with_name("postgraphile")
_START_S = 60.0


class NoAnswer(Exception):
    """A server cannot be installed, did not start, or answered otherwise than expected; without it there is no figure."""


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
    left_out = ("API_", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    port = free_port()
    environment |= {"API_DATABASE_URL": database_url, "API_PORT": str(port)}
    with _running("ours", [sys.executable, "-m", "api", "run"], environment, ROOT, port) as pid:
        yield Server("ours", pid, port, keys)


@contextmanager
def postgraphile(database_url: str) -> Iterator[Server]:
    """PostGraphile 5.1.5 on Node 22."""
    folder = _installed_postgraphile()
    node = next(folder.glob("node_modules/node-linux-*/bin/node"), None)
    if node is None:
        raise NoAnswer("npm brings no Node 22 for this machine: the bench runs on Linux with x64 or arm64")
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
        "BENCH_DATABASE_URL": database_url,
        "BENCH_PORT": str(port),
    }
    with _running("PostGraphile", [str(node), "server.mjs"], environment, folder, port) as pid:
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


def _installed_postgraphile() -> Path:
    """The folder where PostGraphile stands, installed from its lock where it does not yet."""
    folder = FOLDER / "postgraphile"
    lock = (_POSTGRAPHILE / "package-lock.json").read_text()
    stamp = folder / "node_modules" / ".installed"
    shutil.copytree(_POSTGRAPHILE, folder, dirs_exist_ok=True)
    if not stamp.exists() or stamp.read_text() != lock:
        print("  installing PostGraphile and its Node from npm", flush=True)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoAnswer(f"npm cannot install PostGraphile:\n{done.stderr[-2000:]}")
        stamp.write_text(lock)
    return folder
