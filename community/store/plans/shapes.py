"""What an answer shall look like, in the store's own words: made by the API from a validated operation, compiled here.

Names of sources, relations and columns are those of `community.store.plans.sources`; keys are the answer's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


class NotCompilable(Exception):
    """No plan is made of this; whoever asked takes the standard way."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A value that is known when the plan runs: its place among the values."""

    slot: int


Given: TypeAlias = Mapping[str, Argument | bool]
"""Arguments that are not null. A bool is known when the plan is made: it decides the text."""


@dataclass(frozen=True, slots=True)
class Value:
    """A column of the source. `address` asks for the form in which addresses leave."""

    key: str
    column: str
    address: bool = False


@dataclass(frozen=True, slots=True)
class Fixed:
    """A text that does not depend on the row, such as a type's name."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Object:
    """One object of a source."""

    source: str
    members: tuple["Member", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One object whose source is told by the row: by kind."""

    of: Mapping[str, Object]


@dataclass(frozen=True, slots=True)
class Related:
    """What a relation leads to: an object, or a list of them."""

    key: str
    relation: str
    shape: Object | Choice
    given: Given = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cursor:
    key: str


@dataclass(frozen=True, slots=True)
class Node:
    key: str
    shape: Object | Choice


@dataclass(frozen=True, slots=True)
class Nodes:
    key: str
    shape: Object | Choice


@dataclass(frozen=True, slots=True)
class Edges:
    key: str
    members: tuple[Cursor | Node | Fixed, ...]


@dataclass(frozen=True, slots=True)
class More:
    """Whether more follows."""

    key: str


@dataclass(frozen=True, slots=True)
class PageInfo:
    key: str
    members: tuple[More | Cursor | Fixed, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a relation: `first` rows after the cursor `after`, if there is one."""

    key: str
    relation: str
    parts: tuple[Nodes | Edges | PageInfo | Fixed, ...]
    first: Argument
    after: Argument | None = None
    given: Given = field(default_factory=dict)


Member: TypeAlias = Value | Fixed | Related | Listed
