"""Where a GraphQL type lives: the source of the store (community.store.plans.sources) whose columns are its fields.

A field `registerWh` is the column `register_wh` of the source, a field that leads to an object or a list the relation of that
name. A type without a declaration, and a field without a column or relation, is answered by its resolver.
"""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_LIVES: dict[type, str] = {}


def lives_in(source: str) -> Callable[[type[T]], type[T]]:
    """Declare that objects of the decorated Strawberry type are rows of `source`."""

    def declare(kind: type[T]) -> type[T]:
        _LIVES[kind] = source
        return kind

    return declare


def source_of(kind: type) -> str | None:
    """The source of a type, if it has one."""
    return _LIVES.get(kind)
