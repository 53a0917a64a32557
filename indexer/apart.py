"""Work on an event loop of its own in a thread, so that the loop here keeps its turn while the other is busy."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


async def apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` comes to, done on another loop in a thread; it must open what it uses there.

    When this is cancelled the work is cancelled over there, and this returns after it has ended.
    """
    there: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []
    given_up = False

    async def begun() -> T:
        task = asyncio.current_task()
        assert task is not None
        there.append((asyncio.get_running_loop(), task))
        if given_up:
            task.cancel()
        return await work()

    def whole() -> T:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(begun())

    running = asyncio.create_task(asyncio.to_thread(whole))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        given_up = True
        for loop, task in there:
            with suppress(RuntimeError):  # that loop has ended meanwhile
                loop.call_soon_threadsafe(task.cancel)
        await asyncio.gather(running, return_exceptions=True)
        raise
