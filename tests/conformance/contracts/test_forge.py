"""Forge's own tests of the contracts, and the committed artifacts against a fresh compilation. Both need `npm ci`."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "contracts"
FORGE = ROOT / "node_modules" / ".bin" / "forge"


@pytest.fixture(autouse=True)
def installed() -> None:
    if not FORGE.exists():
        pytest.fail("forge is not installed in node_modules; run make test, which installs it (or npm ci)")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("profile", ["default", "osaka"])
def test_forge(profile: str) -> None:
    """Unit, fuzz and invariant tests, without (prague) and with (osaka) the P-256 precompile."""
    command = [str(FORGE), "test", "--summary"]
    environment = {**os.environ, "FOUNDRY_PROFILE": profile}
    done = subprocess.run(command, cwd=CONTRACTS, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert "invariant_supplyAndRetiredIsTheEvidence" in done.stdout, "the tests did not run"


def test_committed_artifacts_are_what_the_compiler_makes() -> None:
    done = subprocess.run([str(CONTRACTS / "tools" / "build"), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
