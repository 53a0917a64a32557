"""Being woken when the outbox has news: NOTIFY of PostgreSQL, `PRAGMA data_version` of SQLite.

A signal says only that it is time to look; what changed is read from the outbox by its cursor. So one that is lost with its
connection, or comes twice, costs a look and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from community.store.outbox import CHANNEL
from community.store.unit_of_work import Store, StoreUnavailable, meaning_of

SQLITE_POLL_S = 0.01
"""Between two looks at a file's counter of commits, which take some tens of microseconds each."""


class OutboxSignal(Protocol):
    """The wait for news of one listener."""

    async def next(self, timeout_s: float) -> bool:
        """Return once the outbox may have news since the last call, or after `timeout_s`; says whether it may.

        Raises StoreUnavailable once the connection is lost: open another signal, and look at the outbox before waiting.
        """
        ...


@asynccontextmanager
async def outbox_signal(store: Store) -> AsyncIterator[OutboxSignal]:
    """Listen until the block ends, on a connection of its own. Raises StoreUnavailable if the database is away.

    What is committed after this is entered is signalled; look at the outbox once after entering.
    """
    async with store.connection() as connection:
        if store.dialect == "sqlite":
            yield await _Commits.begin(connection)
            return
        driver: Any = (await connection.get_raw_connection()).driver_connection
        told = _Told()
        driver.add_termination_listener(told.ended)
        await driver.add_listener(CHANNEL, told.notified)
        try:
            yield told
        finally:
            driver.remove_termination_listener(told.ended)
            if not driver.is_closed():
                await driver.remove_listener(CHANNEL, told.notified)


class _Told:
    """PostgreSQL tells of each commit that announced something."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._lost = False

    def notified(self, *_: object) -> None:
        self._news.set()

    def ended(self, *_: object) -> None:
        self._lost = True
        self._news.set()

    async def next(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        if self._lost:
            raise StoreUnavailable("The connection that listens to the outbox was lost.")
        self._news.clear()
        return True


class _Commits:
    """SQLite counts the commits of others into the file; it counts all of them, not only those that announce."""

    def __init__(self, connection: Any, seen: int) -> None:
        self._connection = connection
        self._seen = seen

    @classmethod
    async def begin(cls, connection: Any) -> "_Commits":
        return cls(connection, await _data_version(connection))

    async def next(self, timeout_s: float) -> bool:
        ends_at = asyncio.get_running_loop().time() + timeout_s
        while (version := await _data_version(self._connection)) == self._seen:
            left_s = ends_at - asyncio.get_running_loop().time()
            if left_s <= 0:
                return False
            await asyncio.sleep(min(SQLITE_POLL_S, left_s))
        self._seen = version
        return True


async def _data_version(connection: Any) -> int:
    try:
        version: int = (await connection.execute(text("PRAGMA data_version"))).scalar_one()
    except DBAPIError as error:
        raise meaning_of(error) or error from error
    return version
