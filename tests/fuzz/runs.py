"""Runs of the engine as child processes, and what came of them."""

import errno
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.engine import HANGS_AFTER_S, available_engine

ROOT = Path(__file__).parents[2]
FOUND = Path(__file__).parent / "found"
_START_TRIES = 3
_START_S = 60
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_COVERED = re.compile(r"\bcov: (\d+)")
_PROGRESS = re.compile(r"#\d+|INFO:|stat::")
_FINDINGS = ("crash-*", "timeout-*", "oom-*", "leak-*")


@dataclass(frozen=True, slots=True)
class Run:
    """What one child did."""

    target: str
    seconds: float
    executions: int
    covered: int
    """Branches of our code that the inputs reached; 0 where nothing counts them."""
    finding: bytes | None
    """The input that must not do what it does."""
    exit_code: int
    log: str

    @property
    def passed(self) -> bool:
        """Nothing was found, and inputs were really tried."""
        return self.finding is None and self.exit_code == 0 and self.executions > 0

    def said(self, lines: int) -> str:
        """The last `lines` of the log without the engine's progress: the traceback is among them."""
        return "\n".join([line for line in self.log.splitlines() if not _PROGRESS.match(line)][-lines:])


def _started(command: list[str], timeout_s: float) -> "subprocess.CompletedProcess[bytes]":
    """Run the engine. Sandboxed kernels now and then answer EFAULT to a vfork's exec; then nothing ran: once more."""
    for _ in range(_START_TRIES - 1):
        try:
            return _run(command, timeout_s)
        except OSError as error:
            if error.errno != errno.EFAULT:
                raise
    return _run(command, timeout_s)


def _run(command: list[str], timeout_s: float) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False
    )


def fuzz(target: str, *, seconds: int, runs: int = -1, seed: int = 0, engine: str | None = None) -> Run:
    """Fuzz `target` in a child process for at most `seconds` and `runs` inputs. `seed` 0 is a new one each time."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        corpus, findings = Path(place, "corpus"), Path(place, "findings")
        corpus.mkdir()
        findings.mkdir()
        command = [sys.executable, "-m", "tests.fuzz.engine", target, str(corpus), str(findings)]
        command += ["--kept", str(FOUND / target), "--seconds", str(seconds), "--runs", str(runs), "--seed", str(seed)]
        command += ["--engine", engine or available_engine()]
        begin = time.monotonic()
        child = _started(command, seconds + HANGS_AFTER_S + _START_S)
        log = (child.stdout + child.stderr).decode("utf-8", "replace")
        kept = [path.read_bytes() for pattern in _FINDINGS for path in sorted(findings.glob(pattern))]
        executed, covered = _EXECUTED.search(log), _COVERED.findall(log)
        return Run(
            target,
            time.monotonic() - begin,
            int(executed[1]) if executed else 0,
            int(covered[-1]) if covered else 0,
            kept[0] if kept else None,
            child.returncode,
            log,
        )
