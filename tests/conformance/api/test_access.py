"""Who is let in, and which rows each role sees."""

import httpx
import pytest

from tests.conformance.api.conftest import Served
from tests.support.running_api import address, ask, code_of, post
from tests.support.seeded_figures import NAMES

BALANCE_OF = "query ($id: ID!) { balance(memberId: $id) { final } }"


async def test_without_a_valid_key_there_is_no_answer(served: Served) -> None:
    for key in (
        None,
        "",
        "ecb_0123456789abcdef_wrong",
        served.keys.anna[:-1] + "x",
        "Bearer",
        "ecb__",
        served.keys.anna + "_",
    ):
        response = await post(served.app, "{ viewer { role } }", key)
        assert response.status_code == 401, key
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_subscription_that_asks_for_no_stream_is_told_how(served: Served) -> None:
    response = await post(served.app, "subscription { balances { cursor } }", served.keys.operator)
    assert response.status_code == 400
    assert "Accept: text/event-stream" in response.json()["errors"][0]["message"]


async def test_public_is_only_the_page_and_the_health_check(served: Served) -> None:
    async with httpx.AsyncClient(base_url=address(served.app), trust_env=False) as client:
        assert (await client.get("/healthz")).json() == {"ok": True}
        assert (await client.get("/config.json")).json()["oidc"] is None
        assert (await client.get("/", headers={"Accept": "text/html"})).status_code == 404
        assert (await client.get("/schema.graphql")).status_code == 404
        assert (await client.get("/graphql", headers={"Accept": "text/html"})).status_code == 405


async def test_member_sees_his_own_balance_and_no_other(served: Served) -> None:
    own = await ask(served.app, "{ balances { member { id name } final } }", served.keys.anna)
    assert [each["member"]["id"] for each in own["balances"]] == ["mem_anna"]
    assert (await ask(served.app, BALANCE_OF, served.keys.anna, id="mem_anna"))["balance"]["final"] == own["balances"][
        0
    ]["final"]
    for other in ("mem_bernd", "mem_treasury", "mem_nobody"):
        assert await code_of(served.app, BALANCE_OF, served.keys.anna, id=other) == "FORBIDDEN"


@pytest.mark.parametrize(
    "query",
    [
        '{ member(id: "mem_bernd") { name } }',
        '{ identity(id: "mem_bernd") { name coinAddresses { address } } }',
        '{ identity(id: "ecu_top2") { name } }',
        '{ meteringPoint(id: "mp_top2") { name } }',
        '{ measurements(meteringPointId: "mp_top2") { nodes { registerWh } } }',
        '{ series(meteringPointId: "mp_top2", since: "2026-06-15T00:00:00Z", until: "2026-06-15T12:00:00Z") { energyWh } }',
        "{ quarantine { nodes { reason } } }",
        "{ devices { nodes { eui } } }",
        "{ apiKeys { nodes { label } } }",
        "{ auditEntries { nodes { actor } } }",
    ],
)
async def test_member_is_refused_what_is_others(served: Served, query: str) -> None:
    assert await code_of(served.app, query, served.keys.anna) == "FORBIDDEN"


async def test_member_finds_no_other_member_on_nested_paths(served: Served) -> None:
    query = """{
      members { nodes { id } }
      energySources { nodes { shareTables { shareTotal shares { holder { id } shareCount } } } }
      issuances(first: 2) { nodes { parts { holder { id } } } }
      transfers(first: 100) { nodes { recipient } }
      meteringPoints { nodes { id identity { id } } }
      identities(kind: MEMBER) { nodes { id } }
    }"""
    data = await ask(served.app, query, served.keys.anna)
    assert [each["id"] for each in data["members"]["nodes"]] == ["mem_anna"]
    assert data["identities"]["nodes"] == [{"id": "mem_anna"}]
    tables = data["energySources"]["nodes"][0]["shareTables"]
    assert tables == [{"shareTotal": 1000, "shares": [{"holder": {"id": "mem_anna"}, "shareCount": 300}]}]
    assert all(each["parts"] == [{"holder": {"id": "mem_anna"}}] for each in data["issuances"]["nodes"])
    assert len({each["recipient"] for each in data["transfers"]["nodes"]}) == 1
    assert {each["id"] for each in data["meteringPoints"]["nodes"]} == {"mp_pv", "mp_top1"}


async def test_auditor_sees_every_figure_and_no_name_of_a_person(served: Served) -> None:
    query = "{ balances { member { id name } final } members { nodes { name } } issuances(first: 1) { nodes { parts { holder { name } } } } }"
    response = await post(served.app, query, served.keys.auditor)
    assert len(response.json()["data"]["balances"]) == len(NAMES)
    people = [name for key, name in NAMES.items() if key != "mem_treasury"]
    assert not any(name in response.text for name in people)
    operator = await post(served.app, query, served.keys.operator)
    assert all(name in operator.text for name in people)


@pytest.mark.parametrize("role", ["auditor", "anna", "device"])
async def test_commands_are_refused_to_all_but_operators(served: Served, role: str) -> None:
    command = """mutation { revokeDevice(deviceId: "dev_pv", command: {idempotencyKey: "12345678", reason: "r"}) { __typename } }"""
    assert await code_of(served.app, command, getattr(served.keys, role)) == "FORBIDDEN"
    state = await ask(served.app, '{ identity(id: "dev_pv") { ... on Device { state } } }', served.keys.operator)
    assert state["identity"]["state"] == "active"


async def test_device_key_sees_itself_and_little_else(served: Served) -> None:
    data = await ask(served.app, "{ viewer { role identity { id } } chainHead { head } }", served.keys.device)
    assert data["viewer"] == {"role": "device", "identity": {"id": "dev_pv"}}
    assert await code_of(served.app, "{ balances { final } }", served.keys.device) == "FORBIDDEN"
