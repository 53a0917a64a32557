"""Stores with the migrated schema for tests: SQLite files and databases of the session's private PostgreSQL."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from community.store.schema import migrate
from community.store.sealed_columns import ColumnKey
from community.store.unit_of_work import Store
from tools.private_postgres import PrivatePostgres

COLUMN_KEY = ColumnKey(bytes(range(32)))
BACKENDS = ("sqlite", "postgresql")


_postgres_templates: dict[Path, str] = {}


@cache
def _template_folder() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="store-template-")


async def new_sqlite_url(folder: Path, name: str = "community.db") -> str:
    """The URL of a fresh SQLite database in `folder`, at the newest revision. Migrated once, then copied."""
    template = Path(_template_folder().name) / "template.db"
    if not template.exists():
        await migrate(f"sqlite:///{template}.new")
        shutil.move(f"{template}.new", template)
    shutil.copyfile(template, folder / name)
    return f"sqlite:///{folder / name}"


async def new_postgres_url(server: PrivatePostgres) -> str:
    """The URL of a fresh PostgreSQL database at the newest revision. Migrated once a server, then copied."""
    template = _postgres_templates.get(server.data)
    if template is None:
        url = server.create_database()
        await migrate(url)
        template = _postgres_templates[server.data] = url.rsplit("/", 1)[1]
    return server.create_database(template)


async def waiting_for_a_lock(server: PrivatePostgres, url: str) -> None:
    """Return once somebody waits for a lock in this database."""
    database = url.rsplit("/", 1)[1]
    question = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while await asyncio.to_thread(server.execute, question) == "0":
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """The store at `url`, closed at the end."""
    store = Store.open(url)
    try:
        yield store
    finally:
        await store.close()
