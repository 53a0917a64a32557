"""The locks hold what pyproject.toml asks for, in the version it asks for, with hashes and without places."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["standalone"]]
GROUPS = PROJECT["dependency-groups"]
WANTED = {"run.txt": RUN, "all.txt": [*RUN, *GROUPS["test"], *GROUPS["check"]]}


def _locked(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text()
    return {canonicalize_name(found[1]): found[2] for found in re.finditer(r"(?m)^([\w.-]+)==([^ ;\\]+)", text)}


@pytest.mark.parametrize("name", WANTED)
def test_every_dependency_is_locked_in_a_version_that_is_asked_for(name: str) -> None:
    locked = _locked(name)
    for requirement in map(Requirement, WANTED[name]):
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in requirements/{name}: run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement} is locked as {version}: run `make lock`"


@pytest.mark.parametrize("name", WANTED)
def test_every_locked_package_has_a_hash(name: str) -> None:
    blocks = re.split(r"(?m)^(?=[\w.-]+==)", (ROOT / "requirements" / name).read_text())[1:]
    assert blocks and all("--hash=sha256:" in block for block in blocks)


def test_both_locks_agree() -> None:
    run, everything = _locked("run.txt"), _locked("all.txt")
    assert {package: everything.get(package) for package in run} == run
