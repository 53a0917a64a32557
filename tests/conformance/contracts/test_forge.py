"""Forge's own tests of the contracts, and the committed artifacts against a fresh compilation. Both need `npm ci`."""

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
def test_forge() -> None:
    """Unit, fuzz and invariant tests; signatures without (prague) and with (osaka) the P-256 precompile."""
    done = subprocess.run([str(FORGE), "test"], cwd=CONTRACTS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    for name in (
        "invariant_supplyAndRetiredIsTheEvidence",
        "test_thePrecompileIsThere",
        "test_thePrecompileIsNotThere",
    ):
        assert f"[PASS] {name}(" in done.stdout, f"{name} did not run"


@pytest.mark.timeout(300)
def test_committed_artifacts_are_what_the_compiler_makes() -> None:
    done = subprocess.run([str(CONTRACTS / "tools" / "build"), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
