"""The whole way from words to keys, against the vectors of BIP-39, BIP-32, SLIP-10, EIP-155, EIP-712 and EIP-1559."""

import coincurve
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hdwallet.derivations import CustomDerivation
from hdwallet.eccs import SLIP10Ed25519ECC, SLIP10Nist256p1ECC, SLIP10Secp256k1ECC
from hdwallet.hds import BIP32HD
from hdwallet.mnemonics import BIP39Mnemonic

from community.chain.signature_requests import SignatureRequest
from community.chain.signed_transactions import read_signed
from community.identity.extended_keys import parse_xpub
from signer import hd_tree
from signer.settler import KeystoreAccount
from signer.transactions import sign_transaction
from tests.support.golden import golden_cases

BIP32 = [case for case in golden_cases("hd", "bip32.json") if "xpub" in case]
# hdwallet does not know curve25519, on which nobody here derives keys
SLIP10 = [case for case in golden_cases("hd", "slip10.json") if case["curve"] != "curve25519"]
ECCS = {"secp256k1": SLIP10Secp256k1ECC, "nist256p1": SLIP10Nist256p1ECC, "ed25519": SLIP10Ed25519ECC}


@pytest.mark.parametrize("case", BIP32, ids=lambda case: case["id"])
def test_bip32_from_the_seed(case: dict) -> None:
    assert hd_tree.xpub_of_seed(bytes.fromhex(case["seed"]), case["path"]) == case["xpub"]


@pytest.mark.parametrize("case", golden_cases("hd", "bip39.json"), ids=lambda case: case["id"])
def test_bip39_in_every_language(case: dict) -> None:
    entropy = bytes.fromhex(case["entropy"])
    language = case["language"].replace("_", "-")
    normal = BIP39Mnemonic.normalize(case["mnemonic"])
    assert BIP39Mnemonic.normalize(hd_tree.mnemonic_of(entropy, language)) == normal
    assert hd_tree.seed_of(case["mnemonic"], case["passphrase"]) == case["seed"]
    master = BIP32HD(ecc=SLIP10Secp256k1ECC).from_seed(case["seed"])
    assert hd_tree.xpub_of_seed(bytes.fromhex(case["seed"]), "m") == master.root_xpublic_key()
    assert master.root_xprivate_key() == case["xprv"]


@pytest.mark.parametrize("case", SLIP10, ids=lambda case: case["id"])
def test_slip10(case: dict) -> None:
    wallet = BIP32HD(ecc=ECCS[case["curve"]]).from_seed(case["seed"])
    if case["path"] != "m":
        wallet.from_derivation(CustomDerivation(path=case["path"]))
    assert (wallet.private_key(), wallet.chain_code()) == (case["private"], case["chain_code"])
    assert wallet.public_key().removeprefix("00") == case["public"].removeprefix("00")
    if case["curve"] == "secp256k1":
        key = parse_xpub(hd_tree.xpub_of_seed(bytes.fromhex(case["seed"]), case["path"]))
        assert (key.public_key.hex(), key.chain_code.hex()) == (case["public"], case["chain_code"])
        assert key.parent_fingerprint.hex() == case["fingerprint"]


@pytest.mark.parametrize("case", golden_cases("hd", "eip155.json"), ids=lambda case: case["id"])
def test_eip155(case: dict) -> None:
    key = coincurve.PrivateKey.from_hex(case["private_key"][2:])
    assert keccak(hexstr=case["signing_payload"]).hex() == case["signing_hash"][2:]
    fields = {name: case[name] for name in ("nonce", "gas", "to", "data")}
    fields |= {"chainId": case["chain_id"], "gasPrice": case["gas_price"], "value": int(case["value"])}
    assert Account.sign_transaction(fields, key.secret).raw_transaction.hex() == case["raw"][2:]


@pytest.mark.parametrize("case", golden_cases("hd", "eip712.json"), ids=lambda case: case["id"])
def test_eip712(case: dict) -> None:
    types = {name: [{"name": n, "type": t} for n, t in members] for name, members in case["types"].items()}
    types["EIP712Domain"] = [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ]
    full = {"types": types, "primaryType": case["id"], "domain": case["domain"], "message": case["message"]}
    message = encode_typed_data(full_message=full)
    assert (message.header.hex(), message.body.hex()) == (case["domain_separator"][2:], case["struct_hash"][2:])
    assert keccak(b"\x19\x01" + message.header + message.body).hex() == case["digest"][2:]
    secret = keccak(text=case["private_key_preimage"])
    assert (
        Account.recover_message(message, signature=Account.sign_message(message, secret).signature).lower()
        == case["signer"]
    )


PLAIN = [
    case for case in golden_cases("hd", "tx1559.json") if case["tx"]["value"] == "0" and not case["tx"]["accessList"]
]


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case["id"])
def test_transactions_are_signed_as_eth_account_does(case: dict) -> None:
    tx = case["tx"]
    account = KeystoreAccount(Account.from_key(case["private_key"]))
    request = SignatureRequest(
        "a",
        "settlement",
        "0x" + "00" * 32,
        tx["chainId"],
        account.address,
        tx["nonce"],
        tx["to"].lower(),
        bytes.fromhex(tx["data"][2:]),
        tx["gas"],
        int(tx["maxFeePerGas"]),
        int(tx["maxPriorityFeePerGas"]),
    )
    signed = sign_transaction(account, request)
    assert ("0x" + signed.raw.hex(), signed.tx_hash) == (case["raw"], case["hash"])
    assert read_signed(signed.raw).sender == case["sender"].lower()


def test_there_are_plain_transactions_among_the_vectors() -> None:
    assert len(PLAIN) >= 5
