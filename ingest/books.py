"""The books as a command opens them: the database and, where secrets are touched, the column keys."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from community.runtime.settings import SettingsReader, process_environment
from community.store.schema import require_current_schema
from community.store.sealed_columns import ColumnKeys
from community.store.unit_of_work import Store
from ingest.column_keys import ColumnKeySettings, open_column_keys, read_column_keys

_ASKED = ("INGEST_DATABASE_URL", "INGEST_COLUMN_KEY_FILE", "INGEST_KEY_SERVICE_", "INGEST_ZONE", "INGEST_BOUNDARY_")


@dataclass(frozen=True, slots=True)
class BooksSettings:
    """What a command needs of ingest's settings; it runs where ingest runs, so the others may be set too."""

    database_url: str
    column_keys: ColumnKeySettings
    zone: str
    boundary_tolerance: timedelta


def read_books_settings(
    environment: Mapping[str, str] | None = None, *, key_file_must_exist: bool = True
) -> BooksSettings:
    """The settings in `environment`, the process's own by default. Raises SettingsError listing every problem."""
    given = process_environment() if environment is None else environment
    reader = SettingsReader("INGEST", {name: value for name, value in given.items() if name.startswith(_ASKED)})
    settings = BooksSettings(
        reader.text("DATABASE_URL"),
        read_column_keys(reader, must_exist=key_file_must_exist),
        reader.text("ZONE", "Europe/Vienna"),
        timedelta(seconds=reader.integer("BOUNDARY_TOLERANCE_S", 5, high=254)),
    )
    reader.finish()
    return settings


@dataclass(frozen=True, slots=True)
class Books:
    """The open database, and the keys to what is sealed in it."""

    store: Store
    column_keys: ColumnKeys
    zone: str
    boundary_tolerance: timedelta


@asynccontextmanager
async def open_books(settings: BooksSettings | None = None) -> AsyncIterator[Books]:
    """The books, closed at the end. Raises SettingsError, FatalError, RetryableError."""
    settings = settings or read_books_settings()
    column_keys = open_column_keys(settings.column_keys)
    await require_current_schema(settings.database_url)
    store = Store.open(settings.database_url)
    try:
        yield Books(store, column_keys, settings.zone, settings.boundary_tolerance)
    finally:
        await store.close()
