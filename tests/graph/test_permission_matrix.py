"""Every field of the schema has a declared permission, and the gate keeps to it for each role."""

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)

from api.permissions import PERMISSIONS, refusal
from api.roles import Role
from api.schema import build_schema

SCHEMA = build_schema()._schema
ARGUMENTS = {
    "ID": '"mem_x"',
    "String": '"x"',
    "Date": '"2026-01-01"',
    "DateTime": '"2026-01-01T00:00:00Z"',
    "CommandInput": '{idempotencyKey: "k", reason: "r"}',
}


def declared_types() -> list[GraphQLObjectType | GraphQLInterfaceType]:
    kinds = (GraphQLObjectType, GraphQLInterfaceType)
    return [each for name, each in SCHEMA.type_map.items() if isinstance(each, kinds) and not name.startswith("__")]


def all_fields() -> set[str]:
    return {f"{each.name}.{field}" for each in declared_types() for field in each.fields}


def roots() -> list[tuple[str, str]]:
    kinds = {"query": SCHEMA.query_type, "mutation": SCHEMA.mutation_type, "subscription": SCHEMA.subscription_type}
    return [(kind, field) for kind, each in kinds.items() if each for field in each.fields]


def selection(kind: object, depth: int = 0) -> str:
    """The smallest selection of a type: its first leaf, or the way to one."""
    named = get_named_type(kind)  # type: ignore[arg-type]
    if is_leaf_type(named):
        return ""
    if not isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        return " { __typename }"
    for name, field in named.fields.items():
        if is_leaf_type(get_named_type(field.type)):
            return f" {{ {name} }}"
    return " { __typename }"


def operation(kind: str, root: str) -> str:
    parent = {"query": SCHEMA.query_type, "mutation": SCHEMA.mutation_type, "subscription": SCHEMA.subscription_type}[
        kind
    ]
    assert parent is not None
    field = parent.fields[root]
    needed = {
        name: arg
        for name, arg in field.args.items()
        if (isinstance(arg.type, GraphQLNonNull) and arg.default_value is None)
        or ("!" in str(arg.type) and "=" not in str(arg.ast_node or ""))
    }
    given = [
        f"{name}: {ARGUMENTS[get_named_type(arg.type).name]}"
        for name, arg in needed.items()
        if get_named_type(arg.type).name in ARGUMENTS
    ]
    return f"{kind} {{ {root}{'(' + ', '.join(given) + ')' if given else ''}{selection(field.type)} }}"


def test_every_field_has_a_declared_permission() -> None:
    assert all_fields() - PERMISSIONS.keys() == set()


def test_no_permission_is_declared_for_a_field_that_does_not_exist() -> None:
    assert PERMISSIONS.keys() - all_fields() == set()


def test_no_field_is_open_to_nobody() -> None:
    assert [field for field, roles in PERMISSIONS.items() if not roles] == []


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("kind", "root"), roots())
def test_each_root_is_open_to_its_roles_only(kind: str, root: str, role: Role) -> None:
    document = parse(operation(kind, root))
    assert validate(SCHEMA, document) == []
    parent = kind.capitalize()
    refused = refusal(SCHEMA, document, role)
    if role in PERMISSIONS[f"{parent}.{root}"]:
        assert refused is None
    else:
        assert refused is not None and f"{parent}.{root}" in refused.message


@pytest.mark.parametrize("role", list(Role))
def test_each_nested_field_is_refused_to_every_other_role(role: Role) -> None:
    """Fields are reached through a fragment on their type, under a root that shows identities."""
    for each in declared_types():
        if each.name in ("Query", "Mutation", "Subscription") or not SCHEMA.is_sub_type(
            SCHEMA.type_map["Identity"], each
        ):  # type: ignore[arg-type]
            continue
        for name, field in each.fields.items():
            text = f'{{ identity(id: "x_1") {{ ... on {each.name} {{ {name}{selection(field.type)} }} }} }}'
            refused = refusal(SCHEMA, parse(text), role)
            allowed = role in PERMISSIONS["Query.identity"] and role in PERMISSIONS[f"{each.name}.{name}"]
            assert (refused is None) or not allowed, text
            assert (refused is not None) or allowed, text


def test_commands_are_for_operators_alone() -> None:
    assert SCHEMA.mutation_type is not None
    for name in SCHEMA.mutation_type.fields:
        assert PERMISSIONS[f"Mutation.{name}"] == {Role.OPERATOR}


def test_every_command_wants_an_idempotency_key_and_a_reason() -> None:
    assert SCHEMA.mutation_type is not None
    for name, field in SCHEMA.mutation_type.fields.items():
        assert str(field.args["command"].type) == "CommandInput!", name
    assert {"idempotencyKey", "reason"} == set(SCHEMA.type_map["CommandInput"].fields)  # type: ignore[attr-defined]
