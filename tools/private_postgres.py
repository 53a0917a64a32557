"""A private PostgreSQL server for tests and benches: own directory, own port; a session's is removed at the end.

The server binaries are those that are installed (Debian's package ``postgresql``); nothing of an installed cluster is
touched. ``initdb`` refuses to run as root, so a root session runs the server as ``postgres`` or ``nobody``.
Durability is switched off: the data of a session live as long as it, and those that a bench keeps can be made anew. A bench
that measures writing asks for a durable one.
"""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUPERUSER = "postgres"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
NEEDED = ("initdb", "postgres", "psql")
_STRATEGIES_SINCE = 150000

_FAST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


_DURABLE_SETTINGS = {
    "max_connections": "60",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresUnavailable(RuntimeError):
    """No private PostgreSQL server can be started here; the text says what to do."""


def find_binaries() -> Path:
    """The directory that holds ``initdb``, ``postgres`` and ``psql``; raises PostgresUnavailable if none does."""
    for directory in _candidate_directories():
        if all(os.access(directory / name, os.X_OK) for name in NEEDED):
            return directory
    raise PostgresUnavailable(
        "The tests need the PostgreSQL server programs (initdb, postgres, psql): "
        "install the package postgresql, for example with: sudo apt-get install postgresql"
    )


def _candidate_directories() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())
    installed = Path("/usr/lib/postgresql")
    if installed.is_dir():
        versions = [path for path in installed.iterdir() if path.name.isdigit()]
        yield from (path / "bin" for path in sorted(versions, key=lambda path: int(path.name), reverse=True))
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom the server runs as when this session is root; None when it is not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresUnavailable("PostgreSQL refuses to run as root and there is no user postgres or nobody: add one.")


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class PrivatePostgres:
    """One running server. ``create_database()`` gives the address of a new, empty database each time."""

    binaries: Path
    directory: Path
    user: pwd.struct_passwd | None
    port: int = 0
    durable: bool = False
    version: int = 0
    shared_buffers: str | None = None
    _process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def url(self, database: str) -> str:
        """``postgresql://`` address of a database on this server."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def create_database(self, template: str = "template1") -> str:
        """Create a database, empty or with what the database `template` has; returns its address."""
        name = f"community_{next(self._numbers)}"
        # copying files takes half the time of copying through the log, which is the default since 15; before, it was the only way
        strategy = " STRATEGY FILE_COPY" if self.version >= _STRATEGIES_SINCE else ""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"{strategy}')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database with whoever is still connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{url.rsplit("/", 1)[1]}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run one statement through psql; returns unaligned rows; raises PostgresUnavailable with the server's words."""
        command = [str(self.binaries / "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]
        answer = subprocess.run(
            [*command, "--command", statement, self.url(database)],
            capture_output=True, text=True, check=False, timeout=60, env=_environment(), cwd=self.directory,
        )  # fmt: skip
        if answer.returncode != 0:
            raise PostgresUnavailable(f"PostgreSQL refused {statement!r}: {answer.stderr.strip()}")
        return answer.stdout.strip()

    def initialise(self) -> None:
        """Create the cluster's files."""
        command = [str(self.binaries / "initdb"), f"--pgdata={self.data}", f"--username={SUPERUSER}"]
        command += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        answer = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120,
            env=_environment(), cwd=self.directory, **_identity(self.user),
        )  # fmt: skip
        if answer.returncode != 0:
            raise PostgresUnavailable(f"initdb failed: {answer.stderr.strip() or answer.stdout.strip()}")

    def start(self, port: int | None = None) -> None:
        """Start the server on a free port of the loopback interface, or on `port`, and wait until it answers."""
        self.port = port or free_port()
        self._start()

    def crash(self) -> None:
        """End the server as a crash does, with every connection, and start it again at the same place."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGQUIT)  # immediate shutdown: nothing is written any more
        process.wait(STOP_TIMEOUT_S)
        self._start()

    def _start(self) -> None:
        settings = {
            **(_DURABLE_SETTINGS if self.durable else _FAST_SETTINGS),
            **({} if self.shared_buffers is None else {"shared_buffers": self.shared_buffers}),
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
        }
        settings["unix_socket_directories"] = ""  # a socket's name has at most 107 bytes, a directory's more
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        command += [argument for key, value in settings.items() for argument in ("-c", f"{key}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=_environment(), cwd=self.directory, start_new_session=True, **_identity(self.user),
            )  # fmt: skip
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(PostgresUnavailable):
                self.version = int(self.execute("SHOW server_version_num"))
                return
            time.sleep(0.05)
        words = self.log.read_text(errors="replace")[-2000:]
        self.stop()
        raise PostgresUnavailable(f"The private PostgreSQL server did not start. Its log ends:\n{words}")

    def kill_and_start_again(self) -> None:
        """kill -9 of the server and all its processes, then the recovery, on the same port."""
        process, self._process = self._process, None
        if process is None:
            raise PostgresUnavailable("The private PostgreSQL server does not run.")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for pid in (process.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(STOP_TIMEOUT_S)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.start(self.port)

    def stop(self, *, keep: bool = True) -> None:
        """Fast shutdown; where the data are not kept an immediate one, which writes nothing. Killed if it does not obey."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT if keep else signal.SIGQUIT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_TIMEOUT_S)


def _environment() -> dict[str, str]:
    """The environment without PG* variables, which would redirect the programs to another server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _identity(user: pwd.struct_passwd | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def private_postgres(*, durable: bool = False, shared_buffers: str | None = None) -> Iterator[PrivatePostgres]:
    """A running private server, stopped and removed on the way out; raises PostgresUnavailable when it cannot be.

    `shared_buffers`: more memory than tests need, for who writes a lot.
    """
    binaries, user = find_binaries(), _unprivileged_user()
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    server = PrivatePostgres(binaries, directory, user, durable=durable, shared_buffers=shared_buffers)
    try:
        if user is not None:
            os.chown(directory, user.pw_uid, user.pw_gid)
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop(keep=False)
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def kept_postgres(directory: Path) -> Iterator[PrivatePostgres]:
    """A running server whose data stay in `directory` for the next time; raises PostgresUnavailable."""
    binaries, user = find_binaries(), _unprivileged_user()
    directory.mkdir(parents=True, exist_ok=True)
    server = PrivatePostgres(binaries, directory, user)
    try:
        if user is not None:
            os.chown(directory, user.pw_uid, user.pw_gid)
        if not (server.data / "PG_VERSION").exists():
            server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
