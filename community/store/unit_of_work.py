"""The open database and its units of work: everything in one commits together, or nothing does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from community.errors import CommunityError, FatalError, RetryableError
from community.store.engine import BUSY_TIMEOUT_S, open_engine
from community.store.turns import turn_at

# SQLSTATE, PostgreSQL's appendix A
_UNDEFINED_TABLE = "42P01"
_REFUSED = ("28", "3D")
"""Invalid authorisation, unknown database."""
_PASSING = ("08", "40", "53", "55", "57")
"""Connection lost; rolled back (a deadlock, a conflict); out of resources; not ready; an operator's intervention."""


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

        On SQLite it takes the write lock at once, so that it cannot fail half-way for want of it, and waits for its turn before.
        Raises StoreUnavailable if the database is away or busy.
        """
        database = self.engine.url.database if self.dialect == "sqlite" else None
        late = StoreUnavailable(f"Other processes held {database} for {BUSY_TIMEOUT_S} s")
        async with turn_at(database, BUSY_TIMEOUT_S, late), self._session(write=True) as work:
            yield work

    @asynccontextmanager
    async def attached(self, path: Path, name: str) -> AsyncIterator[Work]:
        """As `begin`, with another SQLite file attached as `name`: what is moved between both commits together."""
        async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as session:
            await session.execute(text(f"ATTACH DATABASE :path AS {name}"), {"path": str(path)})
            try:
                await session.execute(text("BEGIN IMMEDIATE"))
                yield Work(session, self.dialect)
                await session.commit()
            finally:
                await session.rollback()
                await session.execute(text(f"DETACH DATABASE {name}"))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Work]:
        """A read-only snapshot: all queries in the block see the same state."""
        async with self._session(write=False) as work:
            yield work

    @asynccontextmanager
    async def _session(self, *, write: bool) -> AsyncIterator[Work]:
        try:
            async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as session:
                await _connect(session)
                if self.dialect == "sqlite":
                    await session.execute(text("BEGIN IMMEDIATE" if write else "BEGIN"))
                elif not write:
                    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
                yield Work(session, self.dialect)
                if write:
                    await session.commit()
                else:
                    await session.rollback()
        except DBAPIError as error:
            meaning = meaning_of(error)
            if meaning is None:
                raise
            raise meaning from error

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection of its own in which each statement commits by itself: for what goes with a connection, as locks do.

        Raises StoreUnavailable if the database is away.
        """
        try:
            opened = await self.engine.connect().start()
        except OSError as error:
            raise StoreUnavailable(f"The database is away: {error}") from error
        except DBAPIError as error:
            raise meaning_of(error) or error from error
        try:
            yield await opened.execution_options(isolation_level="AUTOCOMMIT")
        finally:
            await opened.close()

    async def close(self) -> None:
        """Return every connection."""
        await self.engine.dispose()


async def _connect(session: AsyncSession) -> None:
    try:
        await session.connection()
    except OSError as error:  # asyncpg's own, when nobody listens: SQLAlchemy passes it on as it is
        raise StoreUnavailable(f"The database is away: {error}") from error


def passes(sqlstate: str | None) -> bool:
    """Whether an error of PostgreSQL is one that may pass by itself."""
    return (sqlstate or "")[:2] in _PASSING


def meaning_of(error: DBAPIError) -> CommunityError | None:
    """What an error of the database asks for: to wait, or a person. None for one that is a bug of ours."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state == _UNDEFINED_TABLE or "no such table" in str(error.orig):
        return FatalError(
            "The database has no current schema. Run `python -m community.store migrate` with this database URL first."
        )
    if state[:2] in _REFUSED:
        return FatalError(f"The database server refuses the connection: {error.orig}. Check the database URL.")
    if isinstance(error, OperationalError) or error.connection_invalidated or passes(state):
        return StoreUnavailable(f"The database is busy or away: {error.orig}")
    return None
