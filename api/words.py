"""What stands in the schema for people: descriptions from docstrings, and of plain fields from the words here.

A field that means the same wherever it stands is told once, by its name; `Type.field` is told for that type alone. A class's
or a resolver's docstring, and a description given in place, come first. Words are the glossary's.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
)

from api.words_of_arguments import ARGUMENTS
from api.words_of_fields import FIELDS

_WITH_FIELDS = GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType


def describe(schema: GraphQLSchema) -> None:
    """Give every type, field and argument that has no description the one that belongs to it."""
    for name, kind in schema.type_map.items():
        if name.startswith("__"):
            continue
        if isinstance(kind, _WITH_FIELDS | GraphQLEnumType) and kind.description is None:
            kind.description = _doc(getattr(_definition(kind), "origin", None), name) or _page(name)
        if isinstance(kind, GraphQLUnionType) and kind.description is None:
            kind.description = "What was asked for, or why not and what to do: " + " | ".join(
                sorted(each.name for each in kind.types)
            )
        if isinstance(kind, _WITH_FIELDS):
            for field_name, field in kind.fields.items():
                _describe_field(name, field_name, field)


def _page(name: str) -> str | None:
    """The description of the generic types of a list."""
    if name.endswith("Connection"):
        return "One page of a list."
    return "An item of a page with its cursor." if name.endswith("Edge") else None


def _describe_field(type_name: str, name: str, field: Any) -> None:
    if field.description is None:
        resolver = getattr(_definition(field), "base_resolver", None)
        told = None if resolver is None else resolver.wrapped_func.__doc__
        field.description = _cleaned(told) or _word(FIELDS, type_name, name)
    for argument_name, argument in getattr(field, "args", {}).items():
        if argument.description is None:
            argument.description = _word(ARGUMENTS, name, argument_name)


def _word(words: Mapping[str, str], parent: str, name: str) -> str | None:
    return words.get(f"{parent}.{name}") or words.get(name)


def _definition(kind: Any) -> Any:
    return kind.extensions.get("strawberry-definition")


def _doc(origin: Any, name: str) -> str | None:
    """A class's docstring, unless it is the one that dataclasses write, or is inherited."""
    told = None if origin is None else origin.__dict__.get("__doc__")
    if told is None or told.startswith(f"{getattr(origin, '__name__', name)}("):
        return None
    return _cleaned(told)


def _cleaned(text: str | None) -> str | None:
    return inspect.cleandoc(text) if text else None
