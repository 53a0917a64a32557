"""The API process: one object graph from its settings."""

import asyncio
import contextlib
import gc
import ssl
import sys
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access_tokens import TokenVerifier
from api.asked import Asked
from api.auth import Authenticator
from api.commands import first_operator_key
from api.condition import ApiCondition, Counting
from api.context import Context, Options
from api.evidence import DOWNLOADS_MAX, Evidence
from api.frames import FrameSocket
from api.gate import Judge
from api.graphiql_page import graphiql_routes
from api.http import GraphQLEndpoint
from api.limits import DOCUMENT_BYTES_MAX
from api.live import Hub
from api.plans.answering import Answering
from api.plans.streaming import Streaming
from api.schema import build_schema
from api.sessions import Sessions
from api.settings import ApiSettings
from api.web_page import PublicConfig, config_route, page_route
from community.clock import Clock
from community.errors import FatalError, RetryableError
from community.runtime.http_server import HttpServer
from community.runtime.probes import probes
from community.runtime.system_clock import SystemClock
from community.store.column_key_file import load_column_keys
from community.store.plans.running import runner_for
from community.store.schema import require_current_schema
from community.store.unit_of_work import Store
from community.store.views import chain

GRAPHQL_PATH = "/graphql"


def trusted(settings: ApiSettings) -> ssl.SSLContext:
    """Whose certificates issuers may have: public authorities, and the one of the settings."""
    context = httpx.create_ssl_context(trust_env=False)
    if settings.issuers_ca_file is not None:
        try:
            context.load_verify_locations(cafile=settings.issuers_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise FatalError(f"API_ISSUERS_CA_FILE holds no certificates in PEM: {error}") from error
    return context


class ApiProcess:
    """The API with its store and its follower of the outbox."""

    def __init__(self, settings: ApiSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.store = Store.open(settings.database_url)
        self.hub = Hub(self.store, settings.outbox_poll_ms / 1000, self._credentials_ended)
        keys = None if settings.column_key_file is None else load_column_keys(settings.column_key_file)
        sessions = None
        if settings.site_url is not None and settings.session_key_file is not None:
            sessions = Sessions.at(settings.site_url, settings.session_key_file)
        options = Options(settings.token, settings.development, keys, sessions)
        self._http = httpx.AsyncClient(trust_env=False, verify=trusted(settings))
        tokens = TokenVerifier(settings.issuers, self._http, sessions) if settings.issuers or sessions else None
        authenticator = Authenticator(self.store, clock, tokens, sessions)
        judge = Judge()
        schema = build_schema(judge)
        self.runner = runner_for(settings.database_url)
        asked = Asked()
        answering = Answering(schema, judge, self.runner, settings.token, asked)
        self._endpoint = endpoint = GraphQLEndpoint(
            schema,
            lambda: Context(self.store, clock, self.hub, options, authenticator),
            authenticator=authenticator,
            answering=answering,
            streaming=Streaming(answering, self.runner, self.hub, settings.token),
            development=settings.development,
            allowed_origins=settings.allowed_origins,
        )
        self.condition = ApiCondition(self.store, self.hub, asked)
        evidence = Evidence(self.store, authenticator, settings.token, asyncio.Semaphore(DOWNLOADS_MAX))
        pages = Starlette(
            routes=[
                Route("/healthz", self._healthz, methods=["GET"]),
                *evidence.routes(),
                config_route(_public_config(settings)),
                *(graphiql_routes(settings.graphiql_folder) if settings.development else ()),
                *_web_routes(settings),
            ]
        )
        self.asgi = Counting(_routed(endpoint, pages), self.condition)
        self._server = HttpServer(
            self.asgi,
            settings.host,
            settings.port,
            "The API",
            "API_PORT",
            concurrent_max=None,  # ten thousands may watch; what each may ask is limited in its own way
            options={
                "backlog": 1024,
                "ws": FrameSocket,
                "ws_max_size": 2 * DOCUMENT_BYTES_MAX,
                "ws_per_message_deflate": False,  # 26 to 64 KB a connection, for answers that are small
            },
        )

    @property
    def started(self) -> asyncio.Event:
        """Set once it listens."""
        return self._server.started

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    def _credentials_ended(self, credentials: set[str]) -> None:
        self._endpoint.credentials_ended(credentials)

    async def _healthz(self, _request: Request) -> Response:
        """Alive, and the books can be read. Says nothing else: it is public."""
        try:
            async with self.store.read() as work:
                await chain.head(work)
        except RetryableError:
            return JSONResponse({"ok": False}, 503)
        return JSONResponse({"ok": True})

    @contextlib.asynccontextmanager
    async def _following(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        follower = asyncio.create_task(self.hub.run(stop))
        try:
            yield
        finally:
            stop.set()
            await follower

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises FatalError if the port is taken or the schema is not current."""
        await require_current_schema(self.settings.database_url)
        if not self.settings.issuers and (key := await first_operator_key(self.store, self.clock.now())):
            sys.stdout.write(f"The first operator's API key, shown this once: {key}\n")
            sys.stdout.flush()
        try:
            async with self._following(), probes("api", self.condition, self.settings.probes):
                await self._server.run(stop, _settle)
        finally:
            await self._http.aclose()
            await self.runner.close()
            await self.store.close()


def _routed(endpoint: ASGIApp, pages: ASGIApp) -> ASGIApp:
    """GraphQL by itself: Starlette's layers and routes take a tenth of what a planned operation takes in all."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await (endpoint if scope["path"] == GRAPHQL_PATH else pages)(scope, receive, send)

    return application


def _settle() -> None:
    """What is built at start stays: the collector need not look at it again."""
    gc.collect()
    gc.freeze()


def _public_config(settings: ApiSettings) -> PublicConfig:
    issuer = next((each for each in settings.issuers if each.web_client is not None), None)
    oidc = None if issuer is None else (issuer.url, issuer.web_client or "", issuer.web_scope)
    return PublicConfig(
        settings.community, settings.zone, settings.explorer, oidc, wallet=settings.session_key_file is not None
    )


def _web_routes(settings: ApiSettings) -> list[BaseRoute]:
    if settings.web_folder is None:
        return []
    origins = tuple(f"{parts.scheme}://{parts.netloc}" for parts in (urlsplit(each.url) for each in settings.issuers))
    return [page_route(settings.web_folder, origins)]


def build(settings: ApiSettings, clock: Clock | None = None) -> ApiProcess:
    """The API of these settings, ready for `run`. Must be called inside a running event loop."""
    return ApiProcess(settings, clock or SystemClock())
