"""Health, readiness and metrics over HTTP: `/health`, `/ready`, `/metrics`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from community.errors import FatalError
from indexer.condition import Condition

_log = structlog.get_logger()


@asynccontextmanager
async def probes(condition: Condition, host: str, port: int) -> AsyncIterator[None]:
    """Answer on `host` and `port` while the block runs; nowhere if the port is 0. Raises FatalError if it is taken."""
    if not port:
        yield
        return

    async def health(_request: web.Request) -> web.Response:
        return _said(condition.why_not_alive())

    async def ready(_request: web.Request) -> web.Response:
        return _said(condition.why_not_ready())

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(
            text=condition.metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    app = web.Application()
    app.add_routes([web.get("/health", health), web.get("/ready", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise FatalError(f"Nobody can listen on {host}:{port} (INDEXER_PROBES_PORT): {error}") from error
        _log.info("probes_listening", host=host, port=port)
        yield
    finally:
        await runner.cleanup()


def _said(why_not: str) -> web.Response:
    return web.json_response({"ok": not why_not, "reason": why_not}, status=503 if why_not else 200)
