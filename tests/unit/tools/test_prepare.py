"""Preparing a checkout: steps are done once per lock, and every failure is one sentence that says what to do."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import prepare, problems, system_packages
from tools.problems import CannotPrepare, sentence_for
from tools.system_packages import SystemPackage


def program(directory: Path, name: str, script: str) -> Path:
    """An executable shell script."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def only_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that is the whole PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", problems.NO_SPACE),
        ("npm error code ENOSPC", problems.NO_SPACE),
        ("WARNING: Retrying (Retry(total=4)) ... Temporary failure in name resolution", problems.PYTHON_REGISTRY),
        ("ERROR: No matching distribution found for cbor2==5.9.0", problems.PYTHON_REGISTRY),
        ("npm error code ENOTFOUND", problems.PYTHON_REGISTRY),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", problems.WRONG_HASH),
        ("npm error code EINTEGRITY", problems.WRONG_HASH),
        ("The virtual environment was not created successfully because ensurepip is not available.", problems.NO_VENV_MODULE),
        ("/usr/bin/python3: No module named venv", problems.NO_VENV_MODULE),
        ("crcmod/_crcfunext.c:24:10: fatal error: Python.h: No such file or directory", problems.NO_COMPILER),
        ("error: command 'gcc' failed: No such file or directory", problems.NO_COMPILER),
        ("npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync", problems.LOCK_DISAGREES),
    ],
)  # fmt: skip
def test_what_a_client_prints_becomes_one_sentence(said: str, sentence: str) -> None:
    assert sentence_for(f"Collecting x\n{said}\n", problems.PYTHON_REGISTRY) == sentence


def test_an_unknown_failure_keeps_the_clients_words(tmp_path: Path) -> None:
    assert sentence_for("error: the moon is in the wrong place", problems.PYTHON_REGISTRY) is None
    script = program(tmp_path, "client", "echo working; echo 'Error: the moon'; exit 3")
    seen: list[str] = []
    with pytest.raises(CannotPrepare, match=r"failed: Error: the moon \(all its words: .*log\)"):
        prepare.run([str(script)], tmp_path / "log", problems.PYTHON_REGISTRY, seen.append, tmp_path)
    assert seen == ["working", "Error: the moon"]
    assert "working" in (tmp_path / "log").read_text()


def test_a_full_disk_is_found_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare.require_space(tmp_path, needed=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=3_000_000))
    with pytest.raises(CannotPrepare, match=r"The disk is full: .* 1200 MB are needed here and 3 MB are free"):
        prepare.require_space(tmp_path)


def test_a_missing_compiler_is_found_only_where_one_is_needed(only_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    prepare.require_compiler(set(prepare.COMPILED_HERE))
    with pytest.raises(CannotPrepare, match="no C compiler"):
        prepare.require_compiler({"crcmod"})
    program(only_path, "clang", "exit 0")
    prepare.require_compiler(set())


def test_what_is_compiled_here_is_in_the_lock_without_wheels() -> None:
    lock = (prepare.ROOT / "requirements" / "run.txt").read_text()
    for name in prepare.COMPILED_HERE:
        entry = lock.split(f"\n{name}==", 1)[1].split("\n    #", 1)[0]
        assert entry.count("--hash=") == 1


@pytest.mark.parametrize(
    ("node", "npm", "version"),
    [
        ("echo v20.19.0", "echo 11.1.0", 20),
        ("echo v16.20.2", "echo 8.19.4", 16),
        ("echo v20.19.0", "exit 1", None),
        ("echo no such version installed; exit 127", "echo 11.1.0", None),
        ("echo v20.19.0", None, None),
    ],
)
def test_the_version_of_node_is_asked_by_running_it(
    only_path: Path, node: str, npm: str | None, version: int | None
) -> None:
    program(only_path, "node", node)
    if npm is not None:
        program(only_path, "npm", npm)
    assert prepare.node_version() == version


@pytest.fixture
def checkout(tmp_path: Path) -> prepare.Checkout:
    root = tmp_path / "checkout"
    (root / "requirements").mkdir(parents=True)
    (root / "requirements" / "run.txt").write_text("crcmod==1.7 \\\n    --hash=sha256:00\n")
    (root / "requirements" / "all.txt").write_text("crcmod==1.7 \\\n    --hash=sha256:00\n")
    (root / "package.json").write_text("{}")
    (root / "package-lock.json").write_text("{}")
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / "node_modules").mkdir()
    return prepare.Checkout(root)


def fake_python(checkout: prepare.Checkout) -> Callable[[], int]:
    """A Python whose pip notes that it was called; returns how often it installed."""
    calls = checkout.root / "calls"
    listing = """echo '[{"name": "crcmod"}, {"name": "ed25519-blake2b"}]'"""
    program(checkout.python.parent, "python", f'case "$*" in *" list "*) {listing};; *) echo "$*" >> {calls};; esac')
    return lambda: len(calls.read_text().splitlines()) if calls.exists() else 0


def test_python_packages_are_installed_again_only_when_the_lock_changed(checkout: prepare.Checkout) -> None:
    calls = fake_python(checkout)
    for expected in (1, 1):
        prepare.install_python_packages(checkout, "run")
        assert calls() == expected
    checkout.requirements("run").write_text("crcmod==1.8 \\\n    --hash=sha256:01\n")
    prepare.install_python_packages(checkout, "run")
    assert calls() == 2
    assert "--no-deps --require-hashes" in (checkout.root / "calls").read_text()


def test_a_failed_installation_is_tried_again(checkout: prepare.Checkout) -> None:
    program(checkout.python.parent, "python", "echo 'Network is unreachable'; exit 1")
    for _ in range(2):
        with pytest.raises(CannotPrepare, match="Python package index cannot be reached"):
            prepare.install_python_packages(checkout, "run")


def test_installing_everything_covers_what_running_needs(checkout: prepare.Checkout) -> None:
    calls = fake_python(checkout)
    prepare.install_python_packages(checkout, "all")
    prepare.install_python_packages(checkout, "run")
    assert calls() == 1


def test_the_lock_for_everything_holds_the_one_for_running() -> None:
    def pins(name: str) -> set[str]:
        lines = (prepare.ROOT / "requirements" / name).read_text().splitlines()
        return {line.split(" \\")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}

    assert pins("run.txt") < pins("all.txt")


def test_npm_packages_are_installed_again_only_when_the_lock_changed(
    checkout: prepare.Checkout, only_path: Path
) -> None:
    calls = checkout.root / "calls"
    program(only_path, "node", "echo v18.0.0")
    program(only_path, "npm", f'[ "$1" = --version ] && echo 9.0.0 || echo "$*" >> {calls}')
    for _ in range(2):
        prepare.install_node_packages(checkout)
    assert calls.read_text().splitlines() == ["ci --no-audit --no-fund"]
    (checkout.root / "package-lock.json").write_text('{"changed": true}')
    prepare.install_node_packages(checkout)
    assert len(calls.read_text().splitlines()) == 2


def test_the_web_application_is_built_again_only_when_a_file_of_it_changed(
    checkout: prepare.Checkout, only_path: Path
) -> None:
    calls, frontend = checkout.root / "calls", checkout.frontend
    (frontend / "src").mkdir(parents=True)
    (frontend / "node_modules").mkdir()
    for name in (
        "index.html",
        "package-lock.json",
        "package.json",
        "vite.config.ts",
        "src/main.ts",
        "src/main.test.ts",
        "graphiql.vite.config.ts",
        "graphiql/main.tsx",
        "../docs/queries.md",
    ):
        (frontend / name).parent.mkdir(parents=True, exist_ok=True)
        (frontend / name).write_text("{}")
    program(only_path, "node", "echo v20.0.0")
    (frontend / "dist").mkdir()
    (frontend / "dist-graphiql").mkdir()
    script = f'[ "$1" = --version ] && echo 9.0.0 && exit; echo "$*" >> {calls}; [ "$1" = run ] && echo built > dist/index.html && echo built > dist-graphiql/index.html'
    program(only_path, "npm", script + "; exit 0")
    build, graphiql = "run --silent build", "run --silent build:graphiql"
    for _ in range(2):
        prepare.install_frontend_packages(checkout, tools=False)
        prepare.build_frontend(checkout)
    assert calls.read_text().splitlines() == ["ci --no-audit --no-fund --omit=dev", build, graphiql]
    (frontend / "src" / "main.test.ts").write_text("other")
    prepare.build_frontend(checkout)
    (frontend / "src" / "main.ts").write_text("other")
    prepare.build_frontend(checkout)
    (frontend / "../docs/queries.md").write_text("other questions")
    prepare.build_frontend(checkout)
    prepare.install_frontend_packages(checkout, tools=True)
    prepare.install_frontend_packages(checkout, tools=False)
    assert calls.read_text().splitlines()[3:] == [build, graphiql, "ci --no-audit --no-fund"]


def test_no_node_and_an_old_node_are_said(checkout: prepare.Checkout, only_path: Path) -> None:
    with pytest.raises(CannotPrepare, match=r"Node.js 18 or newer with npm"):
        prepare.install_node_packages(checkout)
    program(only_path, "node", "echo v16.1.0")
    program(only_path, "npm", "echo 8.0.0")
    with pytest.raises(CannotPrepare, match="The one found is version 16"):
        prepare.install_node_packages(checkout)


def test_an_environment_that_no_longer_runs_is_made_anew(checkout: prepare.Checkout) -> None:
    program(checkout.python.parent, "python", "exit 127")
    assert prepare.python_version(str(checkout.python)) is None
    prepare.make_environment(checkout)
    assert prepare.python_version(str(checkout.python)) == sys.version_info[:2]


def test_a_python_without_venv_is_said(checkout: prepare.Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = program(checkout.root, "python-without-venv", "echo 'ensurepip is not available'; exit 1")
    monkeypatch.setattr(sys, "executable", str(bad))
    with pytest.raises(CannotPrepare, match="install its venv module"):
        prepare.make_environment(checkout)
    assert not checkout.environment.exists()


def test_a_system_package_is_there_by_program_or_by_file(only_path: Path, tmp_path: Path) -> None:
    package = SystemPackage("postgresql", ("initdb",), ("usr/lib/postgresql/*/bin/initdb",))
    assert not package.is_present(tmp_path)
    program(only_path, "initdb", "exit 0")
    assert package.is_present(tmp_path)
    (only_path / "initdb").unlink()
    (tmp_path / "usr/lib/postgresql/15/bin").mkdir(parents=True)
    (tmp_path / "usr/lib/postgresql/15/bin/initdb").touch()
    assert package.is_present(tmp_path)


def test_whoever_may_not_install_is_told_what_to_install(
    only_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for script in (None, "exit 0"):  # no apt-get at all; apt-get, but neither root nor sudo
        if script is not None:
            program(only_path, "apt-get", script)
        with pytest.raises(CannotPrepare, match=r"sudo apt-get install softhsm2 mosquitto\)"):
            system_packages.install(["softhsm2", "mosquitto"], tmp_path / "log")


def test_an_installation_that_brings_nothing_is_no_success(
    only_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = SystemPackage("chromium", ("a-browser-that-is-nowhere",))
    monkeypatch.setattr(system_packages, "NEEDED_BY_TESTS", (package,))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program(only_path, "apt-get", "exit 0")
    program(only_path, "env", 'shift; exec "$@"')
    with pytest.raises(CannotPrepare, match="not installed: chromium"):
        system_packages.install(["chromium"], tmp_path / "log")


def test_make_names_the_pythons_it_would_take(tmp_path: Path) -> None:
    """A shim that fails is passed over; where no Python is new enough, one sentence says so."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("python3", "python3.13", "python3.12", "python3.11", "python"):
        program(tools, name, "exit 127")
    makefile = (prepare.ROOT / "Makefile").read_text()
    makefile = makefile.replace("/usr/bin/python3", str(tools / "absent")).replace(".venv/bin/python;", "absent;")
    (tmp_path / "Makefile").write_text(makefile)
    make, shell = shutil.which("make"), shutil.which("sh")
    assert make is not None
    assert shell is not None
    environment = {"PATH": str(tools), "HOME": str(tmp_path)}
    command = [make, f"SHELL={shell}", "demo"]
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode != 0
    assert answer.stderr.startswith("Python 3.11, 3.12 or 3.13 is needed and none was found")
    program(tools, "python3.12", f'case "$1" in -c) exit 0;; *) echo "$*" > {tmp_path}/chosen; exit 9;; esac')
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (tmp_path / "chosen").read_text() == "-m tools.prepare run\n"
