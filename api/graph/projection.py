"""From a read model's value to a GraphQL object whose fields bear the same names."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

import strawberry

from api.context import Context
from api.errors import BAD_REQUEST, Refused
from community.ids import checked_id

T = TypeVar("T")
Info: TypeAlias = strawberry.Info[Context, None]


def projected(kind: type[T], value: object, /, **others: Any) -> T:
    """A `kind` with every stored field taken from `value`, except those given in `others`."""
    taken = {
        field.name: getattr(value, field.name)
        for field in fields(kind)  # type: ignore[arg-type]
        if field.init and field.name not in others
    }
    return kind(**taken, **others)


def all_projected(kind: type[T], values: Sequence[object]) -> list[T]:
    """Each of `values` as a `kind`."""
    return [projected(kind, value) for value in values]


def given_id(text: str) -> str:
    """An id from outside. Refused unless it has the shape of one: prefixed, or the 32 bytes of an issuance."""
    try:
        return text if text.startswith("0x") and len(text) == 66 else checked_id(text)
    except ValueError:
        raise Refused(BAD_REQUEST, "This is no id of ours. Take one that the API gave out.") from None
