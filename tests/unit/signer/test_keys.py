"""Creating, sealing and exporting keys."""

import json
from pathlib import Path

import pytest
from eth_account import Account
from hdwallet.mnemonics import BIP39Mnemonic

from community.errors import FatalError
from community.identity.derivation import AccountRole, CoinChain, derive_address
from signer import hd_tree, keys
from signer.sealed_file import WrongPassphrase, seal, unseal
from tests.support.golden import golden_cases

pytestmark = pytest.mark.timeout(60)
PASSPHRASE = "correct horse battery staple"
HD_CASES = golden_cases("hd", "hd_addresses.json")


def create(folder: Path, mnemonic: str | None = None) -> str:
    return keys.create_keys(folder, PASSPHRASE, mnemonic=mnemonic, keystore_iterations=2)


@pytest.mark.parametrize("case", golden_cases("hd", "bip39.json"), ids=lambda case: case["id"])
def test_bip39_seeds_in_every_language(case: dict) -> None:
    assert hd_tree.seed_of(case["mnemonic"], case["passphrase"]) == case["seed"]
    if case["language"] == "english":
        assert hd_tree.mnemonic_of(bytes.fromhex(case["entropy"])) == case["mnemonic"]
        assert hd_tree.entropy_of(case["mnemonic"]).hex() == case["entropy"]


@pytest.mark.parametrize("case", HD_CASES, ids=lambda case: case["id"])
def test_account_keys(case: dict) -> None:
    assert hd_tree.seed_of(case["mnemonic"], case["passphrase"]) == case["seed"]
    assert hd_tree.xpub_at(case["mnemonic"], case["account_path"], case["passphrase"]) == case["account_xpub"]


@pytest.mark.parametrize("case", HD_CASES, ids=lambda case: case["id"])
def test_bitcoin_addresses_below_their_account_key(case: dict) -> None:
    for entry in case["addresses"]:
        if entry["kind"] == "p2wpkh":
            account, change, index = entry["path"].rsplit("/", 2)
            xpub = hd_tree.xpub_at(case["mnemonic"], account, case["passphrase"])
            assert derive_address(xpub, CoinChain.BITCOIN, int(index), int(change)) == entry["address"]


def test_keys_are_created_once_and_open_again(tmp_path: Path) -> None:
    folder = tmp_path / "signer"
    address = create(folder)
    assert keys.settler_address(folder) == address
    assert keys.open_settler(folder, PASSPHRASE).address == address
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    with pytest.raises(FatalError, match="never replaced"):
        create(folder)


def test_a_backup_restores_the_same_tree_and_another_settler(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    settler = create(first)
    words = keys.new_mnemonic(first, PASSPHRASE)
    assert len(words.split()) == 24 and BIP39Mnemonic.is_valid(words)
    assert create(second, words) != settler
    for chain, role in ((CoinChain.EVM, AccountRole.MEMBER), (CoinChain.BITCOIN, AccountRole.MEMBER)):
        exported = keys.account_xpub(first, PASSPHRASE, chain, role)
        assert exported == keys.account_xpub(second, PASSPHRASE, chain, role)
        assert exported.xpub == hd_tree.xpub_at(words, exported.path)


def test_roles_have_different_accounts(tmp_path: Path) -> None:
    create(tmp_path / "signer")
    folder = tmp_path / "signer"
    exported = {keys.account_xpub(folder, PASSPHRASE, CoinChain.EVM, role).xpub for role in AccountRole}
    assert len(exported) == len(AccountRole)


def test_no_secret_stands_in_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "signer"
    create(folder)
    secrets = [
        unseal(folder / keys.SEED_FILE, PASSPHRASE),
        bytes(Account.decrypt((folder / keys.SETTLER_FILE).read_text(), PASSPHRASE)),
    ]
    content = "".join(path.read_text() for path in folder.iterdir())
    assert not any(secret.hex() in content for secret in secrets)
    assert keys.new_mnemonic(folder, PASSPHRASE).split()[0] + " " not in content


def test_the_wrong_passphrase_opens_nothing(tmp_path: Path) -> None:
    create(tmp_path / "signer")
    with pytest.raises(WrongPassphrase):
        keys.new_mnemonic(tmp_path / "signer", "another")
    with pytest.raises(WrongPassphrase):
        keys.open_settler(tmp_path / "signer", "another")


@pytest.mark.parametrize("mnemonic", ["", "abandon " * 24, "abandon " * 11 + "abot", "legal winner"])
def test_a_wrong_mnemonic_is_refused(tmp_path: Path, mnemonic: str) -> None:
    with pytest.raises(FatalError, match="mnemonic is not valid"):
        create(tmp_path / "signer", mnemonic)
    assert not (tmp_path / "signer").exists()


def test_a_changed_sealed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sealed.json"
    seal(path, b"secret", PASSPHRASE)
    assert unseal(path, PASSPHRASE) == b"secret"
    content = json.loads(path.read_text())
    for name, value in (("iterations", 2), ("sealed", "00" * 22), ("nonce", "00" * 12)):
        path.write_text(json.dumps({**content, name: value}))
        with pytest.raises(WrongPassphrase):
            unseal(path, PASSPHRASE)
    for text in ("", "[]", "{}", json.dumps({**content, "version": 9})):
        path.write_text(text)
        with pytest.raises(FatalError, match="cannot be read as a sealed file"):
            unseal(path, PASSPHRASE)


def test_missing_files_say_what_to_do(tmp_path: Path) -> None:
    for ask in (lambda: keys.settler_address(tmp_path), lambda: keys.new_mnemonic(tmp_path, PASSPHRASE)):
        with pytest.raises(FatalError, match="signer init"):
            ask()


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="passphrase is empty"):
        keys.create_keys(tmp_path / "signer", "", keystore_iterations=2)
    assert not list((tmp_path / "signer").iterdir()) if (tmp_path / "signer").exists() else True
