"""Writes requirements/run.txt and requirements/all.txt anew from pyproject.toml. Needs uv on PATH.

The locks name versions and hashes and nothing of where packages came from.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMON = [
    "--extra", "standalone", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header",
    "--no-emit-index-url",
]  # fmt: skip
LOCKS = {"run.txt": [], "all.txt": ["--group", "test", "--group", "check"]}


def without_places(text: str) -> str:
    """The lock without comment lines that name files of this checkout's run; every other line is kept."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("# -c"))


def main() -> int:
    if shutil.which("uv") is None:
        print("uv is needed to write the locks: pip install uv", file=sys.stderr)
        return 1
    for name, groups in LOCKS.items():
        command = ["uv", "pip", "compile", "pyproject.toml", *COMMON, *groups, "--quiet"]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            print(answer.stderr, file=sys.stderr)
            return 1
        (ROOT / "requirements" / name).write_text(without_places(answer.stdout))
        print(f"requirements/{name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
