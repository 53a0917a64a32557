"""Both ways to an answer agree: what the compiled plan says is what the resolvers say, for operations nobody thought of.

Compiled JSON never passes GraphQL's output coercion, so this comparison is what holds the two together.
"""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from graphql import (
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    UnionTypeDefinitionNode,
    get_named_type,
    parse,
    print_ast,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries
from sqlalchemy import update
from strawberry.utils.str_converters import to_snake_case

from api.auth import Authenticator, Viewer
from api.context import Context, Options
from api.gate import Judge
from api.live import Hub
from api.permissions import PERMISSIONS
from api.plans.answering import Answering
from api.plans.lives import source_of
from api.plans.walking import origin
from api.roles import Role
from api.schema import Schema, build_schema, schema_text
from community.store.plans.roots import ROOTS
from community.store.plans.running import runner_for
from community.store.tables.identity import IdentityRow, MemberRow
from community.store.unit_of_work import Store
from community.store.views.scope import Scope
from tests.conformance.api.conftest import NOW
from tests.support.manual_clock import ManualClock
from tests.support.seeded_chain import add_break
from tests.support.seeded_community import seed as seed_community

SCHEMA = build_schema()._schema
KNOWN_IDS = ("mem_anna", "mem_bernd", "dev_pv", "src_sued", "mp_pv", "mp_top1", "mp_top2", "eu_top1", "no_such")
VIEWERS = {
    "operator": Viewer(Role.OPERATOR, "key_1", "an operator", None, Scope(everything=True)),
    "auditor": Viewer(Role.AUDITOR, "key_2", "an auditor", None, Scope(everything=True, pseudonyms=True)),
    "member": Viewer(Role.MEMBER, "key_3", "Anna", "mem_anna", Scope(everything=False, identity_ids=("mem_anna",))),
    "device": Viewer(Role.DEVICE, "key_4", "a gateway", "dev_pv", Scope(everything=False, identity_ids=("dev_pv",))),
}
SCALARS = {
    "DateTime": st.sampled_from(["2026-06-15T00:00:00Z", "2026-06-15T12:00:00Z"]).map(nodes.String),
    "PageSize": st.integers(1, 6).map(nodes.Int),
    "Cursor": st.just(nodes.Null),
    "Address": st.just("0x" + "0" * 40).map(nodes.String),
    "Hash": st.just("0x" + "0" * 64).map(nodes.String),
    "ID": st.sampled_from(KNOWN_IDS).map(nodes.String),
}


def scalars() -> dict[str, Any]:
    """A strategy for every scalar of the schema: those of no plan get some text."""
    own = [each.name.value for each in parse(schema_text()).definitions if isinstance(each, ScalarTypeDefinitionNode)]
    return {name: st.just("2026-06-15").map(nodes.String) for name in own} | SCALARS


class Both:
    """The two ways over one store."""

    def __init__(self, store: Store, url: str) -> None:
        judge = Judge()
        self.schema: Schema = build_schema(judge)
        self.runner = runner_for(url)
        self.answering = Answering(self.schema, judge, self.runner, None)
        clock = ManualClock(NOW)
        hub = Hub(store)
        self.context = lambda: Context(store, clock, hub, Options(), _Trusting(store, clock))
        self.seen: Counter[str] = Counter()

    async def compare(self, text: str, variables: dict[str, Any], viewer: Viewer) -> None:
        planned = replace(viewer, expires_at=None, credential="a test's")
        quick = await self.answering.answer(text, None, variables, planned, self.context())
        if quick is None:
            self.seen["standard"] += 1
            return
        context = self.context()
        context.viewer = viewer
        result = await self.schema.execute(text, variables, context)
        assert not result.errors, (text, variables, result.errors, quick)
        self.seen["planned"] += 1
        said, meant = json.loads(quick), json.loads(json.dumps(result.data))
        assert said == meant, f"{viewer.role}: {text} {variables}"
        assert list(said) == list(meant), text


class _Trusting(Authenticator):
    """Viewers of this test have no key."""

    async def still_valid(self, viewer: Viewer) -> bool:
        return viewer is not None


WRITTEN = [
    # what generated operations rarely have: variables, aliases, fragments, directives, pages behind a cursor
    ("query ($n: PageSize!) { a: members(first: $n) { nodes { id n: name } } b: members(first: 2) { edges { cursor } } }", {"n": 3}),
    ("query ($s: Boolean!) { devices(first: 2) { nodes { eui @skip(if: $s) name @include(if: $s) } pageInfo { hasNextPage } } }", {"s": True}),
    ("query ($s: Boolean!) { devices(first: 2) { nodes { eui @skip(if: $s) name @include(if: $s) } pageInfo { endCursor } } }", {"s": False}),
    ("query ($a: Cursor) { members(first: 2, after: $a) { nodes { id } pageInfo { hasNextPage endCursor } } }", {"a": "WyJtZW1fYmVybmQiXQ"}),
    ("query ($a: Cursor) { members(first: 2, after: $a) { nodes { id } pageInfo { hasNextPage endCursor } } }", {"a": None}),
    ("query ($k: IdentityKindName) { identities(kind: $k) { nodes { __typename id ...F } } } fragment F on Identity { name ... on Device { eui keys { kid publicKey } } }", {"k": "DEVICE"}),
    ("{ identities(kind: MEMBER) { nodes { __typename ... on Member { name shares { shareCount source { name } holder { name } } balance { final mintedNotFinal earnedNotYetMinted verifiedUntil } } } } }", {}),
    ("{ members { __typename } devices { pageInfo { __typename } } identities { edges { __typename } } }", {}),
    ("{ breaks(open: null) { nodes { id story { action text } } } more: breaks(open: false) { nodes { id } } }", {}),
    ("{ transfers(first: 3) { nodes { token sender recipient amount at isFinal settlement { number evidence } } edges { cursor } } }", {}),
    ("{ issuances(first: 3) { edges { cursor node { energyWh amount parts { address amount } attempts { nonce } measurement { id at statement { digest } } } } } }", {}),
    ("{ meteringPoints(first: 4) { nodes { code identity { __typename name } installations { meter { serial registers { obis } } } measurements(first: 2) { nodes { at registerWh recordedAt } pageInfo { hasNextPage endCursor } } } } }", {}),
    ('{ measurements(meteringPointId: "mp_pv", since: "2026-06-15T10:00:00Z", first: 5) { nodes { at register { obis } device { name } } } }', {}),
    ("{ viewer { role label identity { id ... on Member { coinAddresses { address chain } } } } chainHead { head lag updatedAt } supply { token minted } reconciliation { agrees pendingWh } }", {}),
]  # fmt: skip


@pytest.fixture
async def both(store: Store, store_url: str) -> Any:
    await seed_community(store, NOW, days=1)
    await add_break(store, NOW)
    ways = Both(store, store_url)
    yield ways
    await ways.runner.close()


@pytest.mark.parametrize("role", VIEWERS)
async def test_written_operations_are_planned_and_answered_as_by_resolvers(both: Both, role: str) -> None:
    for text, variables in WRITTEN:
        await both.compare(text, variables, VIEWERS[role])
    if role == "operator":
        assert both.seen == {"planned": len(WRITTEN)}


@pytest.mark.parametrize("microsecond", [0, 1, 500_000, 999_999])
async def test_texts_that_need_escapes_and_parts_of_a_second(both: Both, store: Store, microsecond: int) -> None:
    odd = 'a "quoted" \\ back/slash\n\t\x01\x7f é 😀 \u2028 {"x":[1]} \' %s %% :name $1 ~'
    async with store.begin() as work:
        await work.session.execute(update(IdentityRow).values(name=odd))
        await work.session.execute(update(MemberRow).values(joined_at=NOW.replace(microsecond=microsecond)))
    text = "{ members(first: 2) { nodes { name joinedAt coinAddresses { address } } edges { cursor } } devices { nodes { name } } }"
    for role in ("operator", "auditor", "member"):
        await both.compare(text, {}, VIEWERS[role])
    assert both.seen["planned"] == 2  # lists of members are not a member's


def lives(name: str) -> bool:
    """Whether objects of this type are answered by plans, or hold such as a page does."""
    kind: Any = SCHEMA.type_map[name]
    inner = {"Connection": "nodes", "Edge": "node"}
    for ending, each in inner.items():
        if name.endswith(ending):
            return lives(get_named_type(kind.fields[each].type).name)
    return name in ("Query", "PageInfo") or source_of(origin(kind)) is not None


def permitted_schema(role: Role) -> str:
    """What of the schema a role may read and plans answer: so that most generated operations are worth comparing."""
    document = parse(schema_text())
    objects = [
        each
        for each in document.definitions
        if isinstance(each, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode)
    ]
    hidden = {
        each.name.value
        for each in objects
        if not any(role in PERMISSIONS[f"{each.name.value}.{one.name.value}"] for one in each.fields or ())
        or not lives(each.name.value)
    }

    def shown(parent: str, each: Any) -> bool:
        if parent == "Query" and to_snake_case(each.name.value) not in ROOTS:
            return False
        return role in PERMISSIONS[f"{parent}.{each.name.value}"] and print_ast(each.type).strip("[]!") not in hidden

    kept: list[str] = []
    for definition in document.definitions:
        if definition in objects:
            if definition.name.value not in hidden:
                fields = tuple(each for each in definition.fields or () if shown(definition.name.value, each))
                kept.append(print_ast(replace(definition, fields=fields)))
        elif not isinstance(definition, UnionTypeDefinitionNode):
            kept.append(print_ast(definition))
    return "\n\n".join(kept)


def operations(role: Role, count: int) -> list[str]:
    """Generated operations, the same in every run."""
    found: list[str] = []

    @seed(7)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(queries(permitted_schema(role), custom_scalars=scalars(), allow_x00=False))
    def generate(text: str) -> None:
        found.append(text)

    generate()
    return found


async def generated(both: Both, count: int) -> None:
    """Compare `count` generated operations in all, a third for each of the roles that see rows."""
    roles = ("operator", "auditor", "member")
    for role in roles:
        for text in operations(Role(role), count // len(roles)):
            await both.compare(text, {}, VIEWERS[role])


async def test_generated_operations_are_answered_as_by_resolvers(both: Both) -> None:
    await generated(both, 30)
    assert both.seen["planned"] >= 5, both.seen


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_nine_hundred_generated_operations_are_answered_as_by_resolvers(both: Both) -> None:
    await generated(both, 900)
    print(dict(both.seen))
    assert both.seen["planned"] > 150, both.seen
