"""Running plans: a pool of PostgreSQL's own connections, or SQLite's file read within the event loop."""

import asyncio
import json
import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import asyncpg
from sqlalchemy.dialects import sqlite as sqlite_dialects
from sqlalchemy.engine import make_url

from community.store.column_types import UtcInstant
from community.store.engine import BUSY_TIMEOUT_S
from community.store.plans.compiler import Parameter, Statement
from community.store.plans.marks import MISSING
from community.store.plans.shapes import NotCompilable
from community.store.unit_of_work import StoreUnavailable
from community.store.views.keyset import key_values

POOL_SIZE = 8
STATEMENTS_KEPT = 500
ROWS_IN_LOOP_MAX = 500
"""Above this bound of rows a plan on SQLite runs in a thread: nobody else waits for it."""
_SETTINGS = {
    "jit": "off",
    "timezone": "UTC",
    "default_transaction_read_only": "on",
    # what plans ask for is in memory or on a disk without heads: one row by its index, not a table read through for it, and
    # never mind that the table is small: within a page of devices it would be read through for each of them
    "random_page_cost": "1.1",
    "enable_seqscan": "off",
    # planned once a connection: to plan such a statement anew for a page of one row takes longer than to carry it out
    "plan_cache_mode": "force_generic_plan",
}
_SQLITE = sqlite_dialects.dialect()


@dataclass(frozen=True, slots=True)
class Asker:
    """What a plan takes of whoever asks. `ids` are the identities that his scope names, his own first."""

    ids: tuple[str, ...] = ()
    credential: str = ""
    role: str = ""
    label: str = ""
    identity: str | None = None
    now: datetime | None = None
    token: str | None = None

    @property
    def behind(self) -> int:
        """Members that a user stands behind."""
        return max(0, len(self.ids) - 1)


class Runner(Protocol):
    """Runs statements on one database."""

    sqlite: bool

    async def run(self, statement: Statement, values: Sequence[Any], asker: Asker, rows_max: int) -> bytes | None:
        """The answer; None where the statement has no row, or a root that is required is missing.

        Raises StoreUnavailable, and CursorInvalid for a cursor that is not of the list.
        """
        ...

    async def run_batch(self, statement: Statement, values: Sequence[Any], askers: Sequence[Asker]) -> list[bytes]:
        """The answers for many askers, in their order, by one statement."""
        ...

    async def close(self) -> None: ...


def _bound(
    parameters: Sequence[Parameter], values: Sequence[Any], asker: Asker, ids: Any, *, on_sqlite: bool
) -> list[Any]:
    keys: dict[int, list[Any]] = {}
    bound = []
    for parameter in parameters:
        if parameter.asker is not None:
            bound.append(ids if parameter.asker == "ids" else _plain(getattr(asker, parameter.asker), on_sqlite))
        elif parameter.slot is None:
            bound.append(parameter.constant)
        elif parameter.key is None:
            bound.append(_plain(values[parameter.slot], on_sqlite))
        else:
            if parameter.slot not in keys:
                keys[parameter.slot] = key_values(values[parameter.slot], parameter.key_types)
            bound.append(_plain(keys[parameter.slot][parameter.key], on_sqlite))
    return bound


def _plain(value: Any, on_sqlite: bool) -> Any:
    if on_sqlite and isinstance(value, datetime):
        return UtcInstant().process_bind_param(value, _SQLITE)
    return value


def _complete(answer: str) -> bytes | None:
    """The answer, unless a root that must be there is missing."""
    return None if MISSING in answer else answer.encode()


class _Connections:
    """Connections to one database, at most `POOL_SIZE`; whoever finds none free waits for his turn.

    asyncpg's own pool wraps a connection anew for each statement, which takes a quarter of the time of a small plan.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._free: list[Any] = []
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> Any:
        """A connection that nobody uses. Raises what asyncpg raises where the database is away."""
        while True:
            while self._free:
                connection = self._free.pop()
                if not connection.is_closed():
                    return connection
                self._open -= 1
            if self._open < POOL_SIZE:
                return await self._opened()
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._next()
                raise

    async def _opened(self) -> Any:
        self._open += 1
        try:
            return await asyncpg.connect(self._dsn, statement_cache_size=STATEMENTS_KEPT, server_settings=_SETTINGS)
        except BaseException:
            self._open -= 1
            self._next()
            raise

    def give_back(self, connection: Any) -> None:
        """For the next one: plans leave nothing behind on a connection."""
        self._free.append(connection)
        self._next()

    def give_up(self, connection: Any) -> None:
        """End a connection on which a statement may still run."""
        connection.terminate()
        self._open -= 1
        self._next()

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def close(self) -> None:
        """Close those that nobody uses."""
        free, self._free = self._free, []
        for connection in free:
            await connection.close()


class PostgresRunner:
    """Plans on PostgreSQL: prepared once a connection, each in a transaction of its own, which is one snapshot."""

    sqlite = False

    def __init__(self, url: str) -> None:
        dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connections = _Connections(dsn)

    async def run(self, statement: Statement, values: Sequence[Any], asker: Asker, rows_max: int) -> bytes | None:  # noqa: ARG002
        bound = _bound(statement.parameters, values, asker, list(asker.ids), on_sqlite=False)
        rows = await self._rows(statement.sql, bound)
        return None if not rows else _complete(rows[0][0])

    async def run_batch(self, statement: Statement, values: Sequence[Any], askers: Sequence[Asker]) -> list[bytes]:
        ids = json.dumps([asker.ids for asker in askers])
        bound = _bound(statement.parameters, values, askers[0], ids, on_sqlite=False)
        rows = await self._rows(statement.sql, bound)
        return [answer.encode() for _, answer in sorted((row[0], row[1]) for row in rows)]

    async def close(self) -> None:
        await self._connections.close()

    async def _rows(self, sql: str, bound: list[Any]) -> list[Any]:
        try:
            connection = await self._connections.take()
            try:
                rows: list[Any] = await connection.fetch(sql, *bound)
            except asyncpg.PostgresError:
                self._connections.give_back(connection)
                raise
            except BaseException:
                self._connections.give_up(connection)
                raise
            self._connections.give_back(connection)
            return rows
        except (
            OSError,
            asyncpg.PostgresConnectionError,
            asyncpg.InterfaceError,
            asyncpg.TooManyConnectionsError,
        ) as error:
            raise StoreUnavailable(f"The database is busy or away: {error}") from error


class SqliteRunner:
    """Plans on a SQLite file, read by two connections: one within the event loop for small plans, one in a thread."""

    sqlite = True

    def __init__(self, url: str) -> None:
        self._path = make_url(url).database or ""
        self._quick: sqlite3.Connection | None = None
        self._slow: sqlite3.Connection | None = None
        self._turn = asyncio.Lock()

    async def run(self, statement: Statement, values: Sequence[Any], asker: Asker, rows_max: int) -> bytes | None:
        bound = _bound(statement.parameters, values, asker, json.dumps(asker.ids), on_sqlite=True)
        rows = await self._rows(statement.sql, bound, small=rows_max <= ROWS_IN_LOOP_MAX)
        return None if not rows else _complete(rows[0][0])

    async def run_batch(self, statement: Statement, values: Sequence[Any], askers: Sequence[Asker]) -> list[bytes]:
        ids = json.dumps([asker.ids for asker in askers])
        bound = _bound(statement.parameters, values, askers[0], ids, on_sqlite=True)
        rows = await self._rows(statement.sql, bound, small=False)
        return [answer.encode() for _, answer in sorted(rows)]

    async def _rows(self, sql: str, bound: list[Any], *, small: bool) -> list[Any]:
        try:
            if small:
                self._quick = self._quick or self._open()
                return self._quick.execute(sql, bound).fetchall()
            async with self._turn:
                return await asyncio.to_thread(self._in_thread, sql, bound)
        except sqlite3.OperationalError as error:
            if "parser stack overflow" in str(error):
                raise NotCompilable("SQLite's parser reads no deeper") from error
            if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN):
                raise StoreUnavailable(f"The database is busy or away: {error}") from error
            raise

    def _in_thread(self, sql: str, bound: list[Any]) -> list[Any]:
        self._slow = self._slow or self._open()
        return self._slow.execute(sql, bound).fetchall()

    def _open(self) -> sqlite3.Connection:
        opened = sqlite3.connect(
            f"file:{self._path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False,
            isolation_level=None, cached_statements=STATEMENTS_KEPT,
        )  # fmt: skip
        opened.execute("PRAGMA query_only = ON")
        return opened

    async def close(self) -> None:
        async with self._turn:
            for opened in (self._quick, self._slow):
                if opened is not None:
                    opened.close()
            self._quick = self._slow = None


def runner_for(url: str) -> Runner:
    """The runner of the database at `url`."""
    return SqliteRunner(url) if make_url(url).get_backend_name() == "sqlite" else PostgresRunner(url)
