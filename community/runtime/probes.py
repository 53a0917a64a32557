"""Health, readiness and metrics over HTTP: `/health`, `/ready`, `/metrics`, alike in every process.

`/health` answers 503 when the process should be started anew, `/ready` when what it serves should not be relied on at
this moment; both say why. An answer says nothing that is secret, yet belongs into the operators' network only.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from aiohttp import web
from prometheus_client.metrics_core import Metric

from community.errors import FatalError, RetryableError
from community.runtime.figures import CONTENT_TYPE, figure, process_page
from community.runtime.settings import SettingsReader

_log = structlog.get_logger()
MEASURE_TIMEOUT_S = 8.0
"""Prometheus gives up after 10 s by default."""
_GRACE_S = 1.0


class Condition(Protocol):
    """What a running process reports of itself."""

    def why_not_alive(self) -> str:
        """Why it should be started anew; empty while it works."""
        ...

    async def why_not_ready(self) -> str:
        """Why it should not be relied on at this moment; empty if it may."""
        ...

    async def figures(self) -> Sequence[Metric]:
        """What Prometheus is shown. May raise RetryableError where the books are away."""
        ...


@dataclass(frozen=True, slots=True)
class ProbesAddress:
    """Where they answer; nowhere if the port is 0. `variable` names the setting of the port."""

    host: str
    port: int
    variable: str = field(compare=False)


NOWHERE = ProbesAddress("127.0.0.1", 0, "")


def read_probes_address(reader: SettingsReader, prefix: str) -> ProbesAddress:
    """`PREFIX_PROBES_HOST` and `PREFIX_PROBES_PORT`."""
    host, port = reader.text("PROBES_HOST", "127.0.0.1"), reader.integer("PROBES_PORT", 0, high=65_535)
    return ProbesAddress(host, port, f"{prefix}_PROBES_PORT")


@asynccontextmanager
async def probes(process: str, condition: Condition, address: ProbesAddress) -> AsyncIterator[None]:
    """Answer while the block runs. Raises FatalError if the port is taken."""
    if not address.port:
        yield
        return
    app = web.Application()
    app.add_routes(_routes(process, condition))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host, address.port).start()
        except OSError as error:
            raise FatalError(
                f"Nobody can listen on {address.host}:{address.port} ({error.strerror or error}). Free the port, or set "
                f"{address.variable} to another."
            ) from error
        _log.info("probes_listening", host=address.host, port=address.port)
        yield
    finally:
        await runner.cleanup()


def _routes(process: str, condition: Condition) -> list[web.RouteDef]:
    async def health(_request: web.Request) -> web.Response:
        return _said(condition.why_not_alive())

    async def ready(_request: web.Request) -> web.Response:
        return _said(await _why_not_ready(condition))

    async def metrics(_request: web.Request) -> web.Response:
        measured = await page_figures(process, condition)
        return web.Response(text=process_page(process, measured), headers={"Content-Type": CONTENT_TYPE})

    return [web.get("/health", health), web.get("/ready", ready), web.get("/metrics", metrics)]


async def _why_not_ready(condition: Condition) -> str:
    try:
        async with asyncio.timeout(MEASURE_TIMEOUT_S):
            return await condition.why_not_ready()
    except RetryableError as error:
        return str(error)
    except TimeoutError:
        return f"it could not say within {MEASURE_TIMEOUT_S:.0f} s how it is"


async def page_figures(process: str, condition: Condition) -> list[Metric]:
    """Figures, and whether it is alive and ready. What cannot be measured is left out, and that is a figure too."""
    found: list[Metric] = []
    complete = True
    try:
        async with asyncio.timeout(MEASURE_TIMEOUT_S):
            found += await condition.figures()
    except (RetryableError, TimeoutError) as error:
        complete = False
        _log.warning("figures_incomplete", reason=str(error) or "it took too long")
    not_ready = await _why_not_ready(condition)
    return [
        figure("gauge", f"{process}_alive", "1 while it need not be started anew", int(not condition.why_not_alive())),
        figure("gauge", f"{process}_ready", "1 while it may be relied on", int(not not_ready)),
        figure("gauge", f"{process}_measured", "1 if every figure of this page could be measured", int(complete)),
        *found,
    ]


def _said(why_not: str) -> web.Response:
    return web.json_response({"ok": not why_not, "reason": why_not}, status=503 if why_not else 200)
