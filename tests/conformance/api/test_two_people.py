"""What two people decide, what an auditor is shown, and signing in with a wallet; on both databases."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from api.app import ApiProcess
from community.store.unit_of_work import Store
from tests.conformance.api.conftest import NOW, Served
from tests.support.manual_clock import ManualClock
from tests.support.running_api import ask, code_of, serving
from tests.support.seeded_community import make_key, seed
from tests.support.seeded_figures import NAMES, SHARES, SOURCE
from tests.support.session_keys import write_session_key

PROBLEM = "... on Problem { code sentence }"
REVISION = "... on ShareRevisionDecided { revision { id state proposedBy decidedBy shareTableId changes { holder { id } before after } } }"
DISCLOSURE = "... on DisclosureDecided { disclosure { id state identity { name } } }"
NEW = {**SHARES, "mem_anna": 200, "mem_david": 200}


def command(name: str, arguments: str, answer: str, key: str) -> str:
    return f'mutation {{ {name}({arguments}, command: {{idempotencyKey: "{key}", reason: "a test"}}) {{ {answer} {PROBLEM} }} }}'


def given(counts: dict[str, int], since: str) -> str:
    shares = ", ".join(f'{{memberId: "{holder}", shareCount: {count}}}' for holder, count in counts.items())
    return f'sourceId: "{SOURCE}", validFrom: "{since}", shares: [{shares}]'


async def test_a_share_register_is_changed_by_two_people(served: Served) -> None:
    app, since = served.app, (served.seeded.now + timedelta(days=1)).isoformat()
    first, second = [await make_key(served.store, "operator", person=name) for name in ("Olga", "Otto")]
    preview = f"{{ sharePreview({given(NEW, since)}) {{ ... on SharePreview {{ revision shareTotal configHash changes {{ holder {{ id }} before after }} }} {PROBLEM} }} }}"
    shown = (await ask(app, preview, served.keys.operator))["sharePreview"]
    assert (shown["revision"], shown["shareTotal"]) == (2, 1000)
    assert {each["holder"]["id"]: (each["before"], each["after"]) for each in shown["changes"]} == {
        holder: (SHARES[holder], count) for holder, count in NEW.items()
    }

    async def done(name: str, arguments: str, key: str, who: str) -> Any:
        return (await ask(app, command(name, arguments, REVISION, key), who))[name]

    for wrong, words in (({**NEW, "mem_anna": 1}, "add up"), ({**NEW, "mem_nobody": 1}, "no address")):
        refused = await done("proposeShareTable", given(wrong, since), "key-00001", second)
        assert refused["code"] == "NOT_POSSIBLE" and words in refused["sentence"], refused
    early = await done("proposeShareTable", given(NEW, "2020-01-01T00:00:00Z"), "key-00001", second)
    assert early["code"] == "NOT_POSSIBLE"
    proposed = (await done("proposeShareTable", given(NEW, since), "key-00002", first))["revision"]
    again = await done("proposeShareTable", given(NEW, since), "key-00002", first)
    assert proposed["state"] == "proposed" and again["revision"] == proposed
    mine = f'revisionId: "{proposed["id"]}"'
    for who, words in (
        (first, "another operator"),
        (await make_key(served.store, "operator", person="Olga"), "another key of yours"),
        (served.keys.operator, "nobody in particular"),
    ):
        refused = await done("approveShareTable", mine, f"key-{words}", who)
        assert refused["code"] == "NOT_POSSIBLE" and words in refused["sentence"]
    waiting = await ask(app, "{ shareRevisions { nodes { id } } }", served.keys.auditor)
    assert [each["id"] for each in waiting["shareRevisions"]["nodes"]] == [proposed["id"]]
    approved = (await done("approveShareTable", mine, "key-00004", second))["revision"]
    assert approved["state"] == "approved" and approved["decidedBy"] != approved["proposedBy"]
    late = await done("rejectShareTable", mine, "key-00005", second)
    assert late["code"] == "NOT_POSSIBLE" and "decided already" in late["sentence"]
    tables = await ask(
        app,
        "{ energySources { nodes { shareTables { revision configHash validFrom validTo shares { shareCount } } } } }",
        second,
    )
    newest, before = tables["energySources"]["nodes"][0]["shareTables"]
    assert newest["configHash"] == shown["configHash"] and newest["validFrom"] == before["validTo"]
    assert [each["shareCount"] for each in newest["shares"]] == list(NEW.values())
    assert await code_of(app, preview, served.keys.anna) == "FORBIDDEN"


async def test_an_auditor_knows_a_person_by_name_only_where_it_was_granted(served: Served) -> None:
    app, anna = served.app, NAMES["mem_anna"]
    names = "{ members { nodes { id name } } balances { member { name } } }"

    async def done(name: str, arguments: str, key: str, who: str) -> Any:
        return (await ask(app, command(name, arguments, DISCLOSURE, key), who))[name]

    auditor = await make_key(served.store, "auditor", person="Adele")
    operator = await make_key(served.store, "operator", person="Olga")

    async def seen() -> str:
        return json.dumps(await ask(app, names, auditor))

    assert anna not in await seen()
    asked = (await done("requestDisclosure", 'identityId: "mem_anna"', "key-00001", auditor))["disclosure"]
    assert asked["state"] == "requested" and anna not in await seen() and asked["identity"]["name"] != anna
    mine = f'disclosureId: "{asked["id"]}"'
    assert await code_of(app, command("grantDisclosure", mine, DISCLOSURE, "key-00002"), auditor) == "FORBIDDEN"
    for who, words in (
        (await make_key(served.store, "operator", person="adele"), "another key of yours"),
        (served.keys.operator, "nobody"),
    ):
        refused = await done("grantDisclosure", mine, f"key-{words}", who)
        assert refused["code"] == "NOT_POSSIBLE" and words in refused["sentence"]
    assert (await done("grantDisclosure", mine, "key-00002", operator))["disclosure"]["state"] == "granted"
    shown = await seen()
    assert shown.count(anna) == 2 and NAMES["mem_bernd"] not in shown
    log = await ask(app, "{ auditEntries { nodes { command subject } } disclosures { nodes { state } } }", auditor)
    assert [each["command"] for each in log["auditEntries"]["nodes"]] == ["grant_disclosure", "request_disclosure"]
    assert (await done("endDisclosure", mine, "key-00003", operator))["disclosure"]["state"] == "ended"
    assert anna not in await seen()
    assert (await done("grantDisclosure", mine, "key-00004", operator))["code"] == "NOT_POSSIBLE"
    nobody = await done("requestDisclosure", 'identityId: "src_sued"', "key-00005", auditor)
    assert nobody["code"] == "NOT_FOUND"


WALLET = Account.from_key(b"\x07" * 32)
ASK = (
    f'mutation {{ signInMessage(address: "{WALLET.address}") {{ ... on SignInAsked {{ nonce message }} {PROBLEM} }} }}'
)
SIGN_IN = f"mutation ($n: Hex!, $s: Hex!) {{ signInWithWallet(nonce: $n, signature: $s) {{ ... on SignedIn {{ token expiresAt }} {PROBLEM} }} }}"
ME = "{ viewer { role identity { id } } balances { member { id } } }"


@pytest.fixture
def session_key(tmp_path: Path) -> Path:
    return write_session_key(tmp_path)


def signed(message: str, wallet: Any = WALLET) -> str:
    return str(wallet.sign_message(encode_defunct(text=message)).signature.hex())


async def link(app: ApiProcess, key: str) -> None:
    challenge = f'mutation {{ walletLinkChallenge(memberId: "mem_anna", address: "{WALLET.address}") {{ ... on WalletChallengeMade {{ nonce typedData }} }} }}'
    made = (await ask(app, challenge, key))["walletLinkChallenge"]
    proof = WALLET.sign_message(encode_typed_data(full_message=json.loads(made["typedData"]))).signature.hex()
    arguments = f'memberId: "mem_anna", nonce: "{made["nonce"]}", signature: "{proof}"'
    await ask(app, command("linkWallet", arguments, "__typename", "key-link-1"), key)


async def test_a_member_signs_in_with_his_wallet(store: Store, store_url: str, session_key: Path) -> None:
    await seed(store, NOW, days=1)
    anna, clock = await make_key(store, "member", "mem_anna"), ManualClock(NOW)
    async with serving(store_url, clock=clock, session_key=session_key) as app:

        async def sign_in(asked: Any, signature: str) -> Any:
            return (await ask(app, SIGN_IN, None, n=asked["nonce"], s=signature))["signInWithWallet"]

        stranger = (await ask(app, ASK, None))["signInMessage"]
        assert (await sign_in(stranger, signed(stranger["message"])))["code"] == "WALLET_NOT_LINKED"
        await link(app, anna)
        asked = (await ask(app, ASK, None))["signInMessage"]
        assert asked["message"].splitlines()[0] == "localhost:8080 wants you to sign in with your Ethereum account:"
        other = Account.from_key(b"\x08" * 32)
        for wrong in (
            signed(asked["message"], other),
            signed(asked["message"] + " "),
            signed(stranger["message"]),
            "00" * 65,
        ):
            assert (await sign_in(asked, wrong))["code"] == "SIGN_IN_REFUSED"
        answer = await sign_in(asked, signed(asked["message"]))
        assert (await sign_in(asked, signed(asked["message"])))["code"] == "SIGN_IN_REFUSED", "a message is used once"
        me = await ask(app, ME, answer["token"])
        assert me == {
            "viewer": {"role": "member", "identity": {"id": "mem_anna"}},
            "balances": [{"member": {"id": "mem_anna"}}],
        }
        header, body, _ = answer["token"].split(".")
        assert await code_of(app, ME, f"{header}.{body}.{'A' * 86}") == "UNAUTHENTICATED"
        late = (await ask(app, ASK, None))["signInMessage"]
        await clock.move_to(NOW + timedelta(minutes=11))
        assert (await sign_in(late, signed(late["message"])))["code"] == "SIGN_IN_REFUSED"
        unlink = command(
            "unlinkWallet", f'memberId: "mem_anna", address: "{WALLET.address}"', "__typename", "key-00002"
        )
        await ask(app, unlink, answer["token"])
        await clock.move_to(NOW + timedelta(minutes=12))
        assert await code_of(app, ME, answer["token"]) in ("UNAUTHENTICATED", "FORBIDDEN")
    async with serving(store_url, clock=clock) as app:
        assert (await ask(app, ASK, None))["signInMessage"]["code"] == "NOT_POSSIBLE"
        assert await code_of(app, ME, answer["token"]) == "UNAUTHENTICATED"
