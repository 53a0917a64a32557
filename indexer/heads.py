"""When to look for new blocks: as soon as a node announces one, and every so often in any case."""

import asyncio

import structlog

from community.clients.evm_heads import new_heads
from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop

SILENCE_S = 10.0
"""Without a head for so long the line is opened anew: it may be dead without knowing."""
_AGAIN_S = 2.0

_log = structlog.get_logger()


class HeadWatch:
    """Listens to the lines of new heads. Polling goes on beside them: a head that nobody announces is found all the same."""

    def __init__(self, urls: tuple[str, ...], poll_s: float) -> None:
        self._urls = urls
        self._poll_s = poll_s
        self._news = asyncio.Event()

    async def listen(self, stop: asyncio.Event) -> None:
        """Keep every line open until `stop` is set."""
        listeners = [asyncio.create_task(self._listen(url, stop)) for url in self._urls]
        try:
            await stop.wait()
        finally:
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)

    async def _listen(self, url: str, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async for _ in new_heads(url, SILENCE_S):
                    self._news.set()
            except RetryableError as error:
                _log.info("head_line_down", reason=str(error))
            await wait_or_stop(stop, _AGAIN_S)

    async def next(self, stop: asyncio.Event) -> None:
        """Return when a head was announced since the last call, at the latest after the time between two polls."""
        waits = [asyncio.create_task(self._news.wait()), asyncio.create_task(stop.wait())]
        try:
            await asyncio.wait(waits, timeout=self._poll_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        self._news.clear()
