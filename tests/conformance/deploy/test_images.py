"""The images, without an engine: the same files are copied and the same commands run, as processes."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.architecture.repository import ROOT

DOCKERFILES = sorted((ROOT / "deploy").glob("*.Dockerfile"))
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def instructions(file: Path) -> list[tuple[str, str]]:
    """Each instruction of a Dockerfile with its text on one line."""
    text = re.sub(r"\\\n\s*", " ", file.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def allowed_in_context() -> set[str]:
    """What .dockerignore lets into the context."""
    return {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_a_dockerfile_copies_what_exists_pins_its_base_and_ends_without_root(file: Path) -> None:
    found = instructions(file)
    for _, base in (each for each in found if each[0] == "FROM"):
        assert re.match(r"[a-z0-9./-]+:[0-9][\w.-]*( AS build)?$", base), f"{base} has no version"
    for _, words in (each for each in found if each[0] == "COPY"):
        if words.startswith("--from="):
            continue
        for source in words.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == each or source.startswith(f"{each}/") for each in allowed_in_context()), source
    users = [words for word, words in found if word == "USER"]
    assert users and users[-1].split(":")[0] not in ("root", "0")
    assert not [words for word, words in found if word == "RUN" and re.search(r"curl[^|]*\|\s*(ba)?sh", words)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """/app of the backend's image: only what its Dockerfile copies, compiled as there."""
    app = tmp_path_factory.mktemp("app")
    for word, words in instructions(ROOT / "deploy" / "backend.Dockerfile"):
        if word == "COPY" and not words.startswith("--from=") and not words.endswith(".txt"):
            source, target = words.split()
            ignored = shutil.ignore_patterns("__pycache__", "cache", "out", "test")
            shutil.copytree(ROOT / source, app / target, ignore=ignored)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(app)], check=True)
    return app


EACH_HELPS = """
import json, runpy, sys
for words in json.loads(sys.argv[1]):
    sys.argv = [words[0], *words[1:], "--help"]
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code:
            sys.exit(f"{words}: exit code {ended.code}")
    else:
        sys.exit(f"{words}: no help")
foreign = [name for name in ("tests", "tools", "bench") if name in sys.modules and "site-packages" not in str(sys.modules[name].__file__)]
sys.exit(f"needs {foreign}" if foreign else 0)
"""


def test_every_command_of_the_compose_file_starts_from_the_image_alone(image: Path) -> None:
    commands = [
        [word for word in service["command"] if not word.startswith(("--", "/"))]
        for service in SERVICES.values()
        if service["image"] == "energy-community-backend"
    ]
    assert len(commands) >= 7
    answer = subprocess.run(
        [sys.executable, "-c", EACH_HELPS, json.dumps(commands)],
        cwd=image, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("usage: ") == len(commands)
