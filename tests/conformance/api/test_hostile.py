"""Hostile and clumsy requests: one short error, and nothing of the inside."""

import json

import httpx
import pytest

from api.limits import DOCUMENT_BYTES_MAX
from tests.conformance.api.conftest import Served
from tests.support.running_api import JSON_RESPONSE, address, ask, code_of, post, serving


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ __schema { types { name } } }", "FORBIDDEN"),
        ('{ __type(name: "Query") { name } }', "FORBIDDEN"),
        ("{" + " a {" * 300 + " a " + "}" * 301, "TOO_COSTLY"),
        ("{ viewer { role } " + "viewer { role } " * 900 + "}", "TOO_COSTLY"),
        ("{" + " ".join(f"a{n}: balances {{ final }}" for n in range(16)) + "}", "TOO_COSTLY"),
        ("{ meteringPoints(first: 500) { nodes { measurements(first: 500) { nodes { id } } } } }", "TOO_COSTLY"),
        ("{ ...a } fragment a on Query { ...a }", "BAD_REQUEST"),
        ("{ transfers(first: 501) { nodes { amount } } }", "BAD_REQUEST"),
        ("{ transfers(first: -1) { nodes { amount } } }", "BAD_REQUEST"),
        ("{ balence }", "BAD_REQUEST"),
        ("{ viewer {", "BAD_REQUEST"),
        ('{ member(id: "1; DROP TABLE member") { name } }', "BAD_REQUEST"),
        ('{ member(id: "") { name } }', "BAD_REQUEST"),
        ('{ issuance(id: "0x12") { amount } }', "BAD_REQUEST"),
    ],
)
async def test_one_short_error(served: Served, query: str, code: str) -> None:
    response = await post(served.app, query, served.keys.operator)
    errors = response.json()["errors"]
    assert len(errors) == 1 and errors[0]["extensions"]["code"] == code, errors
    assert len(errors[0]["message"]) < 300
    assert "Did you mean" not in errors[0]["message"] and "Traceback" not in response.text


async def test_no_list_is_longer_than_its_page(served: Served) -> None:
    data = await ask(served.app, "{ transfers { nodes { amount } } }", served.keys.operator)
    assert len(data["transfers"]["nodes"]) == 50


async def test_http_is_spoken_as_the_draft_says(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.keys.operator}"}
    good = json.dumps({"query": "{ viewer { role } }"})
    bad = json.dumps({"query": "{ nothing }"})
    kind = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=address(served.app), headers=headers, trust_env=False) as client:
        answer = await client.post("/graphql", content=good, headers={**kind, "Accept": JSON_RESPONSE})
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(JSON_RESPONSE)
        plain = await client.post("/graphql", content=good, headers=kind)
        assert plain.headers["content-type"].startswith("application/json")
        refused = await client.post("/graphql", content=bad, headers={**kind, "Accept": JSON_RESPONSE})
        assert refused.status_code == 400 and "data" not in refused.json()
        assert (await client.post("/graphql", content=bad, headers=kind)).status_code == 200
        for content in (
            "{",
            "[]",
            '"text"',
            '{"query": 5}',
            "{}",
            '{"query": "{ viewer { role } }", "variables": []}',
            f"[{good}]",
        ):
            wrong = await client.post("/graphql", content=content, headers=kind)
            assert wrong.status_code == 400 and wrong.json()["errors"], content
        form = await client.post("/graphql", data={"query": "{ viewer { role } }"})
        assert form.status_code == 415
        assert (await client.get("/graphql", params={"query": "{ viewer { role } }"})).status_code == 405
        huge = await client.post("/graphql", content=good + " " * DOCUMENT_BYTES_MAX, headers=kind)
        assert huge.status_code == 413


async def test_what_goes_wrong_inside_is_told_by_an_id_only(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from community.store.views import reconciliation

    async def broken(*_given: object) -> None:
        raise KeyError("secret detail")

    monkeypatch.setattr(reconciliation, "latest_run", broken)
    reconciled = 'reconciled(since: "2026-06-01T00:00:00Z", until: "2026-06-02T00:00:00Z") { nodes { state } }'
    response = await post(
        served.app, f"{{ reconciliation {{ agrees }} viewer {{ role }} {reconciled} }}", served.keys.operator
    )
    error = response.json()["errors"][0]
    assert error["extensions"]["code"] == "INTERNAL" and error["extensions"]["id"] in error["message"]
    assert "secret detail" not in response.text
    assert response.json()["data"]["viewer"] == {"role": "operator"}


async def test_developers_may_look_at_the_schema(served: Served, store_url: str) -> None:
    async with serving(store_url, development=True) as app:
        data = await ask(app, "{ __schema { queryType { name } } }", served.keys.operator)
        assert data["__schema"]["queryType"]["name"] == "Query"
        async with httpx.AsyncClient(base_url=address(app), trust_env=False, follow_redirects=True) as client:
            told = await client.get("/graphql", headers={"Accept": "text/html"})
            assert told.url.path == "/graphiql/" and "build:graphiql" in told.text
            assert "type Query" in (await client.get("/schema.graphql")).text


async def test_others_see_neither_graphiql_nor_schema(served: Served) -> None:
    async with httpx.AsyncClient(base_url=address(served.app), trust_env=False) as client:
        assert (await client.get("/graphql", headers={"Accept": "text/html"})).status_code == 405
        for path in ("/graphiql/", "/graphiql/index.html", "/schema.graphql"):
            assert (await client.get(path)).status_code == 404


async def test_same_text_with_other_role_is_judged_anew(served: Served) -> None:
    query = "{ quarantine { nodes { reason } } }"
    assert len((await ask(served.app, query, served.keys.operator))["quarantine"]["nodes"]) == 3
    assert await code_of(served.app, query, served.keys.anna) == "FORBIDDEN"
    assert len((await ask(served.app, query, served.keys.operator))["quarantine"]["nodes"]) == 3
