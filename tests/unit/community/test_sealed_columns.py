"""Ciphertexts of secrets name their key and belong to one row; the key file holds one key before and after a change."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from community.errors import FatalError
from community.store.column_key_file import add_column_key, load_column_keys
from community.store.sealed_columns import ColumnKey, ColumnKeys, key_id_of

OLD, NEW, OTHER = (ColumnKey(bytes((number,)) * 32) for number in (1, 2, 3))
BOTH = ColumnKeys((NEW, OLD))


@settings(max_examples=40)
@given(st.binary(max_size=64), st.text(max_size=40))
def test_what_any_living_key_sealed_opens_for_its_row(secret: bytes, purpose: str) -> None:
    for key in (NEW, OLD):
        assert BOTH.unseal(key.seal(secret, purpose), purpose) == secret
    sealed = BOTH.seal(secret, purpose)
    assert key_id_of(sealed) == NEW.id.hex()
    with pytest.raises(FatalError, match="does not open"):
        BOTH.unseal(sealed, purpose + " of another row")


@settings(max_examples=40)
@given(st.integers(min_value=0, max_value=8 * 69 - 1))
def test_no_flipped_bit_passes(position: int) -> None:
    sealed = bytearray(NEW.seal(bytes(32), "device a"))
    assert len(sealed) == 69
    sealed[position // 8] ^= 1 << position % 8
    with pytest.raises(FatalError):
        BOTH.unseal(bytes(sealed), "device a")


def test_a_ciphertext_of_a_key_that_is_not_loaded_says_which_key_is_missing() -> None:
    with pytest.raises(FatalError, match=f"column key {OTHER.id.hex()}, which is not among .*{NEW.id.hex()}"):
        BOTH.unseal(OTHER.seal(b"secret", "meter 1"), "meter 1")


def test_one_from_before_keys_had_ids_is_opened_by_the_key_that_fits() -> None:
    nonce = bytes(12)
    before = b"\x01" + nonce + AESGCM(OLD.key).encrypt(nonce, b"secret", b"meter 1")
    assert key_id_of(before) is None
    assert BOTH.unseal(before, "meter 1") == OLD.unseal(before, "meter 1") == b"secret"
    with pytest.raises(FatalError, match="does not open"):
        NEW.unseal(before, "meter 1")


@pytest.mark.parametrize("content", [b"", b"\x03" + bytes(60), b"\x02" + bytes(19)])
def test_what_is_no_ciphertext_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(FatalError, match="holds no ciphertext"):
        BOTH.unseal(content, "meter 1")


def test_no_key_and_a_key_twice_are_refused() -> None:
    with pytest.raises(FatalError, match="There is no column key"):
        ColumnKeys(())
    with pytest.raises(FatalError, match="twice"):
        ColumnKeys((NEW, OLD, NEW))
    with pytest.raises(FatalError, match="31 bytes"):
        ColumnKey(bytes(31))


def test_the_key_file_holds_the_newest_first(tmp_path: Path) -> None:
    file = tmp_path / "column.key"
    first = add_column_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    second = add_column_key(file)
    file.write_text(f"# two keys, until all is sealed anew\n\n{file.read_text()}")
    assert load_column_keys(file).keys == (second, first)
    assert ColumnKeys((second, first)).current is second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["column.key"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no column key"),
        ("00" * 31, "31 bytes"),
        ("00" * 32 + "\nnot-hex-at-all", "line 2 of"),
        ("wrapped:00", "wrapped by a key service, but none is set"),
    ],
)
def test_a_key_file_that_cannot_be_used_says_where_and_stays_as_it_is(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "column.key"
    file.write_text(content)
    with pytest.raises(FatalError, match=said):
        load_column_keys(file)
    with pytest.raises(FatalError, match=said):
        add_column_key(file)
    assert file.read_text() == content


def test_no_file_and_no_text_are_told(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="cannot be read"):
        load_column_keys(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FatalError, match="cannot be read"):
        load_column_keys(tmp_path / "binary")
    with pytest.raises(FatalError, match="cannot be written"):
        add_column_key(tmp_path / "no folder" / "column.key")


def test_errors_about_keys_never_quote_them(tmp_path: Path) -> None:
    """Neither the sentence nor the chain of causes under it."""
    secret_text = "5ec2e7" * 10 + "zz"
    file = tmp_path / "column.key"
    file.write_text(secret_text)
    for load in (lambda: load_column_keys(file), lambda: ColumnKey.load(file)):
        with pytest.raises(FatalError) as refused:
            load()
        assert secret_text not in repr(refused.getrepr(style="long", showlocals=False, chain=True))
        assert refused.value.__cause__ is None
    for key in (NEW, BOTH):
        assert NEW.key.hex() not in repr(key) and repr(NEW.key) not in repr(key)
