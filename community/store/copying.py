"""Many rows at once into one table, within a unit of work: COPY on PostgreSQL, executemany on SQLite."""

import io
from collections.abc import Sequence
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError

from community.store.unit_of_work import StoreUnavailable, Work


async def insert_rows(work: Work, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows into SQLite, in the driver's own types."""
    if rows:
        connection = await work.session.connection()
        names, places = ", ".join(columns), ", ".join("?" * len(columns))
        await connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)  # noqa: S608 - our own names


async def copy_lines(work: Work, table: str, columns: Sequence[str], lines: bytes) -> None:
    r"""Copy rows into PostgreSQL: one a line, values in the order of `columns` with tabs between them.

    No value may hold a tab, a line break or a backslash: these are numbers, hashes and addresses. Raises DBAPIError
    for rows that the table refuses, and StoreUnavailable if the server went away.
    """
    if not lines:
        return
    connection = await work.session.connection()
    # COPY goes past SQLAlchemy, in the transaction that it began with the first statement of this unit of work
    raw: Any = (await connection.get_raw_connection()).driver_connection
    try:
        await raw.copy_to_table(table, source=io.BytesIO(lines), columns=list(columns), format="text")
    except asyncpg.PostgresError as error:
        raise DBAPIError(f"COPY {table}", None, error) from error
    except (asyncpg.InterfaceError, OSError) as error:
        raise StoreUnavailable(f"The database went away during COPY: {error}") from error
