"""More processes of ingest beside the first one: each takes its part of the shared subscription and judges on its own core.

The first process starts them, and starts anew what ended. A worker stops when its standard input ends, so that none is
left when the first process is killed.
"""

import asyncio
import sys
from collections.abc import Sequence

import structlog

from community.runtime.lifecycle import wait_or_stop

log = structlog.get_logger(__name__)

RESTART_S = 2.0
STOP_DEADLINE_S = 20.0


async def run_workers(numbers: Sequence[int], stop: asyncio.Event) -> None:
    """Keep a worker of each number running until `stop`, then wait for them to end."""
    async with asyncio.TaskGroup() as tasks:
        for number in numbers:
            tasks.create_task(_keep_running(number, stop))


async def ended_input(stop: asyncio.Event) -> None:
    """In a worker: set `stop` when the process that started it is gone."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    stop.set()


async def _keep_running(number: int, stop: asyncio.Event) -> None:
    halted = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ingest", "run", "--worker", str(number), stdin=asyncio.subprocess.PIPE
            )
            ended = asyncio.create_task(process.wait())
            await asyncio.wait((ended, halted), return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                await _end(process)
                return
            log.warning("worker_ended", worker=number, code=process.returncode, restart_s=RESTART_S)
            await wait_or_stop(stop, RESTART_S)
    finally:
        halted.cancel()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_DEADLINE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
