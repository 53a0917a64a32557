"""JSON on SQLite: by its JSON functions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, LargeBinary, String, case, func, literal_column, type_coerce

from community.store.column_types import UtcInstant
from community.store.plans import marks
from community.store.plans.rendering import marked, quoted
from community.store.plans.shapes import NotCompilable

KEYS_MAX = 50
"""Of one object: SQLite passes at most 127 arguments by default, a key and a value each."""


class SqliteRendering:
    """`Rendering` by functions whose results SQLite knows as JSON, until they leave a derived table."""

    def object(self, members: Sequence[tuple[str, Any]]) -> Any:
        if len(members) > KEYS_MAX:
            raise NotCompilable("an object has too many keys")
        return func.json_object(*[part for key, value in members for part in (quoted(key), value)])

    def array(self, elements: Any, condition: Any = None) -> Any:
        grouped = func.json_group_array(elements)
        return grouped if condition is None else grouped.filter(condition)

    def value(self, expression: Any) -> Any:
        kind = expression.type
        if isinstance(kind, UtcInstant):
            return _instant(expression, "Z")
        if isinstance(kind, LargeBinary):
            return func.lower(func.hex(expression))
        return self.boolean(expression) if isinstance(kind, Boolean) else expression

    def constant(self, text: str) -> Any:
        return quoted(text)

    def mark(self, expression: Any) -> Any:
        return expression

    def boolean(self, expression: Any) -> Any:
        return func.json(
            case((expression, literal_column("'true'")), (expression.is_(None), None), else_=literal_column("'false'"))
        )

    def cursor(self, keys: Sequence[Any]) -> Any:
        values = [_instant(key, "+00:00") if isinstance(key.type, UtcInstant) else key for key in keys]
        return marked(marks.CURSOR, func.hex(func.json_array(*values)))

    def sql(self, piece: Any) -> Any:
        return piece

    def element(self, column: Any) -> Any:
        return func.json(column)

    def nested(self, statement: Any, *, limited: bool = False) -> Any:
        return func.json(statement) if limited else statement

    def or_missing(self, statement: Any) -> Any:
        return func.coalesce(statement, func.json(literal_column(f"""'"{marks.MISSING}"'""")))


def _instant(expression: Any, zone: str) -> Any:
    text: Any = type_coerce(expression, String())
    if zone != "Z":
        text = func.replace(text, literal_column("'Z'"), literal_column(f"'{zone}'"))
    return func.replace(text, literal_column(f"'.000000{zone}'"), literal_column(f"'{zone}'"))
