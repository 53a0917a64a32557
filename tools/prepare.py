"""Prepares a checkout: virtual environment, locked Python and npm packages, the built web application, system packages.

``python -m tools.prepare run`` is what the demo needs, ``check`` has the checking and testing tools instead of the built
application, ``test`` both and the servers that the tests start. Each step is done again only when its lock has changed. Needs nothing but a Python
with venv; the person gets progress, or one sentence that says what is missing.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import system_packages
from tools.problems import (
    NO_COMPILER,
    NO_NODE,
    NO_SPACE,
    NO_VENV_MODULE,
    NPM_REGISTRY,
    PYTHON_REGISTRY,
    CannotPrepare,
    sentence_for,
)

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
OLDEST_NODE = 18
# What the environment and the npm packages take with their downloads, measured and rounded up.
SPACE_BYTES = 1_200_000_000
# Published without wheels, both needed by hdwallet.
COMPILED_HERE = ("crcmod", "ed25519-blake2b")


class Checkout:
    """The places of one checkout, and what has already been done there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = root / ".venv"
        self.python = self.environment / "bin" / "python"
        self.node_modules = root / "node_modules"
        self.frontend = root / "frontend"
        self.log = root / ".venv" / "prepare.log"

    def requirements(self, name: str) -> Path:
        return self.root / "requirements" / f"{name}.txt"

    def stamped(self, place: Path, step: str, content: str) -> bool:
        """Whether this step was last done with exactly this content."""
        return self._stamps(place).get(step) == content

    def stamp(self, place: Path, **steps: str) -> None:
        file = place / ".prepared.json"
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps({**self._stamps(place), **steps}, indent=1))
        partial.replace(file)

    @staticmethod
    def _stamps(place: Path) -> dict[str, str]:
        try:
            stamps = json.loads((place / ".prepared.json").read_text())
        except (OSError, ValueError):
            return {}
        return stamps if isinstance(stamps, dict) else {}


def digest(*paths: Path) -> str:
    """One digest over several files."""
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()


@contextmanager
def step(words: str) -> Iterator[Callable[[str], None]]:
    """Say what is done, how far it is and how long it took. Progress overwrites itself on a terminal only."""
    began = time.monotonic()
    terminal = sys.stdout.isatty()
    print(f"  {words} ...", end="" if terminal else "\n", flush=True)

    def progress(state: str) -> None:
        if terminal:
            print(f"\r\033[K  {words} ... {state[:60]}", end="", flush=True)

    yield progress
    took = f"{time.monotonic() - began:.1f} s"
    print(f"\r\033[K  {words}: done in {took}" if terminal else f"  {words}: done in {took}", flush=True)


def require_space(root: Path, needed: int = SPACE_BYTES) -> None:
    """Raise CannotPrepare when the disk has not enough room for what is about to be installed."""
    free = shutil.disk_usage(root).free
    if free < needed:
        raise CannotPrepare(f"{NO_SPACE} {needed // 10**6} MB are needed here and {free // 10**6} MB are free.")


def require_compiler(installed: set[str]) -> None:
    """Raise CannotPrepare when something has to be compiled and cannot be."""
    if installed.issuperset(COMPILED_HERE):
        return
    compilers = (os.environ.get("CC", "").split(" ")[0], "cc", "gcc", "clang")
    if not any(shutil.which(compiler) for compiler in compilers if compiler):
        raise CannotPrepare(NO_COMPILER)


def run(command: list[str], log: Path, registry: str, progress: Callable[[str], None], cwd: Path = ROOT) -> None:
    """Run a package client with its output in the log; raises CannotPrepare with one sentence when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    with log.open("a", encoding="utf-8") as file:
        file.write(f"\n$ {' '.join(command)}\n")
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", cwd=cwd,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                file.write(line)
                said.append(line)
                if line.strip():
                    progress(line.strip())
    if process.returncode != 0:
        words = "".join(said[-200:])
        last = next((line.strip() for line in reversed(said) if "rror" in line), "".join(said[-1:]).strip())
        raise CannotPrepare(sentence_for(words, registry) or f"{command[0]} failed: {last} (all its words: {log})")


def make_environment(checkout: Checkout) -> None:
    """A virtual environment of a supported Python; one that no longer runs is made anew."""
    if checkout.python.exists() and python_version(str(checkout.python)) is not None:
        return
    with step(f"making a virtual environment of Python {sys.version_info[0]}.{sys.version_info[1]}"):
        shutil.rmtree(checkout.environment, ignore_errors=True)
        command = [sys.executable, "-m", "venv", str(checkout.environment)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            shutil.rmtree(checkout.environment, ignore_errors=True)
            words = answer.stdout + answer.stderr
            raise CannotPrepare(sentence_for(words, PYTHON_REGISTRY) or f"{NO_VENV_MODULE} ({words.strip()[-200:]})")


def python_version(program: str) -> tuple[int, int] | None:
    """The version of a Python that runs and is supported, else None."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False, timeout=30)
        major, minor = (int(word) for word in answer.stdout.split())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return (major, minor) if OLDEST_PYTHON <= (major, minor) <= NEWEST_PYTHON else None


def install_python_packages(checkout: Checkout, name: str) -> None:
    """Install the locked requirements ``run`` or ``all`` with their hashes."""
    wanted = digest(checkout.requirements(name))
    if checkout.stamped(checkout.environment, name, wanted):
        return
    require_space(checkout.root)
    lines = checkout.requirements(name).read_text().splitlines()
    total = sum(1 for line in lines if re.match(r"[A-Za-z0-9]", line))
    listing = [str(checkout.python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    answer = subprocess.run(listing, capture_output=True, text=True, check=False)
    present = {entry["name"].lower() for entry in json.loads(answer.stdout)} if answer.returncode == 0 else set()
    require_compiler(present)
    with step(f"installing {total} locked Python packages") as progress:
        seen = 0

        def count(line: str) -> None:
            nonlocal seen
            seen += line.startswith(("Collecting ", "Requirement already satisfied"))
            progress(f"{seen}/{total}: {line}" if seen < total else line)

        # --no-deps: the lock is complete, and one pin inside hdwallet is overridden in it
        command = [str(checkout.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        command += ["--progress-bar", "off", "--no-deps", "--require-hashes", "-r", str(checkout.requirements(name))]
        run(command, checkout.log, PYTHON_REGISTRY, count)
    stamps = {name: wanted}
    if name == "all":
        stamps["run"] = digest(checkout.requirements("run"))  # all holds everything that run holds
    checkout.stamp(checkout.environment, **stamps)


def node_version() -> int | None:
    """The major version of Node.js on PATH; None when it or npm is missing or does not run."""
    versions = []
    for program in ("node", "npm"):
        try:
            answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        found = re.match(r"v?(\d+)\.", answer.stdout.strip())
        if answer.returncode != 0 or found is None:
            return None
        versions.append(int(found[1]))
    return versions[0]


def _require_node() -> None:
    version = node_version()
    if version is None:
        raise CannotPrepare(NO_NODE)
    if version < OLDEST_NODE:
        raise CannotPrepare(f"{NO_NODE} (The one found is version {version}.)")


def install_node_packages(checkout: Checkout) -> None:
    """Install the locked npm packages: the local chain node and the contract tools."""
    wanted = digest(checkout.root / "package-lock.json", checkout.root / "package.json")
    if checkout.stamped(checkout.node_modules, "npm", wanted):
        return
    _require_node()
    require_space(checkout.root, SPACE_BYTES // 3)
    with step("installing the locked npm packages (the local chain node)") as progress:
        run(["npm", "ci", "--no-audit", "--no-fund"], checkout.log, NPM_REGISTRY, progress, checkout.root)
    checkout.stamp(checkout.node_modules, npm=wanted)


def install_frontend_packages(checkout: Checkout, *, tools: bool) -> None:
    """Install the locked npm packages that the web application is built from; with `tools` those that check it, too."""
    frontend, packages = checkout.frontend, checkout.frontend / "node_modules"
    wanted = digest(frontend / "package-lock.json", frontend / "package.json")
    if checkout.stamped(packages, "all", wanted) or (not tools and checkout.stamped(packages, "run", wanted)):
        return
    _require_node()
    require_space(checkout.root, SPACE_BYTES // 2)
    with step("installing the locked npm packages of the web application") as progress:
        command = ["npm", "ci", "--no-audit", "--no-fund", *(() if tools else ("--omit=dev",))]
        run(command, checkout.log, NPM_REGISTRY, progress, frontend)
    checkout.stamp(packages, **{"all" if tools else "run": wanted})


def frontend_sources(frontend: Path) -> list[Path]:
    """Every file that the built web application depends on, in one order."""
    files = [frontend / name for name in ("index.html", "package-lock.json", "package.json", "vite.config.ts")]
    return sorted(files + _below(frontend / "public") + _below(frontend / "src"))


def graphiql_sources(frontend: Path) -> list[Path]:
    """Every file that the built GraphiQL depends on, in one order; its examples are the ready questions."""
    files = [frontend / name for name in ("graphiql.vite.config.ts", "package-lock.json", "package.json")]
    return sorted([*files, *_below(frontend / "graphiql"), frontend.parent / "docs" / "queries.md"])


def _below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and ".test." not in path.name]


def build_frontend(checkout: Checkout) -> None:
    """Build the web application into frontend/dist and GraphiQL beside it, unless they were built from exactly these files."""
    frontend = checkout.frontend
    _build(checkout, "the web application", "build", frontend / "dist", frontend_sources(frontend))
    _build(checkout, "GraphiQL", "build:graphiql", frontend / "dist-graphiql", graphiql_sources(frontend))


def _build(checkout: Checkout, what: str, script: str, built: Path, sources: list[Path]) -> None:
    names = "\n".join(path.relative_to(checkout.root).as_posix() for path in sources)
    wanted = hashlib.sha256(f"{names}\n{digest(*sources)}".encode()).hexdigest()
    if (built / "index.html").exists() and checkout.stamped(built, "built", wanted):
        return
    with step(f"building {what}") as progress:
        run(["npm", "run", "--silent", script], checkout.log, NPM_REGISTRY, progress, checkout.frontend)
    checkout.stamp(built, built=wanted)


def install_system_packages(checkout: Checkout) -> None:
    """Install the servers and the browser that the tests start, where they are missing and we may."""
    names = system_packages.missing()
    if names:
        with step(f"installing system packages: {', '.join(names)}"):
            system_packages.install(names, checkout.log)


def prepare(checkout: Checkout, purpose: str) -> None:
    """Everything that ``purpose`` (run, check or test) needs."""
    make_environment(checkout)
    install_python_packages(checkout, "run" if purpose == "run" else "all")
    install_node_packages(checkout)
    install_frontend_packages(checkout, tools=purpose != "run")
    if purpose != "check":
        build_frontend(checkout)
    if purpose == "test":
        install_system_packages(checkout)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.prepare", description=__doc__)
    parser.add_argument("purpose", choices=("run", "check", "test"))
    purpose = parser.parse_args(arguments).purpose
    try:
        prepare(Checkout(ROOT), purpose)
    except CannotPrepare as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the next start goes on from here.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"\n{NO_SPACE if error.errno == 28 else error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
