"""Operations that nobody thought of find no error of the server: schemathesis asks every root, hypothesis-graphql whole documents.

Both send over a real socket to the real application. What may be refused is refused in words; what must never come is an HTTP
status of the server's fault, or an error with the code INTERNAL.
"""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from graphql import OperationDefinitionNode, parse
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema
from schemathesis.graphql import nodes

from api.app import ApiProcess
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
DOCUMENTS = 15
PER_ROOT_LONG = 8
DOCUMENTS_LONG = 200
ROOTS_MIN = 70
LARGE = 2**53 - 1
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
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "Address": st.one_of(st.sampled_from([address_of("mem_anna"), "0x" + "0" * 40]), TEXTS).map(nodes.String),
    "Amount": st.one_of(st.integers(0, 2**256).map(str), TEXTS).map(nodes.String),
    "Counter": st.integers(-1, LARGE + 1).map(nodes.Int),
    "Cursor": st.one_of(st.sampled_from(["1", "W10", "WyJhIiwiYiJd", "WzEsMl0"]), TEXTS).map(nodes.String),
    "Date": st.one_of(st.dates().map(str), TEXTS).map(nodes.String),
    "DateTime": st.one_of(
        st.sampled_from(["2026-06-15T00:00:00Z", "2026-06-15T12:00:00+02:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"]),
        st.datetimes().map(lambda each: each.isoformat() + "Z"),
    ).map(nodes.String),
    "Hash": st.one_of(st.just(hash_of("tx", 1)), TEXTS).map(nodes.String),
    "Hex": st.one_of(st.binary(max_size=70).map(bytes.hex), TEXTS).map(nodes.String),
    "PageSize": st.integers(-1, 501).map(nodes.Int),
    "WattHours": st.integers(-1, LARGE + 1).map(nodes.Int),
    "ID": st.one_of(KNOWN, TEXTS).map(nodes.String),
}  # fmt: skip
for _name, _strategy in SCALARS.items():
    if _name != "ID":
        schemathesis.graphql.scalar(_name, _strategy)


class Asker:
    """Sends to the application with a credential, and counts what it says."""

    def __init__(self, app: ApiProcess, key: str) -> None:
        self.url = f"{address(app)}/graphql"
        self.headers = {"Authorization": f"Bearer {key}"}
        self.codes: Counter[str] = Counter()
        self.client = httpx.Client(trust_env=False, timeout=30, headers=self.headers)
        self.session = requests.Session()
        self.session.trust_env = False

    def heard(self, status: int, body: bytes, asked: str) -> None:
        """Count the answer. Raises AssertionError for an error of the server."""
        answer = json.loads(body)
        codes = [error.get("extensions", {}).get("code", "?") for error in answer.get("errors", ())] or ["answered"]
        self.codes.update(codes)
        assert status < 500 and "INTERNAL" not in codes, (asked, answer)


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
            case.validate_response(response, checks=[schemathesis.checks.not_a_server_error])
            asker.heard(response.status_code, response.content, str(case.body))

        ask()
        roots += 1
    return roots


def ask_documents(asker: Asker, examples: int) -> None:
    """Hypothesis-graphql asks for several roots at once, with aliases."""
    text = SCHEMA_FILE.read_text()

    @seed(11)
    @_bounded(examples)
    @given(document=from_schema(text, custom_scalars={name: one for name, one in SCALARS.items() if name != "ID"}))
    def ask(document: str) -> None:
        kinds = {one.operation.value for one in parse(document).definitions if isinstance(one, OperationDefinitionNode)}
        if "subscription" in kinds:
            return
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
                await asyncio.to_thread(ask_documents, asker, documents)
            finally:
                asker.client.close()
                asker.session.close()
            print(f"{role}: {dict(asker.codes)}")
            assert asker.codes["answered"] > 0


@pytest.mark.timeout(180)
async def test_no_operation_finds_an_error_of_the_server(tmp_path: Path) -> None:
    await _ask(tmp_path, PER_ROOT, DOCUMENTS, ("operator",))


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_many_operations_find_no_error_of_the_server(tmp_path: Path) -> None:
    await _ask(tmp_path, PER_ROOT_LONG, DOCUMENTS_LONG, ("operator", "member"))
