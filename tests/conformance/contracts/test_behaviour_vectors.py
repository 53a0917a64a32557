"""The token behaves as ERC-20, ERC-2612 and ERC-6093 say: the vectors of tests/golden/hd on a real node."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from contracts import abi
from tests.conformance.contracts.conftest import NOW, Ledger, RefusedError
from tests.support.anvil import CHAIN_ID, DEVELOPMENT_KEYS

GOLDEN = Path(__file__).parents[2] / "golden" / "hd"
PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
TYPES = {
    "mint": ("address", "uint256"),
    "transfer": ("address", "uint256"),
    "approve": ("address", "uint256"),
    "transferFrom": ("address", "address", "uint256"),
    "burn": ("uint256",),
    "balanceOf": ("address",),
    "allowance": ("address", "address"),
    "nonces": ("address",),
    "permit": ("address", "address", "uint256", "uint256", "uint8", "bytes32", "bytes32"),
}
EVENTS = {"Transfer": "Transfer(address,address,uint256)", "Approval": "Approval(address,address,uint256)"}
MAX = 2**256 - 1


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of one golden file."""
    loaded: list[dict[str, Any]] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    return loaded


def call_data(function: str, *values: object) -> bytes:
    """Selector and arguments, by a general encoder."""
    types = TYPES[function]
    return keccak(text=f"{function}({','.join(types)})")[:4] + encode(types, values)


class Stage:
    """Who the letters of the vectors are: a and b own keys, the minter may mint."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        # Permits need keys, and those of the first two accounts are known.
        self.number = {"a": 0, "b": 1, "c": 3, "minter": 4}
        ledger.send(ledger.token, abi.encode_grant_role(abi.MINTER_ROLE, ledger.accounts[4]))

    def address(self, name: str) -> str:
        return abi.ZERO_ADDRESS if name == "zero" else self.ledger.accounts[self.number[name]]

    def value(self, given: object) -> object:
        if given == "MAX":
            return MAX
        return self.address(given) if isinstance(given, str) else given

    def ask(self, function: str, *names: str) -> int:
        answer = self.ledger.call(self.ledger.token, call_data(function, *map(self.address, names)))
        return abi.decode_uint(answer)

    def step(self, step: dict[str, Any]) -> tuple[int, bytes]:
        """Sender and call data of one step."""
        if "permit" in step:
            return self.number[step["by"]], self.permit(step)
        return self.number[step["by"]], call_data(step["fn"], *map(self.value, step["args"]))

    def permit(self, step: dict[str, Any]) -> bytes:
        owner, spender, value = step["permit"]
        signer = DEVELOPMENT_KEYS[self.number[step.get("signer", owner)]]
        deadline = NOW + 10**6 if step["deadline"] == "future" else NOW - 10**6
        message = {
            "owner": self.address(owner),
            "spender": self.address(spender),
            "value": value,
            "nonce": self.ask("nonces", owner),
            "deadline": deadline,
        }
        domain = {
            "name": "Kilowatt-hour",
            "version": "1",
            "chainId": CHAIN_ID,
            "verifyingContract": self.ledger.token,
        }
        fields = [tuple(field.split()) for field in PERMIT[len("Permit(") : -1].split(",")]
        types = {"Permit": [{"name": name, "type": kind} for kind, name in fields]}
        signed = Account.sign_message(encode_typed_data(domain, types, message), signer)
        r, s = signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")
        owner_, spender_ = self.address(owner), self.address(spender)
        return call_data("permit", owner_, spender_, value, deadline, signed.v, r, s)


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    return Stage(ledger)


def seen(receipt: dict[str, Any], events: dict[str, str]) -> list[list[object]]:
    """The standard's events of a receipt: name, two addresses, a number."""
    names = {"0x" + keccak(text=signature).hex(): name for name, signature in events.items()}
    return [
        [names[log["topics"][0]], *("0x" + topic[26:] for topic in log["topics"][1:]), int(log["data"], 16)]
        for log in receipt["logs"]
        if log["topics"][0] in names
    ]


@pytest.mark.parametrize("case", cases("erc20_behaviour"), ids=lambda case: str(case["id"]))
def test_the_token_behaves_as_the_standards_say(stage: Stage, case: dict[str, Any]) -> None:
    expected, calls = case["expect"], [step for step in case["steps"] if "again" not in step]
    prepared: tuple[int, bytes] = (0, b"")
    receipt: dict[str, Any] = {}
    for number, step in enumerate(case["steps"]):
        prepared = prepared if "again" in step else stage.step(step)
        sender, data = prepared
        if "revert" in expected and number == len(case["steps"]) - 1:
            with pytest.raises(RefusedError) as caught:
                stage.ledger.send(stage.ledger.token, data, sender)
            assert caught.value.name == expected["revert"]
            return
        receipt = stage.ledger.send(stage.ledger.token, data, sender)
    assert calls and expected["ok"]
    if "events" in expected:
        assert seen(receipt, EVENTS) == [[event[0], *map(stage.value, event[1:])] for event in expected["events"]]
    for name, balance in expected.get("balances", {}).items():
        assert stage.ask("balanceOf", name) == balance
    for owner, spender, value in expected.get("allowance", []):
        assert stage.ask("allowance", owner, spender) == stage.value(value)
    if "supply" in expected:
        assert stage.ledger.supply() == expected["supply"]


DOMAIN_FIELDS = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def domain_separator(domain: dict[str, Any]) -> bytes:
    """EIP-712, computed from the specification."""
    words = [keccak(text=DOMAIN_FIELDS), keccak(text=domain["name"]), keccak(text=domain["version"])]
    return keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [*words, domain["chainId"], domain["verifyingContract"].lower()],
        )
    )


@pytest.mark.parametrize("case", cases("eip712"), ids=lambda case: str(case["id"]))
def test_our_domain_separator_agrees_with_the_vector_and_the_token(ledger: Ledger, case: dict[str, Any]) -> None:
    assert "0x" + domain_separator(case["domain"]).hex() == case["domain_separator"]
    token = {"name": "Kilowatt-hour", "version": "1", "chainId": CHAIN_ID, "verifyingContract": ledger.token}
    answer = ledger.call(ledger.token, keccak(text="DOMAIN_SEPARATOR()")[:4])
    assert answer == domain_separator(token)
    described = decode(
        ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"],
        ledger.call(ledger.token, keccak(text="eip712Domain()")[:4]),
    )
    assert described == (b"\x0f", "Kilowatt-hour", "1", CHAIN_ID, ledger.token, bytes(32), ())


def test_the_vectors_digest_and_signature_recover_its_signer(ledger: Ledger) -> None:
    """The chain's own ecrecover accepts what the vector signs: the same way a permit is judged."""
    [case] = cases("eip712")
    typed = {name: [{"name": field, "type": kind} for field, kind in fields] for name, fields in case["types"].items()}
    signable = encode_typed_data(case["domain"], typed, case["message"])
    digest = keccak(b"\x19\x01" + signable.header + signable.body)
    assert "0x" + digest.hex() == case["digest"]
    question = digest + case["v"].to_bytes(32, "big") + bytes.fromhex(case["r"][2:]) + bytes.fromhex(case["s"][2:])
    assert ledger.call("0x" + f"{1:040x}", question)[12:].hex() == case["signer"][2:]


def test_the_chains_precompile_agrees_with_every_vector_of_eip_7951(ledger: Ledger) -> None:
    vectors = cases("eip7951")
    assert len(vectors) > 300
    precompile = "0x" + f"{0x100:040x}"
    answers = {case["id"]: ledger.call(precompile, bytes.fromhex(case["input"])) for case in vectors}
    expected = {case["id"]: (1).to_bytes(32, "big") if case["valid"] else b"" for case in vectors}
    assert answers == expected
