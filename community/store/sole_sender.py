"""One active sender per account, one indexer per chain: an advisory lock on PostgreSQL, a locked file beside SQLite's."""

import fcntl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from community.errors import FatalError, RetryableError
from community.store.unit_of_work import Store, StoreUnavailable

_LOCK = 0x0EC0_5E7D
_INDEXER_LOCK = 0x0EC0_1DE6


class AnotherSends(RetryableError):
    """Another process sends from this account: one account has one sender. It may be waited for."""


class AnotherIndexes(RetryableError):
    """Another process indexes this chain into this database. It may be waited for."""


StillHeld = Callable[[], Awaitable[None]]
"""Raises StoreUnavailable once the right was lost, with the connection that held it: another process may have it now."""


@asynccontextmanager
async def sole_sender(store: Store, account: str) -> AsyncIterator[StillHeld]:
    """Hold the right to send from `account` until the block ends; ask the value that is given before each piece of work.

    Raises AnotherSends if another process holds it, and StoreUnavailable if the database is away. The lock goes with the
    process or its connection, so a crash leaves none behind.
    """
    busy = AnotherSends(f"Another settlement process sends from {account} already: one account has one sender.")
    async with _sole(store, _LOCK, account, busy) as still_held:
        yield still_held


@asynccontextmanager
async def sole_indexer(store: Store, chain_id: int) -> AsyncIterator[StillHeld]:
    """Hold the right to index a chain into this database, as `sole_sender`. Raises AnotherIndexes, StoreUnavailable."""
    busy = AnotherIndexes(f"Another indexer works on chain {chain_id} in this database: this one stands by.")
    async with _sole(store, _INDEXER_LOCK, f"indexer-{chain_id}", busy) as still_held:
        yield still_held


@asynccontextmanager
async def _sole(store: Store, lock: int, name: str, busy: RetryableError) -> AsyncIterator[StillHeld]:
    if store.dialect == "sqlite":
        database = store.engine.url.database
        if not database or database == ":memory:":
            raise FatalError("A database file is needed, not one in memory.")
        with _locked(Path(f"{database}.{name}.lock"), busy):
            yield _always
        return
    async with store.connection() as connection:
        key = {"key": lock, "name": zlib.crc32(name.encode()) - (1 << 31)}
        if not (await connection.execute(text("SELECT pg_try_advisory_lock(:key, :name)"), key)).scalar_one():
            raise busy

        async def still_held() -> None:
            try:
                await connection.execute(text("SELECT 1"))
            except DBAPIError as error:
                raise StoreUnavailable(f"The sole right was lost with its connection: {error.orig}") from error

        try:
            yield still_held
        finally:
            with suppress(SQLAlchemyError):  # a connection that is gone holds nothing
                await connection.execute(text("SELECT pg_advisory_unlock(:key, :name)"), key)


async def _always() -> None:
    """A locked file stays locked as long as the process lives."""


@contextmanager
def _locked(path: Path, busy: RetryableError) -> Iterator[None]:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield
