"""Starting a process, stopping it on a signal, and ending with one clear sentence when it cannot run."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from community.errors import CommunityError

EXIT_OK = 0
EXIT_FAILED = 1

_log = structlog.get_logger()


class Runnable(Protocol):
    """A composed application."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then release everything and return."""
        ...


async def _run(build: Callable[[], Runnable]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    app = build()
    _log.info("process_started")
    await app.run(stop)
    _log.info("process_stopped")


def run_until_stopped(
    build: Callable[[], Runnable], new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> int:
    """Build the application and run it until SIGINT or SIGTERM, on a loop of `new_loop`. Returns the exit code."""
    return _guarded(lambda: _run(build), new_loop)


def run_command(
    command: Callable[[], Awaitable[None]], new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> int:
    """Run one command of a command line to its end, on a loop of `new_loop`. Returns the exit code."""
    return _guarded(command, new_loop)


def _guarded(
    work: Callable[[], Awaitable[None]], new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> int:
    async def main() -> None:
        await work()

    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())
    except CommunityError as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_OK
    return EXIT_OK


async def wait_or_stop(stop: asyncio.Event, seconds: float) -> bool:
    """Wait `seconds` or until `stop` is set; says whether it was set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()
