"""Bringing the schema to the newest revision, and checking that it is there."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from community.errors import FatalError
from community.store import tables
from community.store.engine import open_engine
from community.store.unit_of_work import StoreUnavailable, meaning_of

_FOLDER = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x0EC0_5C4E


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config


def newest_revision() -> str:
    """The revision this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise FatalError("This installation has no migrations: it is incomplete, install it again.")
    return head


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = _config()
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise FatalError(
            f"The database is at revision {current}, which this program does not know: it was migrated by a newer version. "
            "Run that version, or restore the back-up that was made before."
        )
    command.upgrade(config, "head")


async def migrate(url: str) -> str:
    """Bring the database to the newest revision in one transaction; safe to repeat. Returns the revision.

    Raises FatalError where the database is ahead of this program.
    """
    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                await connection.execute(text("BEGIN IMMEDIATE"))
            await connection.run_sync(_upgrade)
            await connection.commit()
    finally:
        await engine.dispose()
    return newest_revision()


async def require_current_schema(url: str) -> None:
    """Raise FatalError unless the database is at the revision this code needs. Every process calls it at start.

    Raises StoreUnavailable if the database is away.
    """
    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            current = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    except OSError as error:
        raise StoreUnavailable(f"The database is away: {error}") from error
    except DBAPIError as error:
        meaning = meaning_of(error)
        if meaning is None:
            raise
        raise meaning from error
    finally:
        await engine.dispose()
    if current != newest_revision():
        raise FatalError(
            f"The database is at revision {current or 'none'}, this program needs {newest_revision()}: "
            "run `python -m community.store migrate` first."
        )


def differences(connection: Connection) -> list[object]:
    """What the tables in code have that the migrated database lacks, or the reverse. Empty when they agree."""
    found = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    return [one for one in found if connection.dialect.name == "sqlite" or not _checked_by_trigger(one)]


def _checked_by_trigger(difference: Any) -> bool:
    return difference[0] == "add_fk" and difference[1].table.name in tables.measuring.CHECKED_TOGETHER
