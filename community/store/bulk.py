"""Many rows at once: COPY on PostgreSQL, one prepared statement on SQLite, and look-ups by lists of keys.

Meant for a unit of work that has looked what is there and that nobody writes beside: a row that breaks a rule of the
books fails all of them with RowRefused.
"""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any

import asyncpg
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from community.store.column_types import UtcInstant
from community.store.savepoints import RowRefused
from community.store.unit_of_work import StoreUnavailable, Work, meaning_of, passes

_ROWS_A_STATEMENT = 500
"""On SQLite: half the time of one row each, and the interpreter is free for other work in the meantime."""
_ROWS_IN_MEMORY = 5_000
_INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"


async def insert_rows(
    work: Work, row: type[SQLModel], columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert `rows`, each with the values of `columns` in their order. Raises RowRefused, StoreUnavailable."""
    if not rows:
        return
    table, instants = _shape(row, columns)
    if not work.is_sqlite:
        await _copy(work, table, columns, rows)
        return
    await _insert_values(work, table, columns, _with_texts(rows, instants) if instants else rows)


async def _insert_values(work: Work, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
    """SQLite: hundreds of rows a statement, and the rest one by one."""
    insert, marks = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ", f"({', '.join('?' * len(columns))})"
    each = _ROWS_A_STATEMENT
    whole = len(rows) - len(rows) % each
    hundreds = [tuple(chain.from_iterable(rows[at : at + each])) for at in range(0, whole, each)]
    await execute_many(work, insert + ", ".join([marks] * each), hundreds)
    await execute_many(work, insert + marks, [tuple(row) for row in rows[whole:]])


async def execute_many(work: Work, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run one statement of the driver's own dialect once a row. Raises RowRefused, StoreUnavailable."""
    if not rows:
        return
    connection = await work.session.connection()
    try:
        await connection.exec_driver_sql(statement, list(rows))
    except DBAPIError as error:
        raise meaning_of(error) or RowRefused(f"The database refused a row: {error.orig}") from error


async def rows_for(work: Work, sqlite: str, postgresql: str, keys: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What a query finds for a list of keys: one JSON argument on SQLite, an array a column on PostgreSQL."""
    if not keys:
        return []
    connection = await work.session.connection()
    if work.is_sqlite:
        found = await connection.exec_driver_sql(sqlite, (json.dumps(keys),))
    else:
        found = await connection.exec_driver_sql(postgresql, tuple(map(list, zip(*keys, strict=True))))
    return list(found)


def instant_of(value: Any) -> datetime:
    """An instant as the driver gave it: text on SQLite."""
    return _parsed(value) if isinstance(value, str) else value.astimezone(UTC)


def instant_for(work: Work, instant: datetime) -> Any:
    """An instant as the driver takes it."""
    return instant_text(instant) if work.is_sqlite else instant


@lru_cache(maxsize=4096)
def instant_text(instant: datetime) -> str:
    """As column_types.UtcInstant writes it on SQLite. Of a batch's thousands of instants most are the same few."""
    return instant.astimezone(UTC).strftime(_INSTANT)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


@lru_cache(maxsize=64)
def _shape(row: type[SQLModel], columns: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    table: Any = inspect(row).local_table
    instants = tuple(at for at, name in enumerate(columns) if isinstance(table.columns[name].type, UtcInstant))
    return table.name, instants


def _with_texts(rows: Sequence[tuple[Any, ...]], instants: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """The rows with their instants as text, a column at a time: an object less for each row."""
    columns: list[Any] = list(zip(*rows, strict=True))
    for at in instants:
        columns[at] = [None if value is None else instant_text(value) for value in columns[at]]
    return list(zip(*columns, strict=True))


async def copy_lines(work: Work, row: type[SQLModel], columns: tuple[str, ...], lines: bytes) -> None:
    r"""Insert rows that are text already: one a line, values in the order of `columns`, tabs between them.

    Values are numbers and text that holds no tab, line break or backslash. Raises RowRefused, StoreUnavailable.
    """
    if not lines:
        return
    table, _ = _shape(row, columns)
    if work.is_sqlite:
        listed = lines.decode().splitlines()
        for at in range(0, len(listed), _ROWS_IN_MEMORY):
            # the columns' affinity makes numbers of digits
            rows = [line.split("\t") for line in listed[at : at + _ROWS_IN_MEMORY]]
            await _insert_values(work, table, columns, rows)
    else:
        driver = await _copying_driver(work)
        with _copy_errors():
            await driver.copy_to_table(table, source=io.BytesIO(lines), columns=columns, format="text")


async def _copy(work: Work, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    driver = await _copying_driver(work)
    with _copy_errors():
        await driver.copy_records_to_table(table, records=rows, columns=columns)


async def _copying_driver(work: Work) -> Any:
    connection = await work.session.connection()
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if not driver.is_in_transaction():  # SQLAlchemy begins with its first statement, and this one passes it by
        await connection.exec_driver_sql("SELECT 1")
    return driver


@contextmanager
def _copy_errors() -> Iterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        if passes(error.sqlstate):
            raise StoreUnavailable(f"The database is busy or away: {error}") from error
        raise RowRefused(f"The database refused a row: {error}") from error
    except (OSError, asyncpg.InterfaceError) as error:
        raise StoreUnavailable(f"The database is away: {error}") from error
    except (asyncpg.DataError, ValueError, TypeError, OverflowError) as error:
        raise RowRefused(f"A value cannot be stored: {error}") from error
