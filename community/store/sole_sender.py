"""One active sender per database: an advisory lock on PostgreSQL, a locked file beside a SQLite database."""

import fcntl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from community.errors import FatalError
from community.store.unit_of_work import Store, StoreUnavailable, meaning_of

_LOCK = 0x0EC0_5E7D
_BUSY = "Another settlement process works on this database already. Stop it first: one account has one sender."


StillHeld = Callable[[], Awaitable[None]]
"""Raises StoreUnavailable once the right was lost, with the connection that held it: another process may have it now."""


@asynccontextmanager
async def sole_sender(store: Store) -> AsyncIterator[StillHeld]:
    """Hold the right to send until the block ends; ask the value that is given before each piece of work.

    Raises FatalError if another process holds it, and StoreUnavailable if the database is away. The lock goes with the
    process or its connection, so a crash leaves none behind.
    """
    if store.dialect == "sqlite":
        database = store.engine.url.database
        if not database or database == ":memory:":
            raise FatalError("Settlement needs a database file, not one in memory.")
        with _locked(Path(f"{database}.settlement.lock")):
            yield _always
        return
    async with _connection(store) as connection:
        if not (await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK})).scalar_one():
            raise FatalError(_BUSY)

        async def still_held() -> None:
            try:
                await connection.execute(text("SELECT 1"))
            except DBAPIError as error:
                raise StoreUnavailable(f"The right to send was lost with its connection: {error.orig}") from error

        try:
            yield still_held
        finally:
            with suppress(SQLAlchemyError):  # a connection that is gone holds nothing
                await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})


@asynccontextmanager
async def _connection(store: Store) -> AsyncIterator[AsyncConnection]:
    try:
        opened = await store.engine.connect().start()
    except OSError as error:
        raise StoreUnavailable(f"The database is away: {error}") from error
    except DBAPIError as error:
        raise meaning_of(error) or error from error
    try:
        yield await opened.execution_options(isolation_level="AUTOCOMMIT")
    finally:
        await opened.close()


async def _always() -> None:
    """A locked file stays locked as long as the process lives."""


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FatalError(_BUSY) from None
        yield
