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
    assert_one_short_error(await post(served.app, query, served.keys.operator), code)


def assert_one_short_error(response: httpx.Response, code: str) -> None:
    errors = response.json()["errors"]
    assert len(errors) == 1 and errors[0]["extensions"]["code"] == code, errors
    assert len(response.content) < 1000
    assert "Did you mean" not in errors[0]["message"] and "Traceback" not in response.text


def nested(opening: str, inner: str, closing: str, levels: int) -> str:
    return opening * levels + inner + closing * levels


POINTS = "meteringPoints { nodes { measurements { nodes { %s } } } }"
ATTACKS = {
    "aliases": ("{" + " ".join(f"a{n}: viewer {{ role }}" for n in range(400)) + "}", "TOO_COSTLY"),
    "aliases of a mutation": (
        "mutation {" + " ".join(f"a{n}: signInNonce {{ nonce }}" for n in range(100)) + "}",
        "TOO_COSTLY",
    ),
    "depth": ("{ " + nested("metreingPoint { ", "id", " }", 950) + " }", "TOO_COSTLY"),
    "depth by fragments": (
        "{ ...f0 } "
        + " ".join(f"fragment f{n} on Query {{ ...f{n + 1} }}" for n in range(240))
        + " fragment f240 on Query { viewer { role } }",
        "TOO_COSTLY",
    ),
    "depth of a list of values": ("{ member(id: " + "[" * 900 + "]" * 900 + ") { name } }", "TOO_COSTLY"),
    "depth of an object of values": ("{ member(id: " + nested("{a: ", "1", "}", 480) + ") { name } }", "TOO_COSTLY"),
    "depth of a type": ("query ($a: " + "[" * 900 + "ID" + "]" * 900 + ") { viewer { role } }", "TOO_COSTLY"),
    "depth of inline fragments": ("{ " + nested("... { ", "viewer { role }", " }", 450) + " }", "TOO_COSTLY"),
    "directives": ("{ viewer { role " + "@include(if: true) " * 200 + "} }", "TOO_COSTLY"),
    "directives that are unknown": ("{ viewer { role " + "@a" * 900 + "} }", "TOO_COSTLY"),
    "directives on operations": ("query " + "@a" * 900 + " { viewer { role } }", "TOO_COSTLY"),
    "fields": ("{ viewer {" + " role" * 1900 + " } }", "TOO_COSTLY"),
    "roots in a fragment": ("{ ...a } fragment a on Query {" + " viewer { role }" * 50 + "}", "TOO_COSTLY"),
    "operations in one text": (" ".join(f"query q{n} {{ viewer {{ role }} }}" for n in range(200)), "BAD_REQUEST"),
    "tokens": ("{ member(id: [" + "1 " * 3000 + "]) { name } }", "TOO_COSTLY"),
    "a long comment": ("#" + "x" * 200_000 + "\n{ viewer { role } }", "TOO_COSTLY"),
    "fragments in a circle": (
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...c } fragment c on Query { ...a }",
        "BAD_REQUEST",
    ),
    "fragments in a circle nobody uses": (
        "{ viewer { role } } fragment a on Query { ...b } fragment b on Query { ...a }",
        "BAD_REQUEST",
    ),
    "fragments that double": (
        "{ ...f0 } "
        + " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(60))
        + " fragment f60 on Query { viewer { role } }",
        "TOO_COSTLY",
    ),
    "pages in pages": ("{" + POINTS % ("meteringPoint { measurements { nodes { id } } }") + "}", "TOO_COSTLY"),
    "pages hidden in fragments": (
        (
            "{ meteringPoints { ... { nodes { measurements { ...m } } } } } fragment m on MeasurementConnection "
            "{ nodes { meteringPoint { measurements { ... { nodes { id } } } } } }"
        ),
        "TOO_COSTLY",
    ),
    "a big number": ("{ transfers(first: " + "9" * 50_000 + ") { nodes { amount } } }", "BAD_REQUEST"),
    "a big number with a point": ("{ transfers(first: 1e" + "9" * 400 + ") { nodes { amount } } }", "BAD_REQUEST"),
    "a long name": ("{ " + "a" * 90_000 + " }", "BAD_REQUEST"),
    "a long text": ('{ member(id: "' + "a" * 90_000 + '") { name } }', "BAD_REQUEST"),
    "a long text of a scalar": ('{ transfers(address: "' + "a" * 90_000 + '") { nodes { amount } } }', "BAD_REQUEST"),
    "half a character": ('{ member(id: "\\uD800") { name } }', "BAD_REQUEST"),
    "nothing but a null": ("\0", "BAD_REQUEST"),
    "introspection": (
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
        "BAD_REQUEST",
    ),
    "introspection in a fragment": (
        "{ ...a } fragment a on Query { x: __schema { types { name } } }",
        "FORBIDDEN",
    ),
    "many variables": (
        "query (" + " ".join(f"$v{n}: ID" for n in range(400)) + ") { viewer { role } }",
        "BAD_REQUEST",
    ),
}


async def test_attacks_are_refused_with_one_short_error(served: Served) -> None:
    through = {}
    for attack, (query, code) in ATTACKS.items():
        response = await post(served.app, query, served.keys.operator)
        try:
            assert_one_short_error(response, code)
            assert not response.json().get("data")
        except (AssertionError, ValueError, KeyError) as error:
            through[attack] = (response.status_code, response.text[:200], str(error)[:200])
    assert through == {}


async def test_attacks_by_variables_are_refused_with_one_short_error(served: Served) -> None:
    text = "query ($n: PageSize, $c: Cursor) { transfers(first: $n, after: $c) { nodes { amount } } }"
    kind = {
        "Content-Type": "application/json",
        "Accept": JSON_RESPONSE,
        "Authorization": f"Bearer {served.keys.operator}",
    }
    attacks = (
        '{"n": ' + "9" * 50_000 + "}",
        '{"n": 1e400}',
        '{"n": NaN}',
        '{"n": ' + "[" * 20_000 + "]" * 20_000 + "}",
        '{"n": ' + '{"a":' * 9000 + "1" + "}" * 9000 + "}",
        '{"c": "' + "a" * 90_000 + '"}',
        '{"c": "\\ud800"}',
        '{"c": {"a": 1}}',
        '{"n": true}',
        '{"n": -1}',
    )
    async with httpx.AsyncClient(base_url=address(served.app), headers=kind, trust_env=False) as client:
        through = {}
        for variables in attacks:
            body = f'{{"query": {json.dumps(text)}, "variables": {variables}}}'
            response = await client.post("/graphql", content=body)
            try:
                assert_one_short_error(response, "BAD_REQUEST")
                assert response.status_code == 400 or response.json()["data"] is None
            except (AssertionError, ValueError, KeyError) as error:
                through[variables[:50]] = (response.status_code, response.text[:200], str(error)[:200])
        assert through == {}
        batch = await client.post("/graphql", content="[" + ",".join(['{"query":"{viewer{role}}"}'] * 500) + "]")
        assert batch.status_code == 400
        assert_one_short_error(batch, "BAD_REQUEST")


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
