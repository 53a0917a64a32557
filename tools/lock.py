"""Writes requirements/run.txt and requirements/all.txt from pyproject.toml. Needs uv on PATH.

Without names everything is taken at its newest version. With names only those packages, and what they need anew, change: the
way to add one package, or to raise one. The locks name versions and hashes and nothing of where packages came from.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMON = [
    "--extra", "standalone", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header",
    "--no-emit-index-url",
]  # fmt: skip
LOCKS = {"run.txt": [], "all.txt": ["--group", "test", "--group", "check"]}


class LockFailed(Exception):
    """uv found no set of versions; its words."""


def without_places(text: str) -> str:
    """The lock without comment lines that name files of this checkout's run; every other line is kept."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("# -c"))


def resolved(root: Path, before: str, groups: Sequence[str], only: Sequence[str]) -> str:
    """A lock for `root`/pyproject.toml. With `only`, every version that stands in `before` is kept but those of these packages.

    Raises LockFailed.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "lock.txt"
        chosen = ["--upgrade"]
        if only:
            written.write_text(before)  # uv prefers what its output file held
            chosen = [word for name in only for word in ("--upgrade-package", name)]
        command = ["uv", "pip", "compile", "pyproject.toml", *COMMON, *groups, *chosen, "--output-file", str(written)]
        answer = subprocess.run([*command, "--quiet"], cwd=root, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise LockFailed(answer.stderr)
        return without_places(written.read_text())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.lock", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="PACKAGE", help="change only these; everything by default")
    only: list[str] = parser.parse_args(arguments).only
    if shutil.which("uv") is None:
        print("uv is needed to write the locks: pip install uv", file=sys.stderr)
        return 1
    for name, groups in LOCKS.items():
        lock = ROOT / "requirements" / name
        try:
            lock.write_text(resolved(ROOT, lock.read_text() if lock.exists() else "", groups, only))
        except LockFailed as error:
            print(error, file=sys.stderr)
            return 1
        print(f"requirements/{name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
