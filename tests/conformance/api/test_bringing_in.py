"""Onboarding, revocation, import, proposals, corrections and wallets by command: once, with a reason, or a sentence on why not."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data

from api.graph.import_commands import ImportKind
from community.clock import QUARTER_HOUR
from community.minting.proposals import Proposal
from community.onboarding.import_files import FILES
from community.store import proposals
from tests.conformance.api.conftest import NOW, Served
from tests.support.running_api import ask, code_of
from tests.support.seeded_figures import PV_POINT, SHARES, SOURCE

PROBLEM = "... on Problem { code sentence }"
DEVICE = "... on DeviceDecided { device { state onboarding keys { number kid validTo revokedFrom } restsOn { measurements intervalCount issuanceCount issuedWh intervals { startsAt } issuances { id } } } }"
POINT = (
    "04"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


def command(name: str, arguments: str, answer: str, key: str = "key-00001") -> str:
    return f'mutation {{ {name}({arguments}, command: {{idempotencyKey: "{key}", reason: "a test"}}) {{ {answer} {PROBLEM} }} }}'


async def done(
    served: Served, name: str, arguments: str, answer: str, key: str = "key-00001", who: str = "operator"
) -> Any:
    return (await ask(served.app, command(name, arguments, answer, key), getattr(served.keys, who)))[name]


async def test_device_gets_its_key_and_no_other(served: Served) -> None:
    device = await done(served, "bindDeviceKey", f'deviceId: "dev_new", publicKey: "{POINT}"', DEVICE)
    assert device["code"] == "NOT_POSSIBLE" and "bound to this device already" in device["sentence"]
    for name, arguments, words in (
        ("bindDeviceKey", 'deviceId: "dev_new", publicKey: "zz"', "no hex"),
        ("confirmSerial", 'deviceId: "dev_new", serial: "1"', "No meter"),
        ("approveForIssuance", 'deviceId: "dev_new"', "cannot be approved yet"),
        ("rotateDeviceKey", 'deviceId: "dev_pv", rotation: "00"', "does not hold"),
        ("revokeDevice", 'deviceId: "dev_pv", keyNumber: 9', "no key with number 9"),
        ("revokeDevice", 'deviceId: "dev_pv", since: "2099-01-01T00:00:00Z"', "past"),
    ):
        refused = await done(served, name, arguments, DEVICE)
        assert refused["code"] == "NOT_POSSIBLE" and words in refused["sentence"], refused
    confirmed = await done(served, "confirmSerial", f'deviceId: "dev_pv", serial: "SN-{PV_POINT}"', DEVICE)
    assert confirmed["device"]["state"] == "active"
    audited = await ask(served.app, "{ auditEntries { nodes { command subject } } }", served.keys.auditor)
    assert [each["command"] for each in audited["auditEntries"]["nodes"]] == ["confirm_serial"]


async def test_revocation_from_the_past_lists_what_rests_on_it(served: Served) -> None:
    since = served.seeded.now - timedelta(hours=2)
    arguments = f'deviceId: "dev_pv", since: "{since.isoformat()}"'
    device = (await done(served, "revokeDevice", arguments, DEVICE))["device"]
    assert device["state"] == "revoked" and device["keys"][0]["revokedFrom"] == since.isoformat().replace("+00:00", "Z")
    rests = device["restsOn"]
    assert rests["measurements"] == 9 and rests["intervalCount"] == 9 == len(rests["intervals"])
    assert rests["issuanceCount"] == len(rests["issuances"]) > 0 and rests["issuedWh"] > 0
    assert (await done(served, "revokeDevice", arguments, DEVICE))["device"] == device
    other = await done(served, "revokeDevice", arguments.replace("dev_pv", "dev_top1"), DEVICE)
    assert other["code"] == "IDEMPOTENCY_KEY_TAKEN"


async def test_files_are_tried_first_and_entered_all_or_none(served: Served) -> None:
    assert [each.value for each in ImportKind] == list(FILES)
    answer = "... on ImportDone { committed counts { file rows entered unchanged } problems { file row column what remedy } }"
    content = "community,member,name\\nsun,m1,Eva\\nsun,m2,Fritz\\n"

    def given(text: str, dry: str) -> str:
        return f'community: "sun", files: [{{kind: MEMBERS, content: "{text}"}}], dryRun: {dry}'

    bad = await done(served, "importFiles", given("community,member,name\\nmoon,m1,Eva\\n", "false"), answer)
    assert bad["committed"] is False and bad["problems"][0]["row"] == 2
    tried = await done(served, "importFiles", given(content, "true"), answer)
    assert tried["committed"] is False
    entered = await done(served, "importFiles", given(content, "false"), answer)
    assert entered["committed"] is True and tried["problems"] == entered["problems"] == []
    assert tried["counts"] == entered["counts"] == [{"file": "members", "rows": 2, "entered": 2, "unchanged": 0}]
    again = await done(served, "importFiles", given(content, "false"), answer, "key-00002")
    assert again["counts"][0]["unchanged"] == 2
    secret = 'community: "sun", files: [{kind: METERS, content: "community,meter,maker,model,registers,meter_key\\nsun,S1,A,B,1-0:1.8.0,000102030405060708090a0b0c0d0e0f\\n"}], dryRun: true'
    refused = await done(served, "importFiles", secret, answer)
    assert "API_COLUMN_KEY_FILE" in refused["problems"][0]["what"], refused
    twice = 'community: "sun", files: [{kind: MEMBERS, content: "a"}, {kind: MEMBERS, content: "a"}]'
    assert await code_of(served.app, command("importFiles", twice, answer), served.keys.operator) == "BAD_REQUEST"


async def test_an_objection_holds_a_proposal_until_it_is_answered(served: Served) -> None:
    now = served.seeded.now
    first = Proposal(
        "0x" + "9" * 64, SOURCE, 10, 20, now - QUARTER_HOUR, now, f"mea_{PV_POINT}_{now:%Y%m%d%H%M}", "sht_1", NOW, NOW
    )  # type: ignore[arg-type]
    async with served.store.begin() as work:
        await proposals.add_proposal(work, replace(first, due_at=NOW + timedelta(days=1)))
    answer = "... on ProposalDecided { proposal { id state energyWh source { id } objections { id reason raisedBy answer } } }"
    held = await done(served, "objectToProposal", f'proposalId: "{first.id}"', answer, who="anna")
    (objection,) = held["proposal"]["objections"]
    assert objection["reason"] == "a test" and objection["answer"] is None and objection["raisedBy"] is not None
    seen = await ask(
        served.app, "{ proposals { nodes { id measurement { id } objections { raisedBy } } } }", served.keys.bernd
    )
    assert seen["proposals"]["nodes"][0]["objections"] == [{"raisedBy": None}]
    arguments = f'objectionId: "{objection["id"]}", answer: "It was read twice"'
    told = await done(served, "answerObjection", arguments, answer, "key-00002")
    assert told["proposal"]["objections"][0]["answer"] == "It was read twice"
    assert (await done(served, "answerObjection", arguments, answer, "key-00003"))["code"] == "NOT_POSSIBLE"
    assert (await done(served, "objectToProposal", 'proposalId: "prop_x"', answer, "key-00004"))[
        "code"
    ] == "NOT_POSSIBLE"


async def test_a_correction_is_looked_at_first_and_recorded_once(served: Served) -> None:
    preview = f'{{ correctionPreview(sourceId: "{SOURCE}", kind: DEBT, energyWh: 1000) {{ before {{ verifiedWh mintedWh debtWh }} after {{ verifiedWh debtWh }} effects {{ holder {{ id }} difference }} }} }}'
    shown = (await ask(served.app, preview, served.keys.operator))["correctionPreview"]
    assert shown["after"] == {"verifiedWh": shown["before"]["verifiedWh"] - 1000, "debtWh": 1000}
    assert sum(int(each["difference"]) for each in shown["effects"]) == 1000 * 10**15
    mine = (await ask(served.app, preview, served.keys.anna))["correctionPreview"]["effects"]
    assert mine == [{"holder": {"id": "mem_anna"}, "difference": str(10**15 * SHARES["mem_anna"])}]
    answer = "... on CorrectionRecorded { calldata correction { energyWh kind evidence reason } }"
    arguments = f'sourceId: "{SOURCE}", kind: DEBT, energyWh: 1000, evidence: "0x{"7" * 64}"'
    made = await done(served, "recordCorrection", arguments, answer)
    assert made["correction"]["energyWh"] == 1000 and len(made["calldata"]) > 8
    assert await done(served, "recordCorrection", arguments, answer) == made
    other = await done(served, "recordCorrection", arguments.replace("1000", "999"), answer, "key-00002")
    assert other["code"] == "NOT_POSSIBLE" and "never changed" in other["sentence"]
    listed = await ask(served.app, "{ corrections { nodes { energyWh source { id } } } }", served.keys.anna)
    assert listed["corrections"]["nodes"] == [{"energyWh": 1000, "source": {"id": SOURCE}}]
    again = (await ask(served.app, preview, served.keys.operator))["correctionPreview"]
    assert again["before"] == {**shown["before"], **shown["after"]}


async def test_a_wallet_is_linked_by_its_signature_and_by_its_member_alone(served: Served) -> None:
    wallet = Account.from_key(b"\x07" * 32)
    challenge = f'mutation {{ walletLinkChallenge(memberId: "mem_anna", address: "{wallet.address}") {{ ... on WalletChallengeMade {{ nonce typedData }} {PROBLEM} }} }}'
    made = (await ask(served.app, challenge, served.keys.anna))["walletLinkChallenge"]
    message = encode_typed_data(full_message=json.loads(made["typedData"]))
    signature = wallet.sign_message(message).signature.hex()
    answer = "... on WalletDecided { member { coinAddresses { address path validTo } } }"
    arguments = f'memberId: "mem_anna", nonce: "{made["nonce"]}", signature: "{signature}"'
    wrong = await done(served, "linkWallet", arguments.replace(signature, "00" * 65), answer, "key-00009", "anna")
    assert wrong["code"] == "NOT_POSSIBLE"
    linked = await done(served, "linkWallet", arguments, answer, who="anna")
    addresses = {each["address"]: each for each in linked["member"]["coinAddresses"]}
    assert addresses[wallet.address] == {"address": wallet.address, "path": None, "validTo": None}
    assert await done(served, "linkWallet", arguments, answer, who="anna") == linked
    for who, text in (
        ("bernd", challenge),
        ("bernd", command("linkWallet", arguments, answer)),
        ("operator", challenge),
    ):
        assert await code_of(served.app, text, getattr(served.keys, who)) == "FORBIDDEN"
    ended = await done(
        served, "unlinkWallet", f'memberId: "mem_anna", address: "{wallet.address}"', answer, "key-00002", "anna"
    )
    assert {each["address"]: each["validTo"] is None for each in ended["member"]["coinAddresses"]}[
        wallet.address
    ] is False
