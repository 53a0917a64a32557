"""One active sender per database: an advisory lock on PostgreSQL, a locked file beside a SQLite database."""

import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import text

from community.errors import FatalError
from community.store.unit_of_work import Store

_LOCK = 0x0EC0_5E7D
_BUSY = "Another settlement process works on this database already. Stop it first: one account has one sender."


@asynccontextmanager
async def sole_sender(store: Store) -> AsyncIterator[None]:
    """Hold the right to send until the block ends. Raises FatalError if another process holds it.

    The lock goes with the process or its connection, so a crash leaves none behind.
    """
    if store.dialect == "sqlite":
        database = store.engine.url.database
        if not database or database == ":memory:":
            raise FatalError("Settlement needs a database file, not one in memory.")
        with _locked(Path(f"{database}.settlement.lock")):
            yield
        return
    async with store.engine.connect() as opened:
        connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
        if not (await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK})).scalar_one():
            raise FatalError(_BUSY)
        try:
            yield
        finally:
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FatalError(_BUSY) from None
        yield
