"""GraphQL over server-sent events, distinct connections (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md).

For streams that have a plan: what is shown is rendered once for all readers. A reader that is stuck keeps the newest event.
"""

import asyncio
import contextlib
import json

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.errors import UNAUTHENTICATED, Refused
from api.live import Event
from api.plans.streaming import Joined, text_of

KEEP_ALIVE_S = 15.0
"""Proxies close connections on which nothing comes."""
ENDED = Refused(UNAUTHENTICATED, "The API key was revoked, or the sign-in has ended. Sign in again.")
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class EventStream(Response):
    """One reader's response. It is a reader of its group from before its first byte."""

    def __init__(self, credential: str, ends_in_s: float | None) -> None:
        super().__init__()
        self.credential = credential
        self.joined: Joined | None = None
        self._ends_in_s = ends_in_s
        self._room: Event | None = None
        self._ended = False
        self._news = asyncio.Event()

    def offer(self, event: Event) -> None:
        self._room = event
        self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send events until the reader goes away or its credential ends."""
        loop = asyncio.get_running_loop()
        expiry = None if self._ends_in_s is None else loop.call_later(max(0.0, self._ends_in_s), self.end)
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        sending = asyncio.create_task(self._send_all(send))
        hearing = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hearing.cancel()
            if expiry is not None:
                expiry.cancel()
            if self.joined is not None:
                self.joined.leave()
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await sending

    async def _send_all(self, send: Send) -> None:
        while not self._ended:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await self._news.wait()
            except TimeoutError:
                await _more(send, ":\n\n")
                continue
            self._news.clear()
            event, self._room = self._room, None
            if event is not None and not self._ended:
                await _more(send, f'event: next\ndata: {{"data":{text_of(event)}}}\n\n')
        error = json.dumps({"data": None, "errors": [ENDED.formatted]})
        await _more(send, f"event: next\ndata: {error}\n\nevent: complete\ndata:\n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _more(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
