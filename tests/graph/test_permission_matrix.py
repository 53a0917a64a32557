"""Every field of the schema has a declared permission, and the gate keeps to it for each role."""

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
    parse,
    validate,
)

from api.permissions import PERMISSIONS, refusal
from api.roles import Role
from api.schema import build_schema

SCHEMA = build_schema()._schema
ROOTS = {
    kind: each
    for kind, each in {
        "query": SCHEMA.query_type,
        "mutation": SCHEMA.mutation_type,
        "subscription": SCHEMA.subscription_type,
    }.items()
    if each is not None
}
SIGN_IN = {"signInMessage", "signInWithWallet"}
KINDS = {each.name: kind for kind, each in ROOTS.items()}
ARGUMENTS = {
    "ID": '"mem_x"',
    "String": '"x"',
    "Hex": '"00"',
    "Hash": f'"0x{"0" * 64}"',
    "Address": f'"0x{"0" * 40}"',
    "WattHours": "1",
    "Int": "1",
    "AuditVerdict": "AGREES",
    "CorrectionKind": "DEBT",
    "ImportFile": "[]",
    "ShareInput": "[]",
    "Date": '"2026-01-01"',
    "DateTime": '"2026-01-01T00:00:00Z"',
    "CommandInput": '{idempotencyKey: "k", reason: "r"}',
}


def declared_types() -> list[GraphQLObjectType | GraphQLInterfaceType]:
    kinds = (GraphQLObjectType, GraphQLInterfaceType)
    return [each for name, each in SCHEMA.type_map.items() if isinstance(each, kinds) and not name.startswith("__")]


def all_fields() -> set[str]:
    return {f"{each.name}.{field}" for each in declared_types() for field in each.fields}


def selection(kind: object) -> str:
    """What has to be asked of a type that is no leaf, and needs no permission."""
    return "" if is_leaf_type(get_named_type(kind)) else " { __typename }"  # type: ignore[arg-type]


def test_every_field_has_a_declared_permission() -> None:
    assert all_fields() - PERMISSIONS.keys() == set()


def test_no_permission_is_declared_for_a_field_that_does_not_exist() -> None:
    assert PERMISSIONS.keys() - all_fields() == set()


def test_no_field_is_open_to_nobody() -> None:
    assert [field for field, roles in PERMISSIONS.items() if not roles] == []


def arguments_of(field: GraphQLField) -> str:
    """The arguments that the field cannot do without."""
    given = [
        f"{name}: {ARGUMENTS[get_named_type(arg.type).name]}"
        for name, arg in field.args.items()
        if is_required_argument(arg)
    ]
    return f"({', '.join(given)})" if given else ""


Step = tuple[str, str, str]
"""How a type is reached: the type that has the field, the field, and the type of a fragment on it, or nothing."""


def ways() -> dict[str, list[Step]]:
    """The shortest way from a root to every type of the schema."""
    found: dict[str, list[Step]] = {each.name: [] for each in ROOTS.values()}
    waiting = list(ROOTS.values())
    while waiting:
        parent = waiting.pop(0)
        for name, field in parent.fields.items():
            reached = get_named_type(field.type)
            kinds = SCHEMA.get_possible_types(reached) if is_abstract_type(reached) else []
            for kind in [reached, *kinds]:
                if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and kind.name not in found:
                    found[kind.name] = [*found[parent.name], (parent.name, name, "" if kind is reached else kind.name)]
                    waiting.append(kind)
    return found


def document_of(way: list[Step], last: str) -> str:
    """An operation that takes the way and then asks for `last`."""
    if not way:
        raise AssertionError("a way has at least its root")
    opened, text = 0, ""
    for parent, name, fragment in way:
        field = SCHEMA.type_map[parent].fields[name]  # type: ignore[attr-defined]
        text += f" {{ {name}{arguments_of(field)}"
        opened += 1
        if fragment:
            text += f" {{ ... on {fragment}"
            opened += 1
    kind = next(kind for kind, each in ROOTS.items() if each.name == way[0][0])
    return f"{kind} {text} {{ {last} }}{' }' * opened}"


WAYS = ways()
FIELDS = [(each.name, name) for each in declared_types() for name in each.fields]


def test_every_type_can_be_reached() -> None:
    assert {each.name for each in declared_types()} - WAYS.keys() == set()


@pytest.mark.parametrize("type_name", sorted({name for name, _ in FIELDS}))
def test_each_field_is_open_to_its_roles_only(type_name: str) -> None:
    """Every field of every type, on the shortest way to it: refused where a step of the way is not the role's."""
    for name, field in SCHEMA.type_map[type_name].fields.items():  # type: ignore[attr-defined]
        last = f"{name}{arguments_of(field)}{selection(field.type)}"
        way = WAYS[type_name]
        text = document_of(way, last) if way else f"{KINDS[type_name]} {{ {last} }}"
        document = parse(text)
        assert validate(SCHEMA, document) == [], text
        needed = [f"{parent}.{step}" for parent, step, _ in way] + [f"{type_name}.{name}"]
        for role in Role:
            refused = refusal(SCHEMA, document, role)
            closed = [each for each in needed if role not in PERMISSIONS[each]]
            assert (refused is not None) == bool(closed), (text, role)
            if refused is not None and role is Role.PUBLIC:
                assert (refused.extensions or {})["code"] == "UNAUTHENTICATED"
            elif refused is not None:
                assert closed[0] in refused.message


def test_commands_are_for_operators_unless_they_are_named_here() -> None:
    """What somebody else may command is his own: his wallet, his objection."""
    others = {"objectToProposal", "walletLinkChallenge", "linkWallet", "unlinkWallet", "requestDisclosure",
              "markNotificationsRead", "drawAuditSample", "recordAuditFinding", *SIGN_IN}  # fmt: skip
    for name in ROOTS["mutation"].fields:
        assert (PERMISSIONS[f"Mutation.{name}"] == {Role.OPERATOR}) == (name not in others), name
    assert others <= ROOTS["mutation"].fields.keys()
    for name in ROOTS["mutation"].fields.keys() - SIGN_IN:
        assert not PERMISSIONS[f"Mutation.{name}"] & {Role.DEVICE, Role.PUBLIC}, name


def test_every_command_wants_an_idempotency_key_and_a_reason() -> None:
    """Only what decides nothing goes without: asking for a challenge, and signing in."""
    for name, field in ROOTS["mutation"].fields.items():
        if name == "walletLinkChallenge" or name in SIGN_IN:
            continue
        assert str(field.args["command"].type) == "CommandInput!", name
    assert {"idempotencyKey", "reason"} == set(SCHEMA.type_map["CommandInput"].fields)  # type: ignore[attr-defined]
