"""Signing in at a real OpenID provider: whose rows are shown, for how long, and what an operator binds."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from api.app import ApiProcess
from api.issuers import ASK_AGAIN_AFTER
from community.errors import FatalError
from community.runtime.system_clock import SystemClock
from community.store import logins
from community.store.unit_of_work import Store
from tests.conformance.api.conftest import NOW
from tests.support.manual_clock import ManualClock
from tests.support.oidc import Realm, realm
from tests.support.running_api import ask, code_of, message, post, serving, socket, subscribe
from tests.support.seeded_community import seed

PEOPLE = {
    "anna": {"roles": ["member"]},
    "otto": {"roles": ["member"], "clientRoles": ["operator"]},
    "uma": {"roles": ["offline_access"]},
}
WHO = "{ viewer { role label identity { id } } balances { member { id } } }"


@pytest.fixture
async def people() -> AsyncIterator[Realm]:
    async with realm(PEOPLE) as running:
        yield running


@pytest.fixture
async def app(store: Store, store_url: str, people: Realm) -> AsyncIterator[ApiProcess]:
    await seed(store, NOW, days=1)
    async with serving(store_url, issuers=(people.issuer,)) as running:
        yield running


async def bind(store: Store, member: str, login: str) -> str:
    async with store.begin() as work:
        return await logins.bind(work, member, login, NOW)


async def test_a_person_is_whom_the_operator_bound(app: ApiProcess, store: Store, people: Realm) -> None:
    token = await people.token("anna")
    refused = await post(app, WHO, token)
    assert refused.status_code == 403
    assert people.login("anna") in refused.json()["errors"][0]["message"]
    user_id = await bind(store, "mem_anna", people.login("anna"))
    seen = await ask(app, WHO, token)
    assert seen["viewer"] == {"role": "member", "label": "anna", "identity": {"id": user_id}}
    assert seen["balances"] == [{"member": {"id": "mem_anna"}}]
    assert (await ask(app, "{ viewer { role } }", await people.token("otto")))["viewer"]["role"] == "operator"
    for wrong in (await people.token("uma"), token[:-4] + "AAAA", "x.y.z"):
        assert (await post(app, WHO, wrong)).status_code == 401


async def test_a_command_is_recorded_with_the_sign_in_that_gave_it(app: ApiProcess, people: Realm) -> None:
    operator = await people.token("otto")
    command = 'mutation { revokeDevice(deviceId: "dev_pv", command: {idempotencyKey: "sign-in-1", reason: "lost"}) { __typename } }'
    await ask(app, command, operator)
    entry = (await ask(app, "{ auditEntries(first: 1) { nodes { actor } } }", operator))["auditEntries"]["nodes"][0]
    assert entry["actor"] == people.login("otto")


async def test_a_sign_in_that_is_unbound_sees_nothing_more(app: ApiProcess, store: Store, people: Realm) -> None:
    await bind(store, "mem_anna", people.login("anna"))
    token = await people.token("anna")
    async with socket(app, token) as connection:
        assert (await message(connection))["type"] == "connection_ack"
        await subscribe(connection, "subscription { balances { nodes { final } } }")
        assert (await message(connection))["type"] == "next"
        async with store.begin() as work:
            assert await logins.unbind(work, people.login("anna"), NOW)
        while "errors" not in (last := await message(connection))["payload"]:  # what changed before
            assert last["type"] == "next"
        assert last["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await message(connection))["type"] == "complete"
        await subscribe(connection, WHO, "2")
        assert (await message(connection))["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await post(app, WHO, token)).status_code == 403


async def test_a_socket_is_closed_when_the_token_expires(sqlite_store: Store) -> None:
    await seed(sqlite_store, NOW, days=1)
    url = f"sqlite:///{sqlite_store.engine.url.database}"
    async with realm(PEOPLE, token_ttl_s=2) as people, serving(url, issuers=(people.issuer,)) as app:
        token = await people.token("otto")
        async with socket(app, token) as connection:
            assert (await message(connection))["type"] == "connection_ack"
            async with asyncio.timeout(30):
                await connection.wait_closed()
            assert connection.close_code == 4403
            assert "expired" in str(connection.close_reason)


async def test_a_rotated_key_is_followed(sqlite_store: Store, people: Realm) -> None:
    await seed(sqlite_store, NOW, days=1)
    clock = ManualClock(SystemClock().now())
    async with serving(f"sqlite:///{sqlite_store.engine.url.database}", issuers=(people.issuer,), clock=clock) as app:
        old = await people.token("otto")
        assert (await ask(app, "{ viewer { role } }", old))["viewer"]["role"] == "operator"
        await people.rotate()
        new = await people.token("otto")
        assert await code_of(app, "{ viewer { role } }", new) == "UNAUTHENTICATED"
        await clock.move_to(clock.now() + ASK_AGAIN_AFTER)
        assert (await ask(app, "{ viewer { role } }", new))["viewer"]["role"] == "operator"


async def test_a_sign_in_belongs_to_one_user_and_a_user_has_one(store: Store) -> None:
    await seed(store, NOW, days=1)
    first, second = "https://i.example/realms/e#1", "https://i.example/realms/e#2"
    user_id = await bind(store, "mem_anna", first)
    assert await bind(store, "mem_anna", first) == user_id
    await bind(store, "mem_bernd", second)
    for member, login, reason in (
        ("mem_anna", second, "bound to another user"),
        ("mem_nobody", first, "no member"),
        ("mem_anna", "anna@example.org", "no sign-in"),
    ):
        with pytest.raises(FatalError, match=reason):
            await bind(store, member, login)
    third = "https://i.example/realms/e#3"
    assert await bind(store, "mem_anna", third) == user_id  # in place of the first
    async with store.read() as work:
        assert await logins.identity_of(work, first) is None
        bound = {each.member_id: each.login for each in await logins.bound(work)}
    assert bound == {"mem_anna": third, "mem_bernd": second}
    async with store.begin() as work:
        assert await logins.unbind(work, second, NOW)
        assert not await logins.unbind(work, second, NOW)
