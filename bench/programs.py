"""The programs that benches start: foreign ones installed from npm by their lock, and ours as an installation runs them."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


class ProgramMissing(Exception):
    """A program to compare with cannot be installed or does not run here; without it there is no figure."""


@dataclass(frozen=True, slots=True)
class NpmProgram:
    """A folder in which a foreign program is installed, and the Node that came with it."""

    folder: Path
    node: Path


def installed(name: str, locked: Path, folder: Path) -> NpmProgram:
    """Copy `locked` (package.json, its lock, sources) to `folder` and install it there, unless that lock stands there already.

    Raises ProgramMissing.
    """
    lock = (locked / "package-lock.json").read_text()
    stamp = folder / "node_modules" / ".installed"
    shutil.copytree(locked, folder, dirs_exist_ok=True)
    if not stamp.exists() or stamp.read_text() != lock:
        print(f"  installing {name} and its Node from npm", flush=True)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProgramMissing(f"npm cannot install {name}:\n{done.stderr[-2000:]}")
        stamp.write_text(lock)
    node = next(folder.glob("node_modules/node-linux-*/bin/node"), None)
    if node is None:
        raise ProgramMissing(
            f"npm brings no Node for {name} on this machine: the bench runs on Linux with x64 or arm64"
        )
    return NpmProgram(folder, node)


def own_environment(prefix: str, **settings: str) -> dict[str, str]:
    """For a process of ours whose variables begin with `prefix`: these settings and no others.

    An installed program has its bytecode: compiling ours at each start would be no part of what is measured.
    """
    left_out = (prefix, "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)} | settings
