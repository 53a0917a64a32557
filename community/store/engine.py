"""Opening SQLite and PostgreSQL so that both give the same guarantees."""

from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from community.errors import FatalError

BUSY_TIMEOUT_S = 30
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers never wait for the writer
    "PRAGMA synchronous = FULL",  # a commit is on the disk before anything is acknowledged
    "PRAGMA foreign_keys = ON",  # off by default in SQLite
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}",  # several processes share one file
)


def driver_url(url: str, *, asynchronous: bool = True) -> URL:
    """`url` with our driver. Raises FatalError for anything but sqlite and postgresql."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise FatalError(f"The database URL cannot be read: {error}") from error
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite+aiosqlite" if asynchronous else "sqlite")
        case "postgresql":
            return parsed.set(drivername="postgresql+asyncpg")
        case other:
            raise FatalError(f"The database URL names {other!r}; use sqlite:///path or postgresql://user@host/name")


def open_engine(url: str) -> AsyncEngine:
    """An engine whose every connection has its pragmas (SQLite) or session settings (PostgreSQL)."""
    target = driver_url(url)
    if target.get_backend_name() == "postgresql":
        return create_async_engine(
            target,
            pool_size=8,
            pool_pre_ping=True,
            # jit costs more than it saves on our short statements; instants are UTC everywhere
            connect_args={"server_settings": {"jit": "off", "timezone": "UTC"}},
        )
    engine = create_async_engine(target, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Units of work say BEGIN IMMEDIATE themselves; the driver must not begin on its own.
    raw: SqliteConnection = connection
    connection.isolation_level = None
    cursor = raw.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
