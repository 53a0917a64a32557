"""Waiting with a limit, and being told to stop while doing so."""

import asyncio

import pytest

from community.runtime.lifecycle import wait_or_stop


async def test_it_says_whether_it_was_stopped() -> None:
    stop = asyncio.Event()
    assert not await wait_or_stop(stop, 0.001)
    stop.set()
    assert await wait_or_stop(stop, 60)


@pytest.mark.parametrize("rounds", range(6))
async def test_a_cancellation_that_comes_with_the_stop_is_not_lost(rounds: int) -> None:
    """`asyncio.wait_for` of Python 3.11 loses it in some round between the two: the task then goes on for ever."""
    stop = asyncio.Event()
    waiting = asyncio.create_task(wait_or_stop(stop, 60))
    await asyncio.sleep(0)
    stop.set()
    for _ in range(rounds):
        await asyncio.sleep(0)
    if waiting.cancel():
        with pytest.raises(asyncio.CancelledError):
            await waiting
    else:
        assert await waiting
