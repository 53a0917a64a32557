"""The open database and its units of work: everything in one commits together, or nothing does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from community.errors import FatalError, RetryableError
from community.store.engine import open_engine


class StoreUnavailable(RetryableError):
    """The database did not answer, or another writer held it too long. Nothing was committed: try again."""


@dataclass(frozen=True, slots=True)
class Work:
    """One unit of work (or one read snapshot). Store modules take it as their first argument."""

    session: AsyncSession
    dialect: str

    @property
    def is_sqlite(self) -> bool:
        return self.dialect == "sqlite"


class Store:
    """The books behind one engine. Open it with `Store.open`, close it with `close`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> "Store":
        """Open `sqlite:///path` or `postgresql://…`. The schema must be current: run `python -m community.store migrate`."""
        return cls(open_engine(url))

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        """A unit of work that commits when the block ends and rolls back when it raises.

        On SQLite it takes the write lock at once, so that it cannot fail half-way for want of it.
        Raises StoreUnavailable if the database is away or busy.
        """
        async with self._session(write=True) as work:
            yield work

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Work]:
        """A read-only snapshot: all queries in the block see the same state."""
        async with self._session(write=False) as work:
            yield work

    @asynccontextmanager
    async def _session(self, *, write: bool) -> AsyncIterator[Work]:
        try:
            async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as session:
                if self.dialect == "sqlite":
                    await session.connection()
                    await session.execute(text("BEGIN IMMEDIATE" if write else "BEGIN"))
                elif not write:
                    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
                yield Work(session, self.dialect)
                if write:
                    await session.commit()
                else:
                    await session.rollback()
        except OperationalError as error:
            if _is_schema_missing(error):
                raise FatalError(
                    "The database has no current schema. Run `python -m community.store migrate` with this database URL first."
                ) from error
            raise StoreUnavailable(f"The database is busy or away: {error.orig}") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise StoreUnavailable(f"The connection to the database broke: {error.orig}") from error
            raise

    async def close(self) -> None:
        """Return every connection."""
        await self.engine.dispose()


def _is_schema_missing(error: OperationalError) -> bool:
    return "no such table" in str(error.orig)
