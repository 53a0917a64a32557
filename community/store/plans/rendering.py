"""Column expressions as JSON values, the same on PostgreSQL and SQLite."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, Boolean, LargeBinary, String, Text, case, cast, func, literal_column, type_coerce

from community.store.column_types import Uint256, UtcInstant
from community.store.plans import marks
from community.store.plans.shapes import NotCompilable

KEYS_MAX = 50
"""Of one object: PostgreSQL passes at most 100 arguments, a key and a value each."""


def quoted(text: str) -> Any:
    """A constant text. Only for names that the schema or this package gives."""
    if not text.replace(" ", "").replace(":", "").replace("~", "").replace("_", "").replace("#", "").isalnum():
        raise NotCompilable(text)
    return literal_column(f"'{text}'", String())


class Rendering:
    """How one dialect writes JSON."""

    def __init__(self, *, sqlite: bool) -> None:
        self.sqlite = sqlite

    def object(self, members: Sequence[tuple[str, Any]]) -> Any:
        """An object of keys and values that are rendered already."""
        if len(members) > KEYS_MAX:
            raise NotCompilable("an object has too many keys")
        flat = [part for key, value in members for part in (quoted(key), value)]
        return func.json_object(*flat) if self.sqlite else func.json_build_object(*flat)

    def kept(self, value: Any) -> Any:
        """JSON that came out of a derived table: SQLite forgets on the way that it is JSON."""
        return func.json(value) if self.sqlite else value

    def or_missing(self, value: Any) -> Any:
        """The value, or the mark of a root that found nothing."""
        mark: Any = literal_column(f"""'"{marks.MISSING}"'""")
        return func.coalesce(value, func.json(mark) if self.sqlite else cast(mark, JSON()))

    def array(self, value: Any, condition: Any = None) -> Any:
        """All values of a group as an array, which may be empty."""
        if self.sqlite:
            grouped = func.json_group_array(value)
            return grouped if condition is None else grouped.filter(condition)
        grouped = func.json_agg(value)
        return func.coalesce(grouped if condition is None else grouped.filter(condition), literal_column("'[]'::json"))

    def value(self, expression: Any) -> Any:
        """A column as its scalar leaves: instants in UTC with Z, amounts as text, bytes as hex."""
        kind = expression.type
        if isinstance(kind, UtcInstant):
            return self._instant(expression, "Z")
        if isinstance(kind, Uint256):
            return expression if self.sqlite else cast(expression, Text())
        if isinstance(kind, LargeBinary):
            return func.lower(func.hex(expression)) if self.sqlite else func.encode(expression, literal_column("'hex'"))
        if isinstance(kind, Boolean):
            return self.boolean(expression)
        return expression

    def boolean(self, expression: Any) -> Any:
        if not self.sqlite:
            return expression
        return func.json(
            case((expression, literal_column("'true'")), (expression.is_(None), None), else_=literal_column("'false'"))
        )

    def marked(self, kind: str, expression: Any) -> Any:
        """A text that is finished outside."""
        return quoted(marks.SECRET + kind).op("||", return_type=String())(expression)

    def cursor(self, keys: Sequence[Any]) -> Any:
        """The mark of a row's cursor: its key values as hex of a JSON array."""
        plain = [self._instant(key, "+00:00") if isinstance(key.type, UtcInstant) else key for key in keys]
        if self.sqlite:
            return self.marked(marks.CURSOR, func.hex(func.json_array(*plain)))
        array = cast(func.json_build_array(*plain), Text())
        encoded = func.encode(func.convert_to(array, literal_column("'UTF8'")), literal_column("'hex'"))
        return self.marked(marks.CURSOR, encoded)

    def _instant(self, expression: Any, zone: str) -> Any:
        text: Any
        if self.sqlite:
            text = type_coerce(expression, String())
            if zone != "Z":
                text = func.replace(text, literal_column("'Z'"), literal_column(f"'{zone}'"))
        else:
            text = func.to_char(expression, literal_column(f"""'YYYY-MM-DD"T"HH24:MI:SS.US"{zone}"'"""))
        return func.replace(text, literal_column(f"'.000000{zone}'"), literal_column(f"'{zone}'"))
