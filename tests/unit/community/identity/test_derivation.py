"""Addresses from account keys, against vectors on which three independent libraries agree."""

import pytest

from community.errors import FatalError
from community.identity import derivation
from community.identity.derivation import (
    AccountRole,
    CoinChain,
    account_path,
    address_of,
    address_path,
    checksum_address,
    derive_address,
    derive_addresses,
    derive_public_key,
    hdwallet_public_key,
)
from community.identity.extended_keys import ExtendedPublicKey, InvalidExtendedKey, parse_account_xpub, parse_xpub
from tests.support.golden import golden_cases

HD_CASES = golden_cases("hd", "hd_addresses.json")
BIP32_CASES = golden_cases("hd", "bip32.json")
XPUB = HD_CASES[0]["account_xpub"]


@pytest.mark.parametrize("case", HD_CASES, ids=lambda case: case["id"])
def test_evm_addresses_below_the_account_key(case: dict) -> None:
    account_path = case["account_path"]
    below = [entry for entry in case["addresses"] if entry["path"].startswith(account_path + "/")]
    assert len(below) >= 4
    for entry in below:
        change, index = map(int, entry["path"].removeprefix(account_path + "/").split("/"))
        address = derive_address(case["account_xpub"], CoinChain.EVM, index, change)
        assert address == entry["address"].lower()
        assert checksum_address(address) == entry["address"]
        assert derive_public_key(case["account_xpub"], index, change).hex() == entry["public_key"]
        assert hdwallet_public_key(case["account_xpub"], index, change).hex() == entry["public_key"]
        assert address_path(account_path, index, change) == entry["path"]


@pytest.mark.parametrize("case", HD_CASES, ids=lambda case: case["id"])
def test_addresses_of_public_keys(case: dict) -> None:
    for entry in case["addresses"]:
        public_key = bytes.fromhex(entry["public_key"])
        if entry["kind"] == "evm":
            assert address_of(public_key, CoinChain.EVM) == entry["address"].lower()
        elif entry["kind"] == "p2wpkh":
            assert address_of(public_key, CoinChain.BITCOIN) == entry["address"]


def test_bulk_derivation_gives_the_same_addresses() -> None:
    one_by_one = [derive_address(XPUB, CoinChain.BITCOIN, index) for index in range(3, 7)]
    assert list(derive_addresses(XPUB, CoinChain.BITCOIN, 3, 4)) == one_by_one
    assert len(set(one_by_one)) == 4


def test_deriving_twice_gives_the_same_address() -> None:
    first = derive_address(XPUB, CoinChain.EVM, 1)
    assert derive_address(XPUB, CoinChain.EVM, 2) != first
    assert derive_address(XPUB, CoinChain.EVM, 1) == first


def test_nothing_is_handed_out_when_the_two_derivations_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivation, "hdwallet_public_key", lambda xpub, index, change: bytes(33))
    with pytest.raises(FatalError, match="disagree"):
        derive_address(XPUB, CoinChain.EVM, 0)


@pytest.mark.parametrize("index", [-1, 1 << 31])
def test_indices_outside_the_public_range_are_refused(index: int) -> None:
    for derive in (derive_public_key, hdwallet_public_key):
        with pytest.raises(ValueError, match="cannot be derived publicly"):
            derive(XPUB, index)


def test_account_paths() -> None:
    assert account_path(CoinChain.EVM, AccountRole.MEMBER) == "m/44'/60'/0'"
    assert account_path(CoinChain.EVM, AccountRole.OPERATOR) == "m/44'/60'/9'"
    assert account_path(CoinChain.BITCOIN, AccountRole.DEVICE) == "m/84'/0'/1'"


@pytest.mark.parametrize("case", [c for c in BIP32_CASES if "xpub" in c], ids=lambda case: case["id"])
def test_bip32_keys_are_read_and_written(case: dict) -> None:
    assert parse_xpub(case["xpub"]).text() == case["xpub"]


@pytest.mark.parametrize("case", [c for c in BIP32_CASES if "invalid" in c], ids=lambda case: case["why"])
def test_bip32_invalid_keys_are_refused(case: dict) -> None:
    with pytest.raises(InvalidExtendedKey):
        parse_xpub(case["invalid"])


def test_public_derivation_of_bip32_vector_1() -> None:
    keys = {case["id"]: case["xpub"] for case in BIP32_CASES if "xpub" in case}
    parent, child = parse_xpub(keys["tv1 m/0'/1/2'"]), keys["tv1 m/0'/1/2'/2"]
    assert parent.child(2).text() == child


@pytest.mark.parametrize(
    "text", ["", "xpub", XPUB[:-1], XPUB + "1", XPUB[:-1] + ("1" if XPUB[-1] != "1" else "2"), XPUB.replace("x", "0")]
)
def test_damaged_keys_are_refused(text: str) -> None:
    with pytest.raises(InvalidExtendedKey):
        parse_xpub(text)


def test_keys_of_another_level_are_no_account_keys() -> None:
    child = parse_account_xpub(XPUB).child(0)
    with pytest.raises(InvalidExtendedKey, match="depth 4"):
        parse_account_xpub(child.text())
    soft = ExtendedPublicKey(3, bytes(4), 0, child.chain_code, child.public_key)
    with pytest.raises(InvalidExtendedKey):
        parse_account_xpub(soft.text())


@pytest.mark.parametrize("case", golden_cases("hd", "eip55.json"), ids=lambda case: case["id"])
def test_eip55(case: dict) -> None:
    address = case["address"]
    assert checksum_address(address) == address
    assert checksum_address(address.lower()) == address
    letters = [at for at, letter in enumerate(address) if at > 1 and letter.isalpha()]
    wrong = address[: letters[0]] + address[letters[0]].swapcase() + address[letters[0] + 1 :]
    with pytest.raises(ValueError, match="mistyped"):
        checksum_address(wrong)


@pytest.mark.parametrize("text", ["", "0x", "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "0x" + "g" * 40])
def test_what_is_no_evm_address(text: str) -> None:
    with pytest.raises(ValueError, match="not an EVM address"):
        checksum_address(text)
