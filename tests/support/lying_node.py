"""A chain node that lies: an HTTP server before a real node, which passes on what it is asked and changes the answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

Twist = Callable[[str, list[Any], Any], Any]
"""(method, parameters, honest result) to the result that is given; a Refusal becomes an error object."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider's error object, with its HTTP status."""

    message: str
    code: int = -32_000
    status: int = 200


@dataclass(slots=True)
class LyingNode:
    """`twist` changes results, `spoil` the bytes of a whole answer; `hang` never answers. Honest without any."""

    upstream: str
    url: str = ""
    twist: Twist | None = None
    spoil: Callable[[bytes], web.Response] | None = None
    hang: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.url.removeprefix("http://")

    def honest(self) -> None:
        """Tell the truth from now on."""
        self.twist, self.spoil, self.hang = None, None, False

    async def answer(self, session: aiohttp.ClientSession, body: bytes) -> web.Response:
        calls = json.loads(body)
        batch = calls if isinstance(calls, list) else [calls]
        self.asked += [call["method"] for call in batch]
        if self.hang:
            await asyncio.sleep(60)
        async with session.post(self.upstream, data=body, headers={"Content-Type": "application/json"}) as response:
            found = await response.json()
        answers = found if isinstance(found, list) else [found]
        status = 200
        if self.twist is not None:
            by_id = {call["id"]: call for call in batch}
            for one in answers:
                call = by_id[one["id"]]
                told = self.twist(call["method"], call["params"], one.pop("result", None))
                if isinstance(told, Refusal):
                    one["error"], status = {"code": told.code, "message": told.message}, told.status
                else:
                    one["result"] = told
        text = json.dumps(answers if isinstance(calls, list) else answers[0]).encode()
        if self.spoil is not None:
            return self.spoil(text)
        return web.Response(body=text, status=status, content_type="application/json")


@asynccontextmanager
async def lying_node(upstream: str) -> AsyncIterator[LyingNode]:
    """The server on a free port, honest at first."""
    node = LyingNode(upstream)
    async with aiohttp.ClientSession() as session:

        async def handle(request: web.Request) -> web.Response:
            return await node.answer(session, await request.read())

        app = web.Application(client_max_size=1 << 24)
        app.add_routes([web.post("/", handle)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            node.url = f"http://{host}:{port}"
            yield node
        finally:
            await runner.cleanup()
