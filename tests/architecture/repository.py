"""What the architecture tests look at: the tracked files and the packages of this repository."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROCESSES = ("api", "gateway_agent", "indexer", "ingest", "settlement", "signer")
PRODUCT = (*PROCESSES, "community", "contracts", "standalone", "verifier")
NOT_OURS = frozenset({".venv", "node_modules", ".git", ".demo", "__pycache__", "cache", "out", "results"})


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that is or would be committed, relative to the root, sorted."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if answer.returncode == 0:
        names = answer.stdout.decode().split("\0")
        return tuple(sorted(Path(name) for name in names if name and (ROOT / name).is_file()))
    # a source archive without git: everything but what is made here
    every = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return tuple(sorted(path for path in every if not NOT_OURS & set(path.parts)))


def python_files(*packages: str) -> tuple[Path, ...]:
    """The Python files of these top-level packages; of the whole repository when none is named."""
    return tuple(
        path for path in tracked_files() if path.suffix == ".py" and (not packages or path.parts[0] in packages)
    )
