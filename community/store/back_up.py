"""A whole copy of a SQLite database while processes work on it."""

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

from community.errors import FatalError
from community.store.engine import driver_url

PAGES_AT_ONCE = 4096
"""16 MiB: between two pieces writers get their turn."""


async def back_up(url: str, to: Path) -> None:
    """Copy the database at `url` into the new file `to`, which only its owner can read. What is committed meanwhile may be in it.

    Raises FatalError for a database that is not SQLite, and where a file is in the way or cannot be written.
    """
    parsed = driver_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise FatalError("This copies SQLite databases. For PostgreSQL: pg_dump --format=custom, or deploy/backup.")
    await asyncio.to_thread(_copy, Path(parsed.database), to)


def _copy(database: Path, to: Path) -> None:
    if not database.is_file():
        raise FatalError(f"There is no database at {database}.")
    partial = to.with_name(f".{to.name}.partial")
    try:
        if to.exists():
            raise FatalError(f"{to} exists: a back-up never overwrites another. Choose a new name.")
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with (
            contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as source,
            contextlib.closing(sqlite3.connect(partial)) as target,
        ):
            source.backup(target, pages=PAGES_AT_ONCE)
            target.execute("PRAGMA journal_mode = DELETE")
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(to)
    except (OSError, sqlite3.Error) as error:
        raise FatalError(f"The back-up {to} cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
