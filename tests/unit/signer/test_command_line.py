"""The signer's command line, as a person uses it."""

import json
from pathlib import Path

import pytest

from community.identity.coin_addresses import CoinChain
from community.identity.derivation import derive_address
from contracts.abi import ShareConfig
from signer.__main__ import main
from tests.support.sending_device import SendingDevice
from tests.support.settlement_world import HOLDERS, WEIGHTS, pinned_source

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("signer.keys.create_keys.__kwdefaults__", {"mnemonic": None, "keystore_iterations": 2})
    (tmp_path / "passphrase").write_text("correct horse\n")
    return tmp_path


def run(files: Path, capsys: pytest.CaptureFixture[str], *arguments: str, opens: bool = True) -> tuple[int, str]:
    passphrase = ["--passphrase-file", str(files / "passphrase")] if opens else []
    code = main([arguments[0], "--folder", str(files / "signer"), *passphrase, *arguments[1:]])
    captured = capsys.readouterr()
    return code, (captured.out + captured.err).strip()


def test_keys_from_creation_to_addresses(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, address = run(files, capsys, "init")
    assert code == 0
    assert run(files, capsys, "address", opens=False) == (0, address)
    words = run(files, capsys, "mnemonic")[1]
    assert len(words.split()) == 24
    exported = json.loads(run(files, capsys, "xpub", "--chain", "bitcoin", "--role", "device")[1])
    assert exported["path"] == "m/84'/0'/1'"
    assert derive_address(exported["xpub"], CoinChain.BITCOIN, 0).startswith("bc1q")
    code, text = run(files, capsys, "init")
    assert code == 1 and "never replaced" in text
    (files / "words").write_text(words)
    (files / "signer" / "seed.json").rename(files / "old-seed.json")
    (files / "signer" / "settler.json").unlink()
    assert run(files, capsys, "restore", "--mnemonic-file", str(files / "words"))[0] == 0
    assert run(files, capsys, "mnemonic")[1] == words


def test_the_registry_and_the_audit(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, capsys, "init")[0] == 0
    code, text = run(files, capsys, "registry", "show", opens=False)
    assert code == 1 and "registry pin" in text
    device = SendingDevice()
    key = device.public_key
    source = pinned_source(device, ShareConfig(key[1:33], key[33:], HOLDERS, WEIGHTS))
    limits = {"gas_max": 1, "max_fee_wei_max": 2, "tip_wei_max": 3}
    registry = {"chain_id": 137, "issuer": "0x" + "15" * 20, "limits": limits, "sources": [source]}
    (files / "r.json").write_text(json.dumps(registry))
    code, text = run(files, capsys, "registry", "pin", "--file", str(files / "r.json"), opens=False)
    assert code == 1 and "at least one requester" in text
    (files / "r.json").write_text(json.dumps(registry | {"requesters": {"settlement": "07" * 32}}))
    assert run(files, capsys, "registry", "pin", "--file", str(files / "r.json"), opens=False)[0] == 0
    code, text = run(files, capsys, "registry", "show", opens=False)
    assert code == 0 and device.eui in text and "requesters settlement" in text
    assert run(files, capsys, "registry", "pin", opens=False)[0] == 1
    assert run(files, capsys, "audit", opens=False) == (0, "")


def test_a_wrong_passphrase_and_a_missing_file(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, capsys, "init")[0] == 0
    (files / "passphrase").write_text("wrong")
    code, text = run(files, capsys, "mnemonic")
    assert code == 1 and "does not open" in text
    (files / "passphrase").unlink()
    code, text = run(files, capsys, "mnemonic")
    assert code == 1 and "cannot be read" in text
