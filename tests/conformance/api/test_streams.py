"""Subscriptions over WebSocket and server-sent events: at once, after changes, resumed, refused, ended."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import websockets

from api.frames import FrameSocket
from community.clock import QUARTER_HOUR
from community.store import outbox
from tests.conformance.api.conftest import NOW, Served
from tests.support.running_api import address, ask, message, socket, subscribe
from tests.support.seeded_chain import add_break, settle_more
from tests.support.seeded_community import add_measurement
from tests.support.seeded_figures import apportioned

BALANCES = (
    "subscription ($after: Cursor) { balances(after: $after) { cursor nodes { member { id } final mintedNotFinal } } }"
)
SETTLEMENTS = "subscription { settlements(first: 3) { cursor nodes { number mintedWh txHash source { name } issuance { state } } } }"


async def test_balances_move_when_the_books_do(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    write_frame = FrameSocket.write_frame
    monkeypatch.setattr(FrameSocket, "write_frame", lambda own, frame: written.append(frame) or write_frame(own, frame))
    async with socket(served.app, served.keys.operator) as connection:
        assert (await message(connection))["type"] == "connection_ack"
        await subscribe(connection, BALANCES)
        first = (await message(connection))["payload"]["data"]["balances"]
        await settle_more(served.store, served.seeded, energy_wh=1000)
        second = (await message(connection))["payload"]["data"]["balances"]
        assert int(second["cursor"]) > int(first["cursor"])
        before, after = (
            {each["member"]["id"]: int(each["final"]) + int(each["mintedNotFinal"]) for each in each_event["nodes"]}
            for each_event in (first, second)
        )
        assert {key: after[key] - before[key] for key in after} == apportioned(1000)
    assert len(written) == 2  # neither went through ASGI


async def test_member_is_sent_his_own_balance_only(served: Served) -> None:
    async with socket(served.app, served.keys.anna) as connection:
        await message(connection)
        await subscribe(connection, BALANCES)
        first = (await message(connection))["payload"]["data"]["balances"]["nodes"]
        await settle_more(served.store, served.seeded)
        second = (await message(connection))["payload"]["data"]["balances"]["nodes"]
        assert [each["member"]["id"] for each in (*first, *second)] == ["mem_anna", "mem_anna"]
        assert first != second


async def test_resumed_stream_tells_what_was_missed_and_else_is_silent(served: Served) -> None:
    async with socket(served.app, served.keys.operator) as connection:
        await message(connection)
        await subscribe(connection, BALANCES)
        cursor = (await message(connection))["payload"]["data"]["balances"]["cursor"]
    async with socket(served.app, served.keys.operator) as connection:
        await message(connection)
        await subscribe(connection, BALANCES, after=cursor)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(message(connection), 0.5)
    await settle_more(served.store, served.seeded)
    async with socket(served.app, served.keys.operator) as connection:
        await message(connection)
        await subscribe(connection, BALANCES, after=cursor)
        again = (await message(connection))["payload"]["data"]["balances"]
        assert int(again["cursor"]) > int(cursor)


async def test_settlements_newest_first_with_nested_fields_fresh(served: Served) -> None:
    async with socket(served.app, served.keys.anna) as connection:
        await message(connection)
        await subscribe(connection, SETTLEMENTS)
        first = (await message(connection))["payload"]["data"]["settlements"]["nodes"]
        count = served.seeded.settlement_count
        assert [each["number"] for each in first] == [count, count - 1, count - 2]
        await settle_more(served.store, served.seeded, energy_wh=777)
        second = (await message(connection))["payload"]["data"]["settlements"]["nodes"]
        assert (second[0]["number"], second[0]["mintedWh"], second[0]["issuance"]) == (
            count + 1,
            777,
            {"state": "mined"},
        )


async def test_measurements_of_one_metering_point(served: Served) -> None:
    query = 'subscription { measurements(meteringPointId: "mp_top1", first: 1) { nodes { at registerWh } } }'
    async with socket(served.app, served.keys.anna) as connection:
        await message(connection)
        await subscribe(connection, query)
        assert (await message(connection))["payload"]["data"]["measurements"]["nodes"][0][
            "at"
        ] == "2026-06-15T14:00:00Z"
        async with served.store.begin() as work:
            await add_measurement(work, "mp_top1", NOW + QUARTER_HOUR, 9_000_000, NOW)
            await outbox.announce(work, "measurement", "mp_top1", NOW)
        node = (await message(connection))["payload"]["data"]["measurements"]["nodes"][0]
        assert node == {"at": "2026-06-15T14:15:00Z", "registerWh": 9_000_000}


async def test_breaks_and_chain_head(served: Served) -> None:
    async with socket(served.app, served.keys.operator) as connection:
        await message(connection)
        await subscribe(connection, "subscription { breaks { nodes { id kind } reconciliation { agrees } } }", "1")
        assert (await message(connection))["payload"]["data"]["breaks"] == {
            "nodes": [],
            "reconciliation": {"agrees": True},
        }
        await subscribe(connection, "subscription { chainHead { chainHead { head } } }", "2")
        assert (await message(connection))["payload"]["data"]["chainHead"]["chainHead"][
            "head"
        ] == served.seeded.settlement_count
        await add_break(served.store, NOW)
        event = await message(connection)
        assert event["id"] == "1" and event["payload"]["data"]["breaks"]["nodes"] == [
            {"id": "brk_1", "kind": "missing_on_chain"}
        ]


@pytest.mark.parametrize(
    "query",
    [
        'subscription { measurements(meteringPointId: "mp_top2") { cursor } }',
        "subscription { quarantine { cursor } }",
        'subscription { balances(after: "no") { cursor } }',
    ],
)
async def test_streams_are_refused_like_queries(served: Served, query: str) -> None:
    async with socket(served.app, served.keys.anna) as connection:
        await message(connection)
        await subscribe(connection, query)
        said = await message(connection)
        errors = said["payload"] if said["type"] == "error" else said["payload"]["errors"]
        assert errors[0]["extensions"]["code"] in ("FORBIDDEN", "BAD_REQUEST")


@pytest.mark.parametrize("key", [None, "ecb_0123456789abcdef_wrong"])
async def test_socket_without_a_valid_key_is_closed(served: Served, key: str | None) -> None:
    async with socket(served.app, key) as connection:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await message(connection)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4403


async def test_socket_from_another_origin_is_refused(served: Served) -> None:
    url = f"ws://127.0.0.1:{served.app.port}/graphql"
    with pytest.raises(websockets.InvalidStatus):
        async with websockets.connect(
            url,
            subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
            origin=websockets.Origin("https://evil.example"),
            proxy=None,
        ):
            pass


async def test_revoked_key_ends_its_streams_and_asks_in_vain(served: Served) -> None:
    async with socket(served.app, served.keys.bernd) as connection:
        await message(connection)
        await subscribe(connection, BALANCES)
        await message(connection)
        keys = await ask(served.app, "{ apiKeys { nodes { id identity { id } } } }", served.keys.operator)
        key_id = next(each["id"] for each in keys["apiKeys"]["nodes"] if each["identity"] == {"id": "mem_bernd"})
        revoke = 'mutation ($id: ID!) { revokeApiKey(keyId: $id, command: {idempotencyKey: "key-00001", reason: "lost"}) { __typename } }'
        await ask(served.app, revoke, served.keys.operator, id=key_id)
        said = await message(connection)
        assert said["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await message(connection))["type"] == "complete"
        await subscribe(connection, "{ viewer { role } }", "2")
        said = await message(connection)
        errors = said["payload"] if said["type"] == "error" else said["payload"]["errors"]
        assert errors[0]["extensions"]["code"] == "UNAUTHENTICATED"


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data:"):
            yield name, line.removeprefix("data:").strip()


async def test_server_sent_events_carry_the_same(served: Served) -> None:
    headers = {
        "Authorization": f"Bearer {served.keys.operator}",
        "Accept": "text/event-stream",
        "Content-Type": "application/json",
    }
    async with httpx.AsyncClient(base_url=address(served.app), trust_env=False, timeout=10) as client:
        body = json.dumps({"query": BALANCES})
        async with client.stream("POST", "/graphql", content=body, headers=headers) as response:
            assert response.status_code == 200 and response.headers["content-type"].startswith("text/event-stream")
            stream = events(response)
            name, first = await anext(stream)
            assert name == "next"
            await settle_more(served.store, served.seeded)
            _, second = await anext(stream)
            assert json.loads(second)["data"]["balances"]["nodes"] != json.loads(first)["data"]["balances"]["nodes"]


async def test_server_sent_events_end_after_a_query_or_an_error(served: Served) -> None:
    headers = {
        "Authorization": f"Bearer {served.keys.anna}",
        "Accept": "text/event-stream",
        "Content-Type": "application/json",
    }
    async with httpx.AsyncClient(base_url=address(served.app), trust_env=False, timeout=10) as client:
        for query, word in (
            ("{ viewer { role } }", '"member"'),
            ("subscription { quarantine { cursor } }", "FORBIDDEN"),
        ):
            async with client.stream(
                "POST", "/graphql", content=json.dumps({"query": query}), headers=headers
            ) as response:
                found = [event async for event in events(response)]
            assert [name for name, _ in found] == ["next", "complete"] and word in found[0][1]
        refused = await client.post(
            "/graphql", content=json.dumps({"query": BALANCES}), headers={**headers, "Authorization": ""}
        )
        assert refused.status_code == 401


async def test_idle_streams_hold_no_snapshot_of_the_books(served: Served) -> None:
    """A WebSocket that waits must not keep the database from forgetting old versions."""
    async with socket(served.app, served.keys.operator) as connection:
        await message(connection)
        await subscribe(connection, SETTLEMENTS)
        await message(connection)
        await subscribe(connection, BALANCES, "2")
        await message(connection)
        pool = served.app.store.engine.pool
        deadline = asyncio.get_running_loop().time() + 5
        while pool.checkedout() > 1:  # type: ignore[attr-defined]  # one listens to the outbox, in no transaction
            assert asyncio.get_running_loop().time() < deadline, "a waiting stream keeps a connection"
            await asyncio.sleep(0.01)
