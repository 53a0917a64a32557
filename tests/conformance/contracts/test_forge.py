"""Forge's own tests of the contracts; they need `npm ci`. `make check` compares the committed artifacts with a fresh compilation."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "contracts"
FORGE = next(iter(sorted((ROOT / "node_modules").glob("@foundry-rs/forge-*/bin/forge"))), ROOT / "forge")
"""The native programme: npm's wrapper ends with 0 whatever the tests say."""


FEWER_RUNS = {"FOUNDRY_FUZZ_RUNS": "32", "FOUNDRY_INVARIANT_RUNS": "8"}
"""Than foundry.toml says, which the long tests keep to on each hard fork."""


@pytest.fixture(autouse=True)
def installed() -> None:
    if not FORGE.exists():
        pytest.fail("forge is not installed in node_modules; run make test, which installs it (or npm ci)")


@pytest.mark.timeout(900)
def test_forge() -> None:
    """Unit, fuzz and invariant tests; signatures without (prague) and with (osaka) the P-256 precompile."""
    done = subprocess.run(
        [str(FORGE), "test"],
        cwd=CONTRACTS,
        env={**os.environ, **FEWER_RUNS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert re.search(r"[1-9]\d* tests passed, 0 failed, 0 skipped", done.stdout), done.stdout[-2000:]
    for name in (
        "invariant_supplyAndRetiredIsTheEvidence",
        "test_thePrecompileIsThere",
        "test_thePrecompileIsNotThere",
        "invariant_everyoneHasWhatHisSharesEarned",
    ):
        assert f"[PASS] {name}(" in done.stdout, f"{name} did not run"
    assert done.stdout.count("[PASS] test_everyVectorOfEip7951(") == 2, "with and without the precompile"


def test_a_test_that_fails_is_noticed(tmp_path: Path) -> None:
    """The exit code is what every test of this file rests on."""
    settings = f'[profile.default]\nsolc = "{CONTRACTS / "tools" / "solc"}"\noffline = true\n'
    (tmp_path / "foundry.toml").write_text(settings, encoding="utf-8")
    (tmp_path / "test").mkdir()
    failing = 'pragma solidity ^0.8.0; contract FailsTest { function test_fails() public pure { revert("so"); } }'
    (tmp_path / "test" / "Fails.t.sol").write_text(f"// SPDX-License-Identifier: MIT\n{failing}\n", encoding="utf-8")
    done = subprocess.run([str(FORGE), "test"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "0 tests passed, 1 failed" in done.stdout, done.stdout + done.stderr
    assert done.returncode != 0


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fork", ["prague", "osaka"])
def test_forge_on_each_hard_fork(fork: str, tmp_path: Path) -> None:
    """Compiled for and run on each; the tests that always run are compiled for prague and some of them run on osaka."""
    command = [str(FORGE), "test", "--evm-version", fork, "--out", str(tmp_path / "out")]
    command += ["--cache-path", str(tmp_path / "cache"), "--no-match-test", "test_thePrecompileIsNotThere"]
    done = subprocess.run(command, cwd=CONTRACTS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]


A_FEW_MUTANTS = ("followed-any-table", "bridged-into-the-future")
"""With a quick suite."""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_few_mutants_are_killed() -> None:
    done = mutate(*A_FEW_MUTANTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 mutants killed" in done.stdout


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_every_mutant_is_killed() -> None:
    done = mutate()
    assert done.returncode == 0, done.stdout + done.stderr


def mutate(*names: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CONTRACTS / "tools" / "mutate"), *names]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_finding_of_slither_is_answered(tmp_path: Path) -> None:
    """In an environment of its own: it wants other versions than the product."""
    version = tomllib.loads((CONTRACTS / "slither.toml").read_text(encoding="utf-8"))["version"]
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    install = [str(tmp_path / "env" / "bin" / "pip"), "install", "--quiet", f"slither-analyzer=={version}"]
    subprocess.run(install, check=True)
    command = [str(CONTRACTS / "tools" / "slither"), str(tmp_path / "env" / "bin" / "slither")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
