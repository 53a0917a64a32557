"""JSON on PostgreSQL: put together as text, literals and values in turn.

`json_build_object` looks up each value's type again for every row and `to_char` reads its pattern again; a page of 500
readings takes a quarter of the time this way.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, Column, Integer, LargeBinary, String, Text, case, cast, func, literal_column
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import BigInteger, TypeDecorator

from community.store.column_types import Uint256, UtcInstant
from community.store.plans import marks
from community.store.plans.rendering import marked, plain

Parts = tuple[Any, ...]
"""Texts that stand as they are, and expressions of texts that are JSON; none of them is null."""
ARGUMENTS_MAX = 90
"""Of one function: PostgreSQL passes at most 100."""
_NULL: Any = literal_column("'null'", Text())
_MICROSECONDS: Any = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US'""")
_WITH_ZONE: Any = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'""")


class PostgresRendering:
    """`Rendering` as text."""

    def object(self, members: Sequence[tuple[str, Parts]]) -> Parts:
        parts: list[Any] = []
        for key, value in members:
            parts += [f'{"," if parts else "{"}"{plain(key)}":', *value]
        return (*parts, "}") if parts else ("{}",)

    def array(self, elements: Any, condition: Any = None) -> Parts:
        joined = func.string_agg(elements, literal_column("','"), type_=Text())
        return "[", joined if condition is None else joined.filter(condition), "]"  # of nothing it is null: no text

    def value(self, expression: Any) -> Parts:
        kind, never_null = expression.type, _never_null(expression)
        if isinstance(kind, UtcInstant):
            return self._instant(expression, never_null=never_null)
        if isinstance(kind, Boolean):
            return self.boolean(expression)
        if isinstance(kind, Integer | BigInteger):
            return (expression,) if never_null else (_or_null(cast(expression, Text())),)
        if isinstance(kind, Uint256):
            return _in_quotes(cast(expression, Text()), never_null=never_null)
        if isinstance(kind, LargeBinary):
            return _in_quotes(func.encode(expression, literal_column("'hex'"), type_=Text()), never_null=never_null)
        text = func.to_json(cast(expression, Text()) if _is_text(kind) else expression)
        return (text,) if never_null else (_or_null(cast(text, Text())),)

    def constant(self, text: str) -> Parts:
        return (f'"{plain(text)}"',)

    def mark(self, expression: Any) -> Parts:
        return (_or_null(cast(func.to_json(cast(expression, Text())), Text())),)

    def boolean(self, expression: Any) -> Parts:
        return (_or_null(cast(expression, Text())),)

    def cursor(self, keys: Sequence[Any]) -> Any:
        values = [
            func.replace(func.to_char(key, _WITH_ZONE), literal_column("'.000000+00:00'"), literal_column("'+00:00'"))
            if isinstance(key.type, UtcInstant)
            else key
            for key in keys
        ]
        text = func.convert_to(cast(func.json_build_array(*values), Text()), literal_column("'UTF8'"))
        return marked(marks.CURSOR, func.encode(text, literal_column("'hex'")))

    def sql(self, piece: Parts) -> Any:
        merged: list[Any] = []
        for part in piece:
            if isinstance(part, str) and merged and isinstance(merged[-1], str):
                merged[-1] += part
            else:
                merged.append(part)
        if len(merged) == 1 and not isinstance(merged[0], str):
            return merged[0]
        arguments = [literal_column(f"'{part}'", Text()) if isinstance(part, str) else part for part in merged]
        while len(arguments) > ARGUMENTS_MAX:
            arguments = [
                func.concat(*arguments[start : start + ARGUMENTS_MAX], type_=Text())
                for start in range(0, len(arguments), ARGUMENTS_MAX)
            ]
        return func.concat(*arguments, type_=Text())

    def element(self, column: Any) -> Parts:
        return (column,)

    def nested(self, statement: Any, *, limited: bool = False) -> Parts:  # noqa: ARG002
        return (_or_null(statement),)

    def or_missing(self, statement: Any) -> Parts:
        return (func.coalesce(statement, literal_column(f"""'"{marks.MISSING}"'"""), type_=Text()),)

    def _instant(self, expression: Any, *, never_null: bool) -> Parts:
        """An instant; that of a column is written the quick way where it is a whole second, as nearly all are."""
        exact = func.replace(func.to_char(expression, _MICROSECONDS), literal_column("'.000000'"), literal_column("''"))
        if not isinstance(_clause(expression), Column):
            return _in_quotes(exact.op("||", return_type=Text())(literal_column("'Z'")), never_null=False)
        short = cast(cast(expression, TIMESTAMP()), Text())
        whole = expression == cast(expression, TIMESTAMP(timezone=True, precision=0))
        text = case((whole, func.replace(short, literal_column("' '"), literal_column("'T'"))), else_=exact)
        if never_null:
            return '"', text, 'Z"'
        in_quotes = literal_column("'\"'").op("||", return_type=Text())(text).op("||")(literal_column("'Z\"'"))
        return (case((expression.is_(None), _NULL), else_=in_quotes),)


def _or_null(text: Any) -> Any:
    return func.coalesce(text, _NULL, type_=Text())


def _in_quotes(text: Any, *, never_null: bool) -> Parts:
    """A text without anything to escape, as a JSON string."""
    if never_null:
        return '"', text, '"'
    mark: Any = literal_column("'\"'")
    return (_or_null(mark.op("||", return_type=Text())(text).op("||", return_type=Text())(mark)),)


def _clause(expression: Any) -> Any:
    return expression.__clause_element__() if hasattr(expression, "__clause_element__") else expression


def _never_null(expression: Any) -> bool:
    clause = _clause(expression)
    return isinstance(clause, Column) and not clause.nullable


def _is_text(kind: Any) -> bool:
    return isinstance(kind.impl_instance if isinstance(kind, TypeDecorator) else kind, String)
