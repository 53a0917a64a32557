"""Operations that nobody thought of find no error of the server: schemathesis asks every root, hypothesis-graphql whole documents.

Both send over a real socket to the real application. What may be refused is refused in words; what must never come is an HTTP
status of the server's fault, or an error with the code INTERNAL.
"""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from graphql import (
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    UnionTypeDefinitionNode,
    parse,
    print_ast,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import mutations, queries
from schemathesis.graphql import nodes

from api.app import ApiProcess
from api.permissions import PERMISSIONS
from api.roles import Role
from api.schema import SCHEMA_FILE
from tests.conformance.api.conftest import NOW
from tests.support.manual_clock import ManualClock
from tests.support.running_api import address, serving
from tests.support.seeded_chain import add_break
from tests.support.seeded_community import make_key
from tests.support.seeded_community import seed as seed_community
from tests.support.seeded_figures import PV_POINT, SOURCE, address_of, hash_of
from tests.support.stores import new_sqlite_url, opened

PER_ROOT = 1
DOCUMENTS = 8
PER_ROOT_LONG = 8
DOCUMENTS_LONG = 200
ROOTS_MIN = 70
LARGE = 2**53 - 1
REFUSED = {"FORBIDDEN", "TOO_COSTLY"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
KNOWN = st.sampled_from(
    [
        "mem_anna",
        "mem_bernd",
        "dev_pv",
        "dev_new",
        SOURCE,
        PV_POINT,
        "gap_1",
        "qua_0",
        "brk_1",
        "run_1",
        hash_of("issuance", 1),
    ]
)


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any] = TEXTS) -> st.SearchStrategy[Any]:
    """What makes sense nine times of ten: what is refused at once tries nothing behind it."""
    return st.one_of(*[usual] * 9, odd)


INSTANTS = st.sampled_from(["2026-06-15T00:00:00Z", "2026-06-15T12:00:00+02:00", "2026-06-14T00:00:00Z"])
EXTREME = st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "2026-06-15"])
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "Address": mostly(st.sampled_from([address_of("mem_anna"), "0x" + "0" * 40])).map(nodes.String),
    "Amount": mostly(st.integers(0, 2**256).map(str)).map(nodes.String),
    "Counter": mostly(st.integers(0, 4000), st.integers(-1, LARGE + 1)).map(nodes.Int),
    "Cursor": mostly(st.just(None), st.sampled_from(["1", "W10", "WyJhIiwiYiJd", "WzEsMl0", "x"])).map(
        lambda one: nodes.Null if one is None else nodes.String(one)
    ),
    "Date": mostly(st.sampled_from(["2026-06-14", "2026-06-15"]), st.dates().map(str)).map(nodes.String),
    "DateTime": mostly(INSTANTS, EXTREME).map(nodes.String),
    "Hash": mostly(st.just(hash_of("tx", 1))).map(nodes.String),
    "Hex": mostly(st.binary(max_size=70).map(bytes.hex)).map(nodes.String),
    "PageSize": mostly(st.integers(1, 5), st.integers(-1, 501)).map(nodes.Int),
    "WattHours": mostly(st.integers(0, 10**6), st.integers(-1, LARGE + 1)).map(nodes.Int),
    "ID": mostly(KNOWN).map(nodes.String),
}
for _name, _strategy in SCALARS.items():
    schemathesis.graphql.scalar(_name, _strategy)


def permitted_schema(role: Role) -> str:
    """The schema without what the role may not use, as text: a document that asks for one such thing tries no other."""
    document = parse(SCHEMA_FILE.read_text())
    with_fields = (ObjectTypeDefinitionNode, InterfaceTypeDefinitionNode)
    shown = {
        one.name.value: tuple(
            field for field in one.fields or () if role in PERMISSIONS[f"{one.name.value}.{field.name.value}"]
        )
        for one in document.definitions
        if isinstance(one, with_fields)
    }
    hidden = {"Subscription"} | {name for name, fields in shown.items() if not fields}
    kept: list[str] = []
    for one in document.definitions:
        if isinstance(one, with_fields) and one.name.value not in hidden:
            fields = tuple(field for field in shown[one.name.value] if print_ast(field.type).strip("[]!") not in hidden)
            kept.append(print_ast(replace(one, fields=fields)))
        elif isinstance(one, UnionTypeDefinitionNode):
            kept.append(
                print_ast(replace(one, types=tuple(each for each in one.types if each.name.value not in hidden)))
            )
        elif not isinstance(one, with_fields):
            kept.append(print_ast(one))
    return "\n\n".join(kept)


class Asker:
    """Sends to the application with a credential, and counts what it says."""

    def __init__(self, app: ApiProcess, key: str) -> None:
        self.url = f"{address(app)}/graphql"
        self.headers = {"Authorization": f"Bearer {key}"}
        self.codes: Counter[str] = Counter()
        self.client = httpx.Client(trust_env=False, timeout=30, headers=self.headers)
        self.session = requests.Session()
        self.session.trust_env = False

    def heard(self, status: int, body: bytes, asked: str) -> list[str]:
        """Count the answer; its codes. Raises AssertionError for an error of the server."""
        answer = json.loads(body)
        codes = [error.get("extensions", {}).get("code", "?") for error in answer.get("errors", ())] or ["answered"]
        self.codes.update(set(codes))  # one bad document has many errors
        assert status < 500 and not {"INTERNAL", "UNAVAILABLE"} & set(codes), (asked, answer)
        return codes


def _bounded(examples: int) -> Any:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    phases = [Phase.generate]
    return settings(max_examples=examples, deadline=None, database=None, phases=phases, suppress_health_check=checks)


def ask_every_root(asker: Asker, examples: int) -> int:
    """Schemathesis asks each query and each mutation. Returns how many roots were asked."""
    schema = schemathesis.graphql.from_path(SCHEMA_FILE)
    roots = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @seed(7)
        @_bounded(examples)
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            response = case.call(base_url=asker.url, session=asker.session, headers=asker.headers)
            codes = asker.heard(response.status_code, response.content, str(case.body))
            if not REFUSED & set(
                codes
            ):  # its own check takes a refusal of ours, by a code it does not know, for a fault
                case.validate_response(response, checks=[schemathesis.checks.not_a_server_error])

        ask()
        roots += 1
    return roots


def ask_documents(asker: Asker, role: Role, examples: int) -> None:
    """Hypothesis-graphql asks for several roots at once, with aliases, of what the role may ask."""
    schema = permitted_schema(role)
    kinds = [queries, mutations] if "type Mutation" in schema else [queries]
    for kind in kinds:

        @seed(11)
        @_bounded(examples)
        @given(document=kind(schema, custom_scalars=SCALARS, allow_x00=False))
        def ask(document: str) -> None:
            response = asker.client.post(asker.url, json={"query": document})
            asker.heard(response.status_code, response.content, document)

        ask()


async def _ask(folder: Path, per_root: int, documents: int, roots_as: tuple[str, ...]) -> None:
    url = await new_sqlite_url(folder)
    async with opened(url) as store:
        await seed_community(store, NOW, days=1)
        await add_break(store, NOW)
        keys = [
            await make_key(store, "operator"),
            await make_key(store, "auditor"),
            await make_key(store, "member", "mem_anna"),
        ]
    async with serving(url, clock=ManualClock(NOW)) as app:
        for role, key in zip(("operator", "auditor", "member"), keys, strict=True):
            asker = Asker(app, key)
            try:
                if role in roots_as:
                    assert await asyncio.to_thread(ask_every_root, asker, per_root) >= ROOTS_MIN
                await asyncio.to_thread(ask_documents, asker, Role(role), documents)
            finally:
                asker.client.close()
                asker.session.close()
            print(f"{role}: {dict(asker.codes)}")
            assert asker.codes["answered"] * 16 >= asker.codes.total(), "too much is refused at once to try anything"


@pytest.mark.timeout(180)
async def test_no_operation_finds_an_error_of_the_server(tmp_path: Path) -> None:
    await _ask(tmp_path, PER_ROOT, DOCUMENTS, ("operator",))


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_many_operations_find_no_error_of_the_server(tmp_path: Path) -> None:
    await _ask(tmp_path, PER_ROOT_LONG, DOCUMENTS_LONG, ("operator", "member"))
