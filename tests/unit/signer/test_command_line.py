"""The signer's command line, as operators use it from the key ceremony on."""

import json
import os
from pathlib import Path

import pytest

from community.identity.coin_addresses import CoinChain
from community.identity.derivation import derive_address
from contracts.abi import ShareConfig
from signer.__main__ import main
from tests.support.plant_on_chain import HOLDERS, WEIGHTS
from tests.support.sending_device import SendingDevice
from tests.support.settlement_world import pinned_source

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings = {"mnemonic": None, "token": None, "keystore_iterations": 2}
    monkeypatch.setattr("signer.keys.create_keys.__kwdefaults__", settings)
    (tmp_path / "passphrase").write_text("correct horse\n")
    return tmp_path


class Terminal:
    """Runs commands on the signer's folder and reads what they print."""

    def __init__(self, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.files, self._capsys = files, capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        code = main(list(arguments))
        captured = self._capsys.readouterr()
        return code, captured.out.strip(), captured.err.strip()

    def on_folder(self, *arguments: str, opens: bool = False) -> tuple[int, str, str]:
        passphrase = ["--passphrase-file", str(self.files / "passphrase")] if opens else []
        return self.run(arguments[0], "--folder", str(self.files / "signer"), *passphrase, *arguments[1:])

    def init(self) -> tuple[str, str]:
        """Address and words of a new signer."""
        code, address, said = self.on_folder("init", opens=True)
        assert code == 0, said
        words = [word for word in said.split("\n\n")[1].split() if not word.isdecimal()]
        return address, " ".join(words)

    def operator(self, name: str) -> str:
        code, key, said = self.run(
            "operator-key", "--out", str(self.files / name), "--passphrase-file", str(self.files / "passphrase")
        )
        assert code == 0, said
        return key

    def approve(self, name: str, registry: Path) -> tuple[int, str, str]:
        passphrase = ("--passphrase-file", str(self.files / "passphrase"))
        key = ("--operator", name, "--key", str(self.files / name))
        return self.run("registry", "approve", "--file", str(registry), *key, *passphrase)


@pytest.fixture
def terminal(files: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(files, capsys)


def test_keys_from_creation_to_addresses(terminal: Terminal) -> None:
    address, words = terminal.init()
    assert terminal.on_folder("address") == (0, address, "")
    assert len(words.split()) == 24
    exported = json.loads(terminal.on_folder("xpub", "--chain", "bitcoin", "--role", "device", opens=True)[1])
    assert exported["path"] == "m/84'/0'/1'"
    assert derive_address(exported["xpub"], CoinChain.BITCOIN, 0).startswith("bc1q")
    code, _, text = terminal.on_folder("init", opens=True)
    assert code == 1 and "never replaced" in text


def test_the_paper_is_checked_and_restores_the_same_tree(terminal: Terminal) -> None:
    files = terminal.files
    settler, words = terminal.init()
    (files / "words").write_text(words + "\n")
    paper = ("--mnemonic-file", str(files / "words"))
    xpub = json.loads(terminal.on_folder("xpub", opens=True)[1])["xpub"]
    assert terminal.on_folder("check", *paper, opens=True)[:2] == (0, "The words give the seed in this folder.")
    assert terminal.run("check", *paper, "--xpub", xpub)[:2] == (0, "The words give this key, at m/44'/60'/0'.")
    (files / "signer").rename(files / "lost")
    code, restored, said = terminal.on_folder("restore", *paper, opens=True)
    assert code == 0 and restored != settler and said == ""
    assert json.loads(terminal.on_folder("xpub", opens=True)[1])["xpub"] == xpub


def test_the_wrong_paper_is_told_from_the_right_one(terminal: Terminal) -> None:
    terminal.init()
    other = terminal.files / "other"
    other.write_text("abandon " * 23 + "art")
    paper = ("--mnemonic-file", str(other))
    code, _, text = terminal.on_folder("check", *paper, opens=True)
    assert code == 1 and "not those of the seed" in text
    code, _, text = terminal.run("check", *paper, "--xpub", "xpub6D")
    assert code == 1 and "another tree" in text
    code, _, text = terminal.run("check", *paper)
    assert code == 1 and "--folder" in text
    other.write_text("abandon " * 24)
    code, _, text = terminal.on_folder("check", *paper, opens=True)
    assert code == 1 and "mnemonic is not valid" in text


def test_words_are_shown_once(terminal: Terminal) -> None:
    _, words = terminal.init()
    for command in (("address",), ("xpub",), ("audit",)):
        _, out, err = terminal.on_folder(*command, opens=command == ("xpub",))
        assert words.split()[0] not in (out + err).split()
    with pytest.raises(SystemExit):
        terminal.on_folder("mnemonic", opens=True)


def test_a_signer_without_words_says_nothing(terminal: Terminal) -> None:
    code, address, said = terminal.on_folder("init", "--no-words", opens=True)
    assert (code, said) == (0, "") and address.startswith("0x")


def test_the_passphrase_from_a_descriptor(terminal: Terminal) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"from a pipe\n")
    os.close(writing)
    folder = ("--folder", str(terminal.files / "signer"))
    assert terminal.run("init", *folder, "--passphrase-fd", str(reading))[0] == 0
    code, _, text = terminal.on_folder("xpub", opens=True)
    assert code == 1 and "does not open" in text
    code, _, text = terminal.run("xpub", *folder)
    assert code == 1 and "Say where the passphrase is" in text
    code, _, text = terminal.run("xpub", *folder, "--passphrase-fd", "999")
    assert code == 1 and "Descriptor 999 cannot be read" in text
    for wrong in ("", "two\nlines", "x" * 5000):
        (terminal.files / "passphrase").write_text(wrong)
        code, _, text = terminal.on_folder("xpub", opens=True)
        assert code == 1 and "one line" in text


def registry_of(terminal: Terminal) -> dict:
    device = SendingDevice()
    key = device.public_key
    return {
        "revision": 1,
        "previous": None,
        "operators": {name: terminal.operator(name) for name in ("anna", "bert")},
        "chain_id": 137,
        "issuer": "0x" + "15" * 20,
        "limits": {"gas_max": 1, "max_fee_wei_max": 2, "tip_wei_max": 3},
        "requesters": {"settlement": "07" * 32},
        "sources": [pinned_source(device, ShareConfig(key[1:33], key[33:], HOLDERS, WEIGHTS))],
    }


def test_a_registry_from_draft_to_pin(terminal: Terminal) -> None:
    files = terminal.files
    terminal.init()
    code, _, text = terminal.on_folder("registry", "show")
    assert code == 1 and "registry pin" in text
    registry = registry_of(terminal)
    path = files / "r.json"
    path.write_text(json.dumps(registry | {"requesters": {}}))
    code, _, text = terminal.approve("anna", path)
    assert code == 1 and "at least one" in text
    path.write_text(json.dumps(registry))
    for name in ("anna", "bert"):
        code, approval, text = terminal.approve(name, path)
        assert code == 0, text
        (files / f"{name}.approval").write_text(approval)
    given = ["--approval", str(files / "anna.approval")]
    code, _, text = terminal.on_folder("registry", "pin", "--file", str(path), *given)
    assert code == 1 and "1 of 2 operators" in text
    given += ["--approval", str(files / "bert.approval")]
    assert terminal.on_folder("registry", "pin", "--file", str(path), *given)[0] == 0
    code, text, _ = terminal.on_folder("registry", "show")
    assert code == 0 and "requesters settlement" in text and "revision 1" in text
    draft = json.loads(terminal.on_folder("registry", "draft")[1])
    assert draft["revision"] == 2 and draft["sources"] == registry["sources"] and len(draft["previous"]) == 64
    code, audit, _ = terminal.on_folder("audit")
    assert code == 0 and json.loads(audit)["outcome"] == "registry_pinned"
    assert terminal.on_folder("audit", "--head")[1].startswith("1 ")


def test_what_a_command_lacks_is_said(terminal: Terminal) -> None:
    terminal.init()
    assert "--file" in terminal.on_folder("registry", "pin")[2]
    assert "--folder" in terminal.run("registry", "show")[2]
    assert "--operator" in terminal.run("registry", "approve")[2]
    assert "--pkcs11-token" in terminal.run(
        "init", "--folder", "x", "--passphrase-file", str(terminal.files / "passphrase"), "--pkcs11-module", "m.so"
    )[2]  # fmt: skip


def test_a_wrong_passphrase_and_a_missing_file(terminal: Terminal) -> None:
    terminal.init()
    terminal.operator("anna")
    (terminal.files / "passphrase").write_text("wrong")
    code, _, text = terminal.on_folder("xpub", opens=True)
    assert code == 1 and "does not open" in text
    (terminal.files / "r.json").write_text("{}")
    assert "does not open" in terminal.approve("anna", terminal.files / "r.json")[2]
    (terminal.files / "passphrase").unlink()
    code, _, text = terminal.on_folder("xpub", opens=True)
    assert code == 1 and "cannot be read" in text
