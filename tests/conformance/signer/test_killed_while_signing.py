"""kill -9 between any two steps of signing: afterwards the same bytes for the same request, and nothing half-done."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from community.chain.signature_requests import RefusedReply, SignedReply, sign_request
from signer.failpoints import FAILPOINTS
from tests.support.anvil import DEVELOPMENT_KEYS
from tests.support.sending_device import NOON
from tests.support.signing_plant import SigningPlant

pytestmark = pytest.mark.timeout(120)
ROOT = Path(__file__).parents[3]
LATER = NOON.replace(hour=20)


def killed_at(step: str, plant: SigningPlant, message: bytes) -> None:
    """A process of its own signs the request and ends by kill -9 at the step."""
    arguments = [str(plant.folder), DEVELOPMENT_KEYS[0], LATER.isoformat(), step]
    command = [sys.executable, "-m", "tests.support.signing_child", *arguments]
    ended = subprocess.run(command, cwd=ROOT, input=message, capture_output=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


@pytest.mark.parametrize("step", FAILPOINTS)
def test_killed_at_any_step_it_signs_the_same_afterwards(tmp_path: Path, step: str) -> None:
    plant = SigningPlant(tmp_path)
    request = plant.request(500, after=1)
    plant.journal.close()
    killed_at(step, plant, sign_request(request, plant.requester, int(LATER.timestamp())))
    again = SigningPlant(tmp_path, plant.device, plant.requester)
    again.now = LATER
    list(again.journal.audit_entries())
    kept = again.journal.signed_bytes(request)
    assert (kept is not None) == (step == "committed"), "an entry is whole or not there"
    first = again.ask(request)
    assert isinstance(first, SignedReply) and again.ask(request) == first
    assert kept is None or kept.raw == first.raw
    other = again.ask(again.request(900, from_wh=500, after=2, nonce=0))
    assert isinstance(other, RefusedReply) and "Nonce 0 is bound" in other.reason
    again.journal.close()
