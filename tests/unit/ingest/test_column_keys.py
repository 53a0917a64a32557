"""A process that goes on uses the column keys that its file holds now."""

from pathlib import Path

import pytest

from community.errors import FatalError
from community.store.column_key_file import add_column_key
from ingest.column_keys import ColumnKeySettings, ColumnKeysOnFile


def on_file(path: Path) -> ColumnKeysOnFile:
    return ColumnKeysOnFile(ColumnKeySettings(path))


def test_what_another_process_seals_with_a_new_key_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "column.keys"
    add_column_key(path)
    running = on_file(path)
    before = running.seal(b"secret", "device a")
    new = add_column_key(path)
    rotated = on_file(path).seal(b"secret", "device a")
    assert running.unseal(rotated, "device a") == b"secret"
    assert running.unseal(before, "device a") == b"secret"
    assert running.seal(b"other", "device b").startswith(new.head)


def test_a_new_key_seals_without_being_met_first(tmp_path: Path) -> None:
    path = tmp_path / "column.keys"
    add_column_key(path)
    running = on_file(path)
    new = add_column_key(path)
    assert running.seal(b"secret", "device a").startswith(new.head)


def test_a_file_that_cannot_be_read_leaves_the_keys_that_are_loaded(tmp_path: Path) -> None:
    path = tmp_path / "column.keys"
    key = add_column_key(path)
    running = on_file(path)
    path.write_text("no key")
    sealed = running.seal(b"secret", "device a")
    assert sealed.startswith(key.head)
    assert running.unseal(sealed, "device a") == b"secret"
    path.unlink()
    assert running.seal(b"secret", "device a").startswith(key.head)


def test_a_key_that_the_file_never_held_opens_nothing(tmp_path: Path) -> None:
    for name in ("one", "other"):
        add_column_key(tmp_path / name)
    sealed = on_file(tmp_path / "other").seal(b"secret", "device a")
    with pytest.raises(FatalError, match="not among the keys"):
        on_file(tmp_path / "one").unseal(sealed, "device a")
    with pytest.raises(FatalError, match="cannot be read"):
        on_file(tmp_path / "none")
