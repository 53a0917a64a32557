"""Work on a loop of its own: its result and its failure come back, it can be cancelled, and the loop here goes on."""

import asyncio
import threading
import time

import pytest

from indexer.apart import apart

DEADLINE_S = 20


async def test_the_result_comes_back_from_another_loop() -> None:
    here = (asyncio.get_running_loop(), threading.get_ident())

    async def work() -> tuple[bool, bool]:
        await asyncio.sleep(0)
        return asyncio.get_running_loop() is here[0], threading.get_ident() == here[1]

    assert await apart(work) == (False, False)


async def test_a_failure_comes_back() -> None:
    async def work() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await apart(work)


async def test_the_loop_here_goes_on_while_the_other_is_busy() -> None:
    done = threading.Event()

    async def work() -> bool:
        ends_at = time.monotonic() + DEADLINE_S
        while not done.is_set() and time.monotonic() < ends_at:
            sum(range(1_000))  # never gives its own loop a turn
        return done.is_set()

    busy = asyncio.create_task(apart(work))
    for _ in range(20):
        await asyncio.sleep(0.001)
    done.set()
    assert await busy


async def test_cancelling_ends_the_work_before_it_returns() -> None:
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(DEADLINE_S)
        finally:
            ended.set()

    running = asyncio.create_task(apart(work))
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.to_thread(begun.wait)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert ended.is_set()
