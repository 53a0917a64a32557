"""Column expressions as JSON values: what each dialect's way of writing JSON offers to the compiler."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from sqlalchemy import literal_column
from sqlalchemy.types import String

from community.store.plans import marks
from community.store.plans.shapes import NotCompilable

Piece: TypeAlias = Any
"""A JSON value as its dialect makes it: only `sql` says what of it stands in a statement."""


def quoted(text: str) -> Any:
    """A constant text. Only for names that the schema or this package gives."""
    return literal_column(f"'{plain(text)}'", String())


def plain(text: str) -> str:
    """The text, if it needs no escape in SQL or JSON. Raises NotCompilable."""
    if not text.replace(" ", "").replace(":", "").replace("~", "").replace("_", "").replace("#", "").isalnum():
        raise NotCompilable(text)
    return text


def marked(kind: str, expression: Any) -> Any:
    """A text that is finished outside (community.store.plans.marks); null where the expression is."""
    return quoted(marks.SECRET + kind).op("||", return_type=String())(expression)


class Rendering(Protocol):
    """How one dialect writes JSON."""

    def object(self, members: Sequence[tuple[str, Piece]]) -> Piece:
        """An object of keys and values."""
        ...

    def array(self, elements: Any, condition: Any = None) -> Piece:
        """All values of a group, each the `sql` of a piece, as an array, which may be empty."""
        ...

    def value(self, expression: Any) -> Piece:
        """A column as its scalar leaves: instants in UTC with Z, amounts as text, bytes as hex."""
        ...

    def constant(self, text: str) -> Piece:
        """A name that the schema or this package gives."""
        ...

    def mark(self, expression: Any) -> Piece:
        """A text made by `marked` or `cursor`, or null."""
        ...

    def boolean(self, expression: Any) -> Piece:
        """True, false or null."""
        ...

    def cursor(self, keys: Sequence[Any]) -> Any:
        """The marked text of a row's cursor: its key values as hex of a JSON array."""
        ...

    def sql(self, piece: Piece) -> Any:
        """The piece as a column of a statement."""
        ...

    def element(self, column: Any) -> Piece:
        """A piece that comes out of a derived table."""
        ...

    def nested(self, statement: Any, *, limited: bool = False) -> Piece:
        """A piece that comes out of a sub-select, which may have no row; `limited` says that it has a LIMIT."""
        ...

    def or_missing(self, statement: Any) -> Piece:
        """As `nested`; no row leaves the mark of a root that found nothing."""
        ...
