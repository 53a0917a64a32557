"""Where each object of the API lives: its rows, the column behind each of its fields, what its relations lead to.

A source is declared once, by a function that opens fresh aliases each time it is used, so that one can be nested in
another. Its rows are those that the asker may see: `Opened.where` holds the conditions of his scope, the same that the read
models of `community.store.views` use.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from sqlalchemy.orm import aliased

from community.store.plans.shapes import NotCompilable
from community.store.views.scope import Scope

PAGE_KEYS = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, as far as it decides the text; `token` narrows balances to one contract. Values are parameters."""

    scope: Scope
    sqlite: bool
    token: bool
    batch: bool
    parameter: Callable[[str], Any]
    """`role`, `label`, `identity`, `now` or `token` of the asker."""
    shared: dict[str, Any] = field(default_factory=dict)
    """What one statement works out once, by name, however often it is asked for."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A source in use: what stands in FROM, the aliases in it, its columns, and the rows that the asker may see."""

    rows: Any
    aliases: tuple[Any, ...]
    columns: Mapping[str, Any]
    where: tuple[Any, ...] = ()
    kind: Any = None
    """The column that tells the source of a Choice."""

    def __getitem__(self, column: str) -> Any:
        return self.columns[column]


@dataclass(frozen=True, slots=True)
class Way:
    """Rows by which others are reached, and the condition between the two.

    `unique_by` says how many of the page's keys tell the others of one such row apart, so that an index gives their order: none
    is given where all of them are needed.
    """

    rows: Any
    joins: Callable[[Opened], Any]
    unique_by: int | None = None


Open: TypeAlias = Callable[[Asking], Opened]
Arguments: TypeAlias = Mapping[str, Any]
"""Parameters by the names of arguments, booleans as they are."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What a field leads to. `on` gives the conditions; `keys` order a page and make its cursors, all rising or falling."""

    target: str
    kind: Literal["one", "many", "page"]
    on: Callable[[Opened, Opened, Arguments, Asking], Sequence[Any]]
    keys: Callable[[Opened], PAGE_KEYS] | None = None
    falling: bool = False
    limit: int = 500
    limit_by: str | None = None
    """Our column that holds the limit, where it is not always the same."""
    passes: bool = False
    """Whether the arguments are columns of what the relation leads to: `argument_` and their names."""
    required: bool = False
    """Whether nothing found is an error, which the standard way tells."""
    through: Callable[[Opened, Asking, Arguments], list["Way"]] | None = None
    """The ways by which a page is reached: each row of each brings its newest, which are then merged. None: all rows."""
    only_if: Callable[[Arguments, Asking], Any] | None = None
    """What must hold for anything to be shown: else it is null, and missing where it is required."""
    arguments: frozenset[str] = frozenset()
    available: Callable[[Asking, Arguments], bool] = lambda _asking, _arguments: True


@dataclass(frozen=True, slots=True)
class Source:
    """A declared source."""

    open: Open
    relations: Mapping[str, Relation] = field(default_factory=dict)
    beside: Callable[[Asking, Any], Opened] | None = None
    """Of a kind of identity: its rows beside an identity that is read already, joined by their conditions; without rows of its
    own, its columns are the identity's."""


SOURCES: dict[str, Source] = {}


def source(
    name: str,
    open_rows: Open,
    relations: Mapping[str, Relation] | None = None,
    beside: Callable[[Asking, Any], Opened] | None = None,
) -> None:
    """Declare a source. Raises ValueError for a name that is taken."""
    if name in SOURCES:
        raise ValueError(f"there is a source {name!r} already")
    SOURCES[name] = Source(open_rows, relations or {}, beside)


def of_name(name: str) -> Source:
    """The declared source. Raises NotCompilable if there is none."""
    try:
        return SOURCES[name]
    except KeyError:
        raise NotCompilable(f"no source {name}") from None


def alias(table: Any) -> Any:
    """A fresh alias of a table, so that a source can be nested in itself."""
    return aliased(table)


def columns_of(row: Any, names: str, **others: Any) -> dict[str, Any]:
    """The columns of `row` that bear the names of their fields, and `others`."""
    return {name: getattr(row, name) for name in names.split()} | others


def one(target: str, outer: str, inner: str = "id", *, required: bool = False) -> Relation:
    """The one row of `target` whose column `inner` is our column `outer`."""
    return Relation(target, "one", lambda ours, theirs, _a, _k: [theirs[inner] == ours[outer]], required=required)
