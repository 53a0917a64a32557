"""Inserts that may meet the row they want to write: the two shapes that make repeats harmless."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import CursorResult
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from community.store.unit_of_work import Work


def _insert(work: Work, row: type[SQLModel]) -> Any:
    return sqlite.insert(row) if work.is_sqlite else postgresql.insert(row)


async def insert_if_absent(work: Work, row: type[SQLModel], values: Mapping[str, Any]) -> bool:
    """Insert one row unless a unique key of it exists already. Says whether it was inserted."""
    result = await work.session.execute(_insert(work, row).values(dict(values)).on_conflict_do_nothing())
    return bool(cast(CursorResult[Any], result).rowcount)


async def insert_absent(work: Work, row: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert those of these rows of which no unique key exists already, in one statement. How many were inserted."""
    if not rows:
        return 0
    result = await work.session.execute(
        _insert(work, row).values([dict(values) for values in rows]).on_conflict_do_nothing()
    )
    return int(cast(CursorResult[Any], result).rowcount)


async def insert_all(work: Work, row: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows in one statement. Raises IntegrityError if one exists already."""
    if rows:
        await work.session.execute(_insert(work, row), [dict(values) for values in rows])


async def upsert(work: Work, row: type[SQLModel], values: Mapping[str, Any], key: Sequence[str]) -> None:
    """Insert one row, or give the row with the same `key` columns the other values."""
    await upsert_all(work, row, [values], key)


async def upsert_all(work: Work, row: type[SQLModel], rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> None:
    """`upsert` of many rows with the same columns, no two with the same key, in one statement."""
    if not rows:
        return
    statement = _insert(work, row).values([dict(values) for values in rows])
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    await work.session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed))
