"""Column keys wrapped by an AES key that never leaves its token: SoftHSM2 through PKCS#11, as any other token."""

import json
from pathlib import Path

import pytest

from community.clients.pkcs11_keys import KeyServiceUnavailable, KeyServiceUnusable, Pkcs11KeyWrapper
from community.errors import FatalError
from community.store.column_key_file import add_column_key, load_column_keys
from ingest import __main__ as ingest_command
from tests.support.logging_put_back import logging_put_back
from tests.support.tokens import SoftToken


def main(words: list[str]) -> int:
    """The command line in this process, logging as it was afterwards."""
    with logging_put_back():
        return ingest_command.main(words)


@pytest.fixture(scope="session")
def service(token: SoftToken) -> Pkcs11KeyWrapper:
    made = Pkcs11KeyWrapper(token.module, token.label, "column-keys", token.pin)
    made.create_key()
    return made


def test_a_wrapped_key_comes_back_from_the_token_only(service: Pkcs11KeyWrapper, tmp_path: Path) -> None:
    file = tmp_path / "column.key"
    first = add_column_key(file, service)
    second = add_column_key(file, service)
    assert first.key.hex() not in file.read_text()
    assert load_column_keys(file, service).keys == (second, first)
    with pytest.raises(FatalError, match="INGEST_KEY_SERVICE_MODULE"):
        load_column_keys(file)


def test_one_wrapped_by_another_key_or_altered_does_not_open(service: Pkcs11KeyWrapper, token: SoftToken) -> None:
    other = Pkcs11KeyWrapper(token.module, token.label, "another", token.pin)
    other.create_key()
    wrapped = bytearray(service.wrap(bytes(32)))
    with pytest.raises(KeyServiceUnusable, match="does not unwrap"):
        other.unwrap(bytes(wrapped))
    wrapped[-1] ^= 1
    for altered in (bytes(wrapped), bytes(wrapped[:20]), b""):
        with pytest.raises(KeyServiceUnusable, match="does not unwrap"):
            service.unwrap(altered)


def test_each_fault_of_the_token_says_what_to_do(service: Pkcs11KeyWrapper, token: SoftToken, tmp_path: Path) -> None:
    with pytest.raises(KeyServiceUnusable, match="already holds"):
        service.create_key()
    for label, key, pin, error, said in (
        ("no such token", "column-keys", token.pin, KeyServiceUnavailable, "does not answer"),
        (token.label, "no such key", token.pin, KeyServiceUnusable, "new-service-key"),
        (token.label, "column-keys", "4321", KeyServiceUnusable, "PIN .* is wrong"),
    ):
        with pytest.raises(error, match=said) as refused:
            Pkcs11KeyWrapper(token.module, label, key, pin).wrap(bytes(32))
        assert token.pin not in str(refused.value)
    with pytest.raises(KeyServiceUnusable, match="cannot be loaded"):
        Pkcs11KeyWrapper(tmp_path / "none.so", token.label, "column-keys", token.pin).wrap(bytes(32))


def test_the_command_line_makes_wrapped_keys(
    service: Pkcs11KeyWrapper,
    token: SoftToken,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "pin").write_text(token.pin)
    for name, value in (
        ("DATABASE_URL", "sqlite:///nowhere.db"),
        ("COLUMN_KEY_FILE", str(tmp_path / "column.key")),
        ("KEY_SERVICE_MODULE", str(token.module)),
        ("KEY_SERVICE_TOKEN", token.label),
        ("KEY_SERVICE_PIN_FILE", str(tmp_path / "pin")),
    ):
        monkeypatch.setenv(f"INGEST_{name}", value)
    assert main(["secrets", "new-key", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["wrapped"] is True
    assert load_column_keys(tmp_path / "column.key", service).current.id.hex() == made["key"]
    assert main(["secrets", "new-service-key", "--json"]) == 1
    assert "already holds" in json.loads(capsys.readouterr().out)["text"]
    monkeypatch.delenv("INGEST_KEY_SERVICE_TOKEN")
    assert main(["secrets", "new-key"]) == 1
    assert "a key service needs" in capsys.readouterr().err
