"""The protocols as those see them who wrote them: graphql-http's audits, the official graphql-ws and graphql-sse clients."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from community.store.unit_of_work import Store
from tests.conformance.api.conftest import NOW
from tests.support.graphql_clients import run
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded, settle_more
from tests.support.seeded_community import make_key, seed
from tests.support.stores import new_sqlite_url, opened


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[tuple[Store, str, Seeded]]:
    url = await new_sqlite_url(tmp_path)
    async with opened(url) as store:
        yield store, url, await seed(store, NOW, days=1)


async def test_all_audits_of_graphql_http_pass(books: tuple[Store, str, Seeded]) -> None:
    store, url, _ = books
    key = await make_key(store, "operator")
    async with serving(url, development=True) as app:  # the audits introspect
        results = await run("audits.mjs", f"{address(app)}/graphql", key)
    # Queries by GET are off on purpose (they end up in logs and histories): the kit takes notice of that in its three MAYs.
    assert [
        result
        for result in results
        if result["status"] != "ok" and "GETs" not in result["name"].replace("GET ", "GETs ")
    ] == []
    assert {result["status"] for result in results} <= {"ok", "notice"} and len(results) >= 61


async def test_official_clients_get_answers_errors_and_changes(books: tuple[Store, str, Seeded]) -> None:
    store, url, seeded = books
    key = await make_key(store, "operator")
    async with serving(url) as app:
        said = await run("clients.mjs", f"{address(app)}/graphql", key, ready=lambda: settle_more(store, seeded))
    viewer = {"data": {"viewer": {"role": "operator"}}}
    assert said["query over ws"] == said["query over sse"] == viewer
    assert len(said["variables over ws"]["data"]["members"]["nodes"]) == 2
    assert [len(each["data"]["members"]["nodes"]) for each in said["several at once over ws"]] == [1, 2, 3]
    assert said["a stream that is stopped over ws"] == {"first": True, "again": viewer}
    assert said["ping over ws"] == "pong"
    assert "nothing" in said["a wrong field over ws"]["failed"][0]["message"]
    assert said["a syntax error over ws"]["failed"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert said["a wrong key over ws"]["failed"]["code"] == 4403
    assert "nothing" in said["a wrong field over sse"]["errors"][0]["message"]
    assert "failed" in said["a wrong key over sse"]
    for way in ("ws", "sse"):
        first, second = (event["data"]["balances"] for event in said[f"changes over {way}"])
        assert int(second["cursor"]) > int(first["cursor"]) and first["nodes"] != second["nodes"]
