"""From a transfer to the signature and back; and nothing of one member is in any answer that another one gets."""

from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type, is_leaf_type, is_required_argument

from api.permissions import PERMISSIONS
from api.roles import Role
from api.schema import build_schema
from tests.conformance.api.conftest import Served
from tests.support.running_api import ask, post
from tests.support.seeded_figures import NAMES, address_of

SCHEMA = build_schema()._schema
DOWN = """{ transfers(first: 3) { nodes { txHash logIndex amount settlement { issuance { id measurement { id statement { signed publicKey }
  issuances { id settlement { blockNumber transfers { txHash logIndex amount } } } } } } } } }"""
ARGUMENTS = {
    "ID": '"mem_anna"',
    "DateTime": '"2026-06-15T00:00:00Z"',
    "Date": '"2026-06-15"',
    "WattHours": "1000",
    "CorrectionKind": "DEBT",
}
DEPTH = 1


async def test_from_a_transfer_to_the_signature_and_back(served: Served) -> None:
    for key in (served.keys.operator, served.keys.anna):
        for transfer in (await ask(served.app, DOWN, key))["transfers"]["nodes"]:
            issuance = transfer["settlement"]["issuance"]
            assert issuance["measurement"]["statement"]["signed"]
            (back,) = issuance["measurement"]["issuances"]
            own = {name: transfer[name] for name in ("txHash", "logIndex", "amount")}
            assert back["id"] == issuance["id"] and own in back["settlement"]["transfers"]
    senders = await ask(
        served.app, "{ senders { address nextNonce underWay } breaks { nodes { ageS } } }", served.keys.auditor
    )
    assert senders["senders"] == []


def selection(kind: Any, depth: int) -> str:
    """Every field of a type that a member may use, down to a depth; a fragment for each kind of identity."""
    named = get_named_type(kind)
    if is_leaf_type(named):
        return ""
    parts = []
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in named.fields.items():
            inner = get_named_type(field.type)
            if Role.MEMBER not in PERMISSIONS[f"{named.name}.{name}"] or any(
                map(is_required_argument, field.args.values())
            ):
                continue
            if is_leaf_type(inner):
                parts.append(name)
            elif depth > 0 and name != "edges":
                parts.append(name + selection(field.type, depth - (not named.name.endswith("Connection"))))
    return " { __typename " + " ".join(parts) + " }"


def roots(depth: int) -> list[str]:
    assert SCHEMA.query_type is not None
    found = []
    for name, field in SCHEMA.query_type.fields.items():
        if Role.MEMBER not in PERMISSIONS[f"Query.{name}"]:
            continue
        needed = [
            f"{one}: {ARGUMENTS[get_named_type(a.type).name]}"
            for one, a in field.args.items()
            if is_required_argument(a)
        ]
        page = ["first: 3"] if "first" in field.args else []
        given = f"({', '.join(needed + page)})" if needed + page else ""
        found.append(f"{{ {name}{given}{selection(field.type, depth)} }}")
    return found


async def test_no_answer_to_a_member_holds_anything_of_another(served: Served) -> None:
    """Generated from the schema: a new field is asked for by itself."""
    await nothing_of_others(served, DEPTH)


@pytest.mark.long
async def test_no_deep_answer_to_a_member_holds_anything_of_another(served: Served) -> None:
    await nothing_of_others(served, 3)


async def nothing_of_others(served: Served, depth: int) -> None:
    """Ask every question a member may ask, as deep as that, and look for what is another's."""
    others = [member for member in NAMES if member not in ("mem_anna", "mem_treasury")]
    secret = {*others, "ecu_top2", "mp_top2", "dev_top2", "met_mp_top2"} | {NAMES[each] for each in others}
    secret |= {text for each in others for text in (address_of(each), to_checksum_address(address_of(each)))}
    asked = roots(depth)
    assert len(asked) > 20
    answered = 0
    for text in asked:
        response = await post(served.app, text, served.keys.anna)
        leaked = {each for each in secret if each in response.text}
        assert not leaked, (text[:60], leaked)
        answered += response.json().get("data") is not None
    assert answered > 12, answered
    of_operator = "".join([(await post(served.app, text, served.keys.operator)).text for text in asked[:12]])
    assert any(NAMES[each] in of_operator for each in others), "the same questions find others where they may be seen"
