"""Child processes with names and log files: started, watched, killed on purpose, stopped in order."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from community.errors import FatalError

STOP_TIMEOUT_S = 10.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
LAST_LINES = 15


class ChildFailed(FatalError):
    """A process ended that should run. The text names it and shows its last lines."""


def _end_with_parent() -> None:
    """In the child: ask Linux for SIGINT when the parent dies, so that a kill -9 of the demo leaves nothing running."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Command:
    """How to start one process."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Child:
    command: Command
    process: asyncio.subprocess.Process
    log: Path


class Processes:
    """The processes of one machine. Each writes to `NAME.log` in `log_folder`."""

    def __init__(self, log_folder: Path, working_folder: Path) -> None:
        self._logs = log_folder
        self._folder = working_folder
        self._children: dict[str, _Child] = {}

    async def start(self, command: Command) -> None:
        """Start a process in a group of its own, so that Ctrl-C reaches us first and we stop it in order."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{command.name}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command.arguments,
                cwd=self._folder,
                env={**os.environ, **command.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        self._children[command.name] = _Child(command, process, log)

    def is_running(self, name: str) -> bool:
        """Whether the process `name` was started and has not ended."""
        child = self._children.get(name)
        return child is not None and child.process.returncode is None

    def require_running(self) -> None:
        """Raise ChildFailed if any process has ended by itself."""
        for name, child in self._children.items():
            if child.process.returncode is not None:
                raise ChildFailed(self._obituary(name, child))

    def _obituary(self, name: str, child: _Child) -> str:
        lines = child.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return (
            f"The process {name} ended with code {child.process.returncode}. Its last lines ({child.log}):\n"
            + "\n".join(f"    {line}" for line in lines)
        )

    async def kill(self, name: str) -> None:
        """kill -9, as a crash would."""
        child = self._children[name]
        child.process.kill()
        await child.process.wait()

    async def restart(self, name: str) -> None:
        """Start a process again that was killed."""
        await self.start(self._children[name].command)

    async def stop(self, names: Sequence[str] | None = None) -> dict[str, int]:
        """Ask the processes to stop, the latest started first, and kill what does not within the time limit.

        Returns the exit code of each that was still running: 0 if it stopped as it should.
        """
        codes: dict[str, int] = {}
        for name in reversed(list(self._children) if names is None else list(names)):
            child = self._children.pop(name, None)
            if child is None or child.process.returncode is not None:
                continue
            child.process.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await child.process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)
                await child.process.wait()
            codes[name] = await child.process.wait()
        return codes


async def wait_for_port(port: int, what: str, processes: Processes, timeout_s: float = 30.0) -> None:
    """Wait until somebody listens on the loopback `port`. Raises ChildFailed or FatalError."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                processes.require_running()
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    await writer.wait_closed()
                    return
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise FatalError(f"{what} did not start within {timeout_s:.0f} s; look into its log file.") from error
