"""Locks: everything anew, or one package and what it needs."""

from pathlib import Path

import pytest

from tools.lock import LockFailed, resolved

UV = """#!/bin/sh
echo "$@" > "$0.asked"
case "$*" in *unknown*) echo "no such package" >&2; exit 1 ;; esac
while [ "$1" != --output-file ]; do shift; done
cat "$2" > "$0.found" 2>/dev/null || : > "$0.found"
printf 'one==2 \\\\\\n    --hash=sha256:aa\\n    # via\\n    #   -r pyproject.toml\\n    # -c /some/where.txt\\n' > "$2"
"""


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that notes what it is asked and what lock it finds."""
    program = tmp_path / "uv"
    program.write_text(UV)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return program


def test_everything_is_taken_anew(uv: Path, tmp_path: Path) -> None:
    lock = resolved(tmp_path, "one==1\n", ["--group", "test"], [])
    words = uv.with_name("uv.asked").read_text().split()
    assert {"--upgrade", "--generate-hashes", "--group"} <= set(words) and "--upgrade-package" not in words
    assert uv.with_name("uv.found").read_text() == ""
    assert "one==2" in lock and "where.txt" not in lock


def test_only_what_is_named_changes(uv: Path, tmp_path: Path) -> None:
    resolved(tmp_path, "one==1\nother==3\n", [], ["one", "new"])
    words = uv.with_name("uv.asked").read_text()
    assert "--upgrade-package one --upgrade-package new" in words and "--upgrade " not in words
    assert uv.with_name("uv.found").read_text() == "one==1\nother==3\n", "what stands is what uv begins with"


def test_what_uv_says_is_told(uv: Path, tmp_path: Path) -> None:
    with pytest.raises(LockFailed, match="no such package"):
        resolved(tmp_path, "", [], ["unknown"])
