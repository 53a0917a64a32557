"""Webhooks of both network servers: HTTP as a second path into the same intake.

A request is answered after the commit. While the store is away the answer is 503, so that a server that repeats does;
one that does not has MQTT and its storage besides. Each server's requests carry a secret of their own.
"""

import asyncio
import hmac
from dataclasses import dataclass, field

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from community.clock import Clock
from community.errors import RetryableError
from community.runtime.http_server import HttpServer
from ingest.network_events import NetworkEvent, TakeReport
from ingest.sources import chirpstack_json, things_stack_json
from ingest.sources.dispatch import Dispatch
from ingest.sources.network_json import JSON_SIZE_MAX
from ingest.uplinks import TakeIn

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 8.0
"""The Things Stack gives a webhook ten seconds."""
BODY_WITHIN_S = 8.0
CONCURRENT_MAX = 512
SECRET_HEADER = "x-webhook-secret"
SECRET_MIN = 16


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """Where to listen, and the secret of each network server that may come; port 0 takes any free one."""

    host: str
    port: int
    things_stack_secret: str | None = field(default=None, repr=False)
    chirpstack_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        secrets = (self.things_stack_secret, self.chirpstack_secret)
        if not any(secrets):
            raise ValueError("webhooks need the secret of at least one network server")
        if any(secret is not None and len(secret) < SECRET_MIN for secret in secrets):
            raise ValueError(f"a webhook's secret has at least {SECRET_MIN} characters")


class Webhooks:
    """The HTTP server for webhooks."""

    def __init__(
        self, address: WebhookAddress, take_in: TakeIn, clock: Clock, take_report: TakeReport | None = None
    ) -> None:
        self._address = address
        self._dispatch = Dispatch(take_in, take_report)
        self._clock = clock
        routes = [Route("/healthz", _healthz, methods=["GET"])]
        if address.things_stack_secret is not None:
            # The server appends a path of its own to the base URL where one is set for a kind of message.
            routes.append(Route("/webhooks/things_stack{_kind:path}", self._things_stack, methods=["POST"]))
        if address.chirpstack_secret is not None:
            routes.append(Route("/webhooks/chirpstack", self._chirpstack, methods=["POST"]))
        self.server = HttpServer(
            Starlette(routes=routes),
            address.host,
            address.port,
            "The webhooks",
            "INGEST_WEBHOOK_PORT",
            concurrent_max=CONCURRENT_MAX,
            shutdown_s=int(ANSWER_WITHIN_S),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`. Raises FatalError if the port is taken."""
        await self.server.run(stop)

    async def _things_stack(self, request: Request) -> Response:
        refused, raw = await _admitted(request, self._address.things_stack_secret)
        if refused is not None:
            return refused
        return await self._take(things_stack_json.event_from_json(raw, self._clock.now()))

    async def _chirpstack(self, request: Request) -> Response:
        refused, raw = await _admitted(request, self._address.chirpstack_secret)
        if refused is not None:
            return refused
        kind = request.query_params.get("event", "up")
        return await self._take(chirpstack_json.event_from_json(raw, kind, self._clock.now()))

    async def _take(self, event: NetworkEvent) -> Response:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._dispatch.take(event)
        except (RetryableError, TimeoutError) as error:
            log.warning("webhook_not_taken_in", reason=str(error) or "the store did not answer in time")
            return _not_stored()
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return _not_stored()  # intake stops and gave the uplink up
        return Response(status_code=204)


async def _healthz(_request: Request) -> Response:
    """Alive. Whether the store answers shows with the next uplink: it is public, and must not cost a query."""
    return JSONResponse({"ok": True})


async def _admitted(request: Request, secret: str | None) -> tuple[Response | None, bytes]:
    """Why the request is refused, or None with its body. The secret is looked at before a byte of the body is."""
    if secret is None or not hmac.compare_digest(_given_secret(request).encode(), secret.encode()):
        sentence = (
            "The webhook's secret is missing or wrong: give it as `Authorization: Bearer <secret>` or "
            f"`{SECRET_HEADER}: <secret>`."
        )
        log.warning("webhook_refused", path=request.url.path)
        return _answer(401, sentence, {"WWW-Authenticate": "Bearer"}), b""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for part in request.stream():
                body += part
                if len(body) > JSON_SIZE_MAX:
                    return _answer(413, f"A message has at most {JSON_SIZE_MAX} bytes."), b""
    except (TimeoutError, ClientDisconnect):
        return _answer(408, "The message did not come in time. Send it again."), b""
    return None, bytes(body)


def _given_secret(request: Request) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else request.headers.get(SECRET_HEADER, "")


def _not_stored() -> Response:
    return _answer(503, "It could not be stored now. Send it again.", {"Retry-After": "60"})


def _answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": sentence}, status, headers)
