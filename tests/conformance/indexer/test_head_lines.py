"""Lines of new heads that fall silent, break or talk nonsense: each is opened anew, and polling goes on beside them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from indexer.heads import HeadWatch

DEADLINE_S = 20
LONG_S = 600.0
HEAD = {
    "jsonrpc": "2.0",
    "method": "eth_subscription",
    "params": {"subscription": "0x1", "result": {"hash": "0x" + "ab" * 32}},
}

Line = Callable[[web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def node_with(*lines: Line) -> AsyncIterator[str]:
    """A node whose first line behaves as the first of `lines`, and so on; the last one stays."""
    opened = 0

    async def serve(request: web.Request) -> web.WebSocketResponse:
        nonlocal opened
        line, opened = lines[min(opened, len(lines) - 1)], opened + 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert (await socket.receive_json())["method"] == "eth_subscribe"
        await socket.send_json({"jsonrpc": "2.0", "id": 1, "result": "0x1"})
        await line(socket)
        return socket

    application = web.Application()
    application.router.add_get("/", serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def silent(socket: web.WebSocketResponse) -> None:
    """Alive, as its answers to pings show, and without a word about heads."""
    async for _ in socket:
        pass


async def broken(socket: web.WebSocketResponse) -> None:
    await socket.close()


async def nonsense(socket: web.WebSocketResponse) -> None:
    await socket.send_str("<html>Bad gateway</html>")
    await silent(socket)


async def announcing(socket: web.WebSocketResponse) -> None:
    await socket.send_json(HEAD)
    await silent(socket)


@asynccontextmanager
async def listening(*urls: str, poll_s: float = LONG_S) -> AsyncIterator[HeadWatch]:
    watch, stop = HeadWatch(urls, poll_s), asyncio.Event()
    task = asyncio.create_task(watch.listen(stop))
    try:
        yield watch
    finally:
        stop.set()
        await task


@pytest.mark.parametrize("first", [silent, broken, nonsense])
async def test_a_line_that_is_of_no_use_is_opened_anew(monkeypatch: pytest.MonkeyPatch, first: Line) -> None:
    monkeypatch.setattr("indexer.heads.SILENCE_S", 0.2)
    monkeypatch.setattr("indexer.heads._AGAIN_S", 0.01)
    with capture_logs() as logs:
        async with node_with(first, announcing) as url, listening(url) as watch, asyncio.timeout(DEADLINE_S):
            await watch.next(asyncio.Event())
    assert [log["event"] for log in logs if log["event"] == "head_line_down"]
    assert url.split("/")[2] in logs[0]["reason"]


async def test_one_line_that_is_silent_leaves_the_others_heard() -> None:
    async with (
        node_with(silent) as dead,
        node_with(announcing) as alive,
        listening(dead, alive) as watch,
        asyncio.timeout(DEADLINE_S),
    ):
        await watch.next(asyncio.Event())


async def test_without_any_line_the_time_between_two_polls_ends_the_wait() -> None:
    async with listening("ws://127.0.0.1:9/", poll_s=0.05) as watch, asyncio.timeout(DEADLINE_S):
        await watch.next(asyncio.Event())


async def test_a_stop_ends_the_wait() -> None:
    stop = asyncio.Event()
    stop.set()
    async with listening() as watch, asyncio.timeout(DEADLINE_S):
        await watch.next(stop)
