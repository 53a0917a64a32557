"""Operators' commands: done once, audited, and refused with a sentence."""

import asyncio

from tests.conformance.api.conftest import NOW, Served
from tests.support.running_api import ask, code_of
from tests.support.seeded_chain import add_break

APPROVE = 'mutation ($key: String!, $id: ID!) { approveDevice(deviceId: $id, command: {idempotencyKey: $key, reason: "seen on site"}) { __typename ... on DeviceDecided { device { state approvedAt } } ... on Problem { code sentence } } }'
CREATE = 'mutation ($key: String!, $role: String!, $of: ID) { createApiKey(role: $role, label: "new", identityId: $of, command: {idempotencyKey: $key, reason: "asked for"}) { ... on ApiKeyCreated { secret apiKey { id role } } ... on Problem { code sentence } } }'


async def audit_count(served: Served) -> int:
    data = await ask(served.app, "{ auditEntries { nodes { command subject reason actor } } }", served.keys.auditor)
    return len(data["auditEntries"]["nodes"])


async def test_device_is_approved_once_however_often_it_is_said(served: Served) -> None:
    first = (await ask(served.app, APPROVE, served.keys.operator, key="key-00001", id="dev_new"))["approveDevice"]
    again = (await ask(served.app, APPROVE, served.keys.operator, key="key-00001", id="dev_new"))["approveDevice"]
    assert first["device"]["state"] == "active" and first == again
    assert await audit_count(served) == 1


async def test_key_of_another_command_is_refused(served: Served) -> None:
    await ask(served.app, APPROVE, served.keys.operator, key="key-00001", id="dev_new")
    other = (await ask(served.app, APPROVE, served.keys.operator, key="key-00001", id="dev_pv"))["approveDevice"]
    assert other["code"] == "IDEMPOTENCY_KEY_TAKEN"


async def test_unknown_device_leaves_no_audit_entry(served: Served) -> None:
    answer = (await ask(served.app, APPROVE, served.keys.operator, key="key-00001", id="dev_none"))["approveDevice"]
    assert answer["code"] == "NOT_FOUND"
    assert await audit_count(served) == 0


async def test_commands_want_a_key_and_a_reason(served: Served) -> None:
    assert await code_of(served.app, APPROVE, served.keys.operator, key="short", id="dev_new") == "BAD_REQUEST"
    silent = 'mutation { approveDevice(deviceId: "dev_new", command: {idempotencyKey: "key-00001", reason: " "}) { __typename } }'
    assert await code_of(served.app, silent, served.keys.operator) == "BAD_REQUEST"


async def test_revoked_device_keeps_its_past_and_never_comes_back(served: Served) -> None:
    revoke = 'mutation { revokeDevice(deviceId: "dev_top1", command: {idempotencyKey: "key-00001", reason: "stolen"}) { ... on DeviceDecided { device { state keys { validTo } } } } }'
    device = (await ask(served.app, revoke, served.keys.operator))["revokeDevice"]["device"]
    assert device["state"] == "revoked" and device["keys"][0]["validTo"] is not None
    back = (await ask(served.app, APPROVE, served.keys.operator, key="key-00002", id="dev_top1"))["approveDevice"]
    assert back["code"] == "NOT_POSSIBLE" and "new key" in back["sentence"]


async def test_break_gets_an_owner_and_stays_open(served: Served) -> None:
    await add_break(served.store, NOW)
    dispose = 'mutation { disposeBreak(breakId: "brk_1", owner: "Eva", disposition: "resent", command: {idempotencyKey: "key-00001", reason: "looked"}) { ... on BreakDisposed { break { owner disposition closedAt } } } }'
    answer = (await ask(served.app, dispose, served.keys.operator))["disposeBreak"]["break"]
    assert answer == {"owner": "Eva", "disposition": "resent", "closedAt": None}
    open_now = await ask(served.app, "{ breaks { nodes { id owner } } }", served.keys.auditor)
    assert open_now["breaks"]["nodes"] == [{"id": "brk_1", "owner": "Eva"}]


async def test_break_is_noted_on_and_closed_for_a_reason_and_its_story_stays(served: Served) -> None:
    await add_break(served.store, NOW)
    note = 'mutation { noteBreak(breakId: "brk_1", text: "The node lags.", command: {idempotencyKey: "key-00001", reason: "looked"}) { __typename } }'
    close = 'mutation ($key: String!) { closeBreak(breakId: "brk_1", command: {idempotencyKey: $key, reason: "Sent before counting began."}) { ... on BreakDisposed { break { closedAt closedBy disposition } } ... on Problem { code } } }'
    assert (await ask(served.app, note, served.keys.operator))["noteBreak"]["__typename"] == "BreakDisposed"
    closed = (await ask(served.app, close, served.keys.operator, key="key-00002"))["closeBreak"]["break"]
    assert closed["closedAt"] and closed["closedBy"] and closed["disposition"] == "Sent before counting began."
    again = (await ask(served.app, close, served.keys.operator, key="key-00003"))["closeBreak"]
    assert again["code"] == "NOT_POSSIBLE"
    query = '{ breaks(open: null, sourceId: "src_sued") { nodes { story { action text } } } }'
    (told,) = (await ask(served.app, query, served.keys.auditor))["breaks"]["nodes"]
    assert [line["action"] for line in told["story"]] == ["noted", "closed"]
    assert await code_of(served.app, query, served.keys.anna) == "FORBIDDEN"


async def test_quarantine_is_resolved_once(served: Served) -> None:
    resolve = 'mutation ($key: String!) { resolveQuarantine(entryId: "qua_0", resolution: "meter exchanged", command: {idempotencyKey: $key, reason: "called"}) { ... on QuarantineResolved { entry { resolution resolvedAt } } ... on Problem { code } } }'
    entry = (await ask(served.app, resolve, served.keys.operator, key="key-00001"))["resolveQuarantine"]["entry"]
    assert entry["resolution"] == "meter exchanged" and entry["resolvedAt"]
    assert (await ask(served.app, resolve, served.keys.operator, key="key-00002"))["resolveQuarantine"][
        "code"
    ] == "NOT_POSSIBLE"
    left = await ask(served.app, "{ quarantine { nodes { id } } }", served.keys.operator)
    assert {each["id"] for each in left["quarantine"]["nodes"]} == {"qua_1", "qua_2"}


async def test_new_key_works_is_shown_once_and_ends_when_revoked(served: Served) -> None:
    made = (await ask(served.app, CREATE, served.keys.operator, key="key-00001", role="member", of="mem_clara"))[
        "createApiKey"
    ]
    assert (await ask(served.app, "{ viewer { identity { name } } }", made["secret"]))["viewer"]["identity"][
        "name"
    ] == "Clara Novak"
    again = (await ask(served.app, CREATE, served.keys.operator, key="key-00001", role="member", of="mem_clara"))[
        "createApiKey"
    ]
    assert again["code"] == "ALREADY_DONE"
    listed = await ask(served.app, "{ apiKeys { nodes { id } } }", served.keys.operator)
    assert made["secret"] not in str(listed)
    revoke = 'mutation ($id: ID!) { revokeApiKey(keyId: $id, command: {idempotencyKey: "key-00002", reason: "lost"}) { ... on ApiKeyRevoked { apiKey { revokedAt } } } }'
    ended = await ask(served.app, revoke, served.keys.operator, id=made["apiKey"]["id"])
    assert ended["revokeApiKey"]["apiKey"]["revokedAt"]
    assert await code_of(served.app, "{ viewer { role } }", made["secret"]) == "UNAUTHENTICATED"


async def test_keys_need_a_known_role_and_owner(served: Served) -> None:
    for number, (role, owner) in enumerate((("king", None), ("member", None), ("member", "mem_none"))):
        answer = await ask(served.app, CREATE, served.keys.operator, key=f"key-0000{number}", role=role, of=owner)
        assert answer["createApiKey"]["code"] == "NOT_POSSIBLE"
    assert await audit_count(served) == 0


async def test_command_said_twice_at_once_is_done_once(served: Served) -> None:
    answers = await asyncio.gather(
        *(ask(served.app, APPROVE, served.keys.operator, key="key-00001", id="dev_new") for _ in range(4))
    )
    assert {each["approveDevice"]["__typename"] for each in answers} == {"DeviceDecided"}
    assert await audit_count(served) == 1
