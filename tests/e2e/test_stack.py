"""`make stack CHECK=1`: the data centre's topology as processes, with the files of deploy/, checked from outside.

Always run are its parts: nginx, images, doctor, back-up and brokers under tests/conformance/deploy and beside it.
"""

import json
import subprocess
import sys

import pytest

from tests.architecture.repository import ROOT


def check(*arguments: str) -> dict[str, object]:
    """Run it; returns its one line of results."""
    command = [sys.executable, "-m", "tools.stack", "--check", *arguments]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr[-6000:]
    found: dict[str, object] = json.loads(answer.stdout.splitlines()[-1])
    assert found["ok"] is True
    return found


@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_stack_settles_and_answers_from_outside() -> None:
    found = check("--small")
    assert found["balances_through_nginx"] == 5
    assert int(str(found["settlements"])) >= 2 and int(str(found["doctor_looked_at"])) >= 25


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_stack_agrees_after_kills_and_a_reorg() -> None:
    found = check()
    assert found["kills"] == 4 and found["reorg_depth"] == 3
    assert int(str(found["settlements"])) >= 24
