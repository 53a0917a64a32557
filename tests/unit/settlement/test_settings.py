"""Settings, terms and the requester's key."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from community.errors import FatalError
from community.runtime.settings import SettingsError
from settlement.requester_key import create_requester_key, load_requester_key, public_key_of
from settlement.settings import read_settings
from settlement.terms import GWEI, SettlementTerms
from signer.settings import read_settings as read_signer_settings

ISSUER, ACCOUNT = "0x" + "15" * 20, "0x" + "ac" * 20


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    create_requester_key(tmp_path / "key.pem")
    return {
        "SETTLEMENT_DATABASE_URL": "sqlite:///x.db",
        "SETTLEMENT_NODE_URL": "http://127.0.0.1:8545",
        "SETTLEMENT_CHAIN_ID": "137",
        "SETTLEMENT_ISSUER": ISSUER.upper().replace("X", "x"),
        "SETTLEMENT_ACCOUNT": ACCOUNT,
        "SETTLEMENT_REQUESTER_KEY": str(tmp_path / "key.pem"),
        "PATH": "/bin",
    }


def test_settings_with_their_defaults(environment: dict[str, str]) -> None:
    settings = read_settings(environment)
    assert settings.terms == SettlementTerms(137, ISSUER, ACCOUNT, "settlement", 30 * GWEI, 2_000 * GWEI, 20)
    assert (settings.signer_id, settings.broker.version, settings.poll_ms) == ("signer", 5, 500)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ISSUER", "0x12", "issuer must be an address"),
        ("ACCOUNT", "", "ACCOUNT is not set"),
        ("CHAIN_ID", "0", "must lie between 1"),
        ("TIP_GWEI_MIN", "3000", "must be above zero and not exceed"),
        ("REQUESTER_KEY", "/nowhere", "not a file"),
        ("POLL", "1", "misspelt"),
        ("ZONE", "Atlantis", "no time zone"),
        ("ACCOUNTS", "0x" + "bb" * 20, "this process's account among them"),
        ("ACCOUNTS", "0x12," + ACCOUNT, "account must be an address"),
        ("ISSUER_CODE_HASH", "abc", "code hash must be"),
    ],
)
def test_what_is_wrong_is_said(environment: dict[str, str], name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(environment | {f"SETTLEMENT_{name}": value})
    assert sentence in str(caught.value)


def test_several_accounts_a_zone_and_another_release(environment: dict[str, str]) -> None:
    other = "0x" + "bb" * 20
    more = {"ACCOUNTS": f" {other.upper().replace('X', 'x')} , {ACCOUNT}", "ZONE": "Europe/Vienna"}
    more["ISSUER_CODE_HASH"] = "0x" + "AB" * 32
    terms = read_settings(environment | {f"SETTLEMENT_{name}": value for name, value in more.items()}).terms
    assert (terms.accounts, terms.zone, terms.code_hash) == (
        (other, ACCOUNT),
        ZoneInfo("Europe/Vienna"),
        "0x" + "ab" * 32,
    )


def test_the_requesters_key(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    public = create_requester_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_key_of(load_requester_key(path)) == public and len(bytes.fromhex(public)) == 32
    with pytest.raises(FatalError, match="never replaced"):
        create_requester_key(path)
    path.write_text("no key")
    for wrong in (path, tmp_path / "none"):
        with pytest.raises(FatalError, match="no usable requester key"):
            load_requester_key(wrong)


def test_the_signers_settings(tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("secret\n")
    environment = {"SIGNER_FOLDER": str(tmp_path), "SIGNER_PASSPHRASE_FILE": str(tmp_path / "passphrase")}
    settings = read_signer_settings(environment)
    assert (settings.folder, settings.passphrase, settings.signer_id) == (tmp_path, "secret", "signer")
    assert "secret" not in repr(settings)
    assert settings.rpc_port is None
    assert read_signer_settings(environment | {"SIGNER_RPC_PORT": "8550"}).rpc_port == 8550
    with pytest.raises(SettingsError, match="SIGNER_FOLDER is not set"):
        read_signer_settings({})


def test_the_signers_passphrase_never_stands_in_the_environment(tmp_path: Path) -> None:
    folder = {"SIGNER_FOLDER": str(tmp_path)}
    with pytest.raises(SettingsError, match="SIGNER_PASSPHRASE is no setting"):
        read_signer_settings(folder | {"SIGNER_PASSPHRASE": "secret"})
    reading, writing = os.pipe()
    os.write(writing, b"secret\n")
    os.close(writing)
    assert read_signer_settings(folder | {"SIGNER_PASSPHRASE_FD": str(reading)}).passphrase == "secret"
    for wrong in ("x", "999"):
        with pytest.raises(SettingsError, match="SIGNER_PASSPHRASE_FD"):
            read_signer_settings(folder | {"SIGNER_PASSPHRASE_FD": wrong})
