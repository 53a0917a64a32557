"""Building the index of a chain anew beside the one in use, and putting it in its place in one unit of work.

On PostgreSQL it is built in a schema of its own, on SQLite in a file beside the database. What followers were told stays
out of it: the building place has an outbox of its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from community.errors import FatalError
from community.store import outbox
from community.store.engine import driver_url
from community.store.schema import migrate
from community.store.unit_of_work import Store, Work

SCHEMA = "reindex"
TABLES = (
    "index_checkpoint", "chain_block", "transfer", "balance", "supply", "settled_event", "issuer_event", "share_transfer",
    "share_balance",
)  # fmt: skip
"""What an index consists of."""


@asynccontextmanager
async def building_place(store: Store, url: str) -> AsyncIterator[Store]:
    """An empty index beside the one of `store`, whose database URL is `url`. Removed when the block ends."""
    if store.dialect == "sqlite":
        path = _file_beside(store)
        _remove(path)
        await migrate(f"sqlite:///{path}")
        place = Store.open(f"sqlite:///{path}")
        try:
            yield place
        finally:
            await place.close()
            _remove(path)
        return
    await _make_schema(store)
    engine = create_async_engine(
        driver_url(url),
        connect_args={"server_settings": {"search_path": f"{SCHEMA},public", "jit": "off", "timezone": "UTC"}},
    )
    place = Store(engine)
    try:
        yield place
    finally:
        await place.close()
        async with store.begin() as work:
            await work.session.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))


async def swap_in(store: Store, chain_id: int, now: datetime) -> None:
    """Put the index that was built in the place of the one in use. Readers see one or the other, never a mixture."""
    if store.dialect == "sqlite":
        async with store.attached(_file_beside(store), SCHEMA) as work:
            await _swap(work, chain_id, now, "main")
    else:
        async with store.begin() as work:
            await _swap(work, chain_id, now, "public")


async def _swap(work: Work, chain_id: int, now: datetime, in_use: str) -> None:
    here = {"chain_id": chain_id}
    if not work.is_sqlite:  # an indexer that runs beside waits here, and finds the new checkpoint
        await work.session.execute(
            text("SELECT 1 FROM public.index_checkpoint WHERE chain_id = :chain_id FOR UPDATE"), here
        )
    for table in TABLES:
        await work.session.execute(text(f"DELETE FROM {in_use}.{table} WHERE chain_id = :chain_id"), here)
        columns = ", ".join(await _columns(work, in_use, table))
        await work.session.execute(
            text(
                f"INSERT INTO {in_use}.{table} ({columns}) SELECT {columns} FROM {SCHEMA}.{table} WHERE chain_id = :chain_id"
            ),
            here,
        )
    await outbox.announce(work, "block", "reindexed", now)


async def _columns(work: Work, in_use: str, table: str) -> list[str]:
    if work.is_sqlite:
        found = await work.session.execute(text(f"PRAGMA {in_use}.table_info({table})"))
        return [row[1] for row in found]
    statement = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = :schema AND table_name = :table"
    )
    found = await work.session.execute(text(statement), {"schema": in_use, "table": table})
    return [row[0] for row in found]


async def _make_schema(store: Store) -> None:
    async with store.begin() as work:
        await work.session.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        await work.session.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        for table in (*TABLES, "outbox"):
            # the indexes of the transfers are built after the load, as always
            indexes = "EXCLUDING INDEXES" if table == "transfer" else ""
            await work.session.execute(
                text(f"CREATE TABLE {SCHEMA}.{table} (LIKE public.{table} INCLUDING ALL {indexes})")
            )
        await work.session.execute(
            text(f"ALTER TABLE {SCHEMA}.transfer ADD PRIMARY KEY (chain_id, block_number, log_index)")
        )


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm", "-turn"):
        Path(f"{path}{end}").unlink(missing_ok=True)


def _file_beside(store: Store) -> Path:
    database = store.engine.url.database
    if not database or database == ":memory:":
        raise FatalError("An index in memory cannot be built anew beside itself: use a database file.")
    return Path(f"{database}.{SCHEMA}")
