"""Serving an ASGI application until asked to stop, without uvicorn taking over the process's signals, logs or exit."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import structlog
import uvicorn

from community.errors import FatalError

_log = structlog.get_logger()
SHUTDOWN_S = 3
CONCURRENT_MAX = 64
BACKLOG = 128


class HttpServer:
    """One listening socket. `port` 0 takes any free one; once `started` is set, `port` says which.

    `what` and `variable` name the server and the setting of its port in the sentence for a port that is taken. `options` are
    further ones of uvicorn's, such as the protocol of WebSockets: without one there are none.
    """

    def __init__(
        self,
        asgi: Any,
        host: str,
        port: int,
        what: str,
        variable: str,
        *,
        concurrent_max: int | None = CONCURRENT_MAX,
        shutdown_s: int = SHUTDOWN_S,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._host = host
        self.port = port
        self._what = what
        self._variable = variable
        more: dict[str, Any] = {"ws": "none", "backlog": BACKLOG, **options}
        self._config = uvicorn.Config(
            asgi,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=concurrent_max,
            timeout_graceful_shutdown=shutdown_s,
            **more,
        )
        self.started = asyncio.Event()

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` is set; `ready` is called once it listens. Raises FatalError if the port is taken."""
        server = _Server(self._config)
        # Bound here: uvicorn would end the whole process where the port is taken.
        serving = asyncio.create_task(server.serve(sockets=[self._listen()]))
        stopping = asyncio.create_task(stop.wait())
        try:
            # uvicorn tells that it has started by an attribute only
            while not server.started and not serving.done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            ready()
            _log.info("http_listening", server=self._what, url=f"http://{self._host}:{self.port}/")
            self.started.set()
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
        finally:
            stopping.cancel()
            if not serving.done():
                server.should_exit = server.force_exit = True
                await serving

    def _listen(self) -> socket.socket:
        try:
            listening = socket.create_server((self._host, self.port), backlog=self._config.backlog)
        except OSError as error:
            raise FatalError(
                f"{self._what} cannot listen on {self._host}:{self.port} ({error.strerror or error}). Free the port, or set "
                f"{self._variable} to another."
            ) from error
        self.port = listening.getsockname()[1]
        return listening


class _Server(uvicorn.Server):
    """Signals are the process's business, not the server's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
