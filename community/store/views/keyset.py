"""Pages by keyset: the position after a row is the row's own key, so that no row is skipped or shown twice."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import literal, select, tuple_

from community.clock import as_utc
from community.errors import CommunityError
from community.json_input import parse_json
from community.store.unit_of_work import Work

PAGE_MAX = 500
CURSOR_MAX = 4096
"""Characters; a key of two or three columns has far fewer."""
T = TypeVar("T")


class CursorInvalid(CommunityError):
    """The cursor is none of ours, or of another list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Up to `PAGE_MAX` items in order, the cursor behind each, and whether more follow."""

    items: tuple[T, ...]
    cursors: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Keyset:
    """The columns that order a list, all rising or all falling, together unique."""

    columns: tuple[Any, ...]
    types: tuple[type[Any], ...]
    falling: bool = True

    def cursor(self, values: Sequence[Any]) -> str:
        """The cursor behind the row with these key values."""
        plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
        return _encoded(plain)

    def values(self, cursor: str) -> list[Any]:
        """The key values in `cursor`. Raises CursorInvalid."""
        return key_values(cursor, self.types)


def key_values(cursor: str, types: Sequence[type[Any]]) -> list[Any]:
    """The key values of these types in `cursor`. Raises CursorInvalid."""
    try:
        if len(cursor) > CURSOR_MAX:
            raise ValueError("longer than any cursor of ours")
        encoded = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        plain = parse_json(encoded, size_max=CURSOR_MAX, depth_max=1)
        if not isinstance(plain, list) or len(plain) != len(types):
            raise ValueError("not a key of this list")
        return [_typed(kind, value) for kind, value in zip(types, plain, strict=True)]
    except (ValueError, binascii.Error, UnicodeDecodeError) as error:
        raise CursorInvalid("The cursor does not belong to this list: take one that the same list gave out.") from error


def _encoded(plain: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def encoded_cursor(values: bytes) -> str:
    """The cursor of key values that a database wrote as a JSON array, instants in ISO 8601 with +00:00."""
    return _encoded(json.loads(values))


def _typed(kind: type[Any], value: Any) -> Any:
    if kind is datetime:
        return as_utc(datetime.fromisoformat(value if isinstance(value, str) else ""))
    if type(value) is not kind or (kind is int and not -(2**63) <= value < 2**63):
        raise ValueError("a key value has the wrong type")
    return value


def select_rows(*entities: Any) -> Any:
    """A SELECT over entities whose declared types are those of values, not of columns."""
    return select(*entities)


async def fetch_page(
    work: Work,
    statement: Any,
    keyset: Keyset,
    make: Callable[[Any], T],
    first: int,
    after: str | None,
) -> Page[T]:
    """One page of `statement`, which must select the key columns last. `make` turns a row into a value."""
    first = max(1, min(first, PAGE_MAX))
    columns = keyset.columns
    if after is not None:
        bound = [literal(value, column.type) for value, column in zip(keyset.values(after), columns, strict=True)]
        left, right = tuple_(*columns), tuple_(*bound)
        statement = statement.where(left < right if keyset.falling else left > right)
    order = [column.desc() if keyset.falling else column.asc() for column in columns]
    rows = (await work.session.execute(statement.order_by(*order).limit(first + 1))).all()
    shown = rows[:first]
    return Page(
        items=tuple(make(row) for row in shown),
        cursors=tuple(keyset.cursor(row[-len(columns) :]) for row in shown),
        more=len(rows) > first,
    )
