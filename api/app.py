"""The API process: one object graph from its settings."""

import asyncio
import contextlib
import gc
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from api.access_tokens import TokenVerifier
from api.asked import Asked
from api.auth import Authenticator
from api.commands import first_operator_key
from api.condition import ApiCondition, Counting
from api.context import Context, Options
from api.evidence import DOWNLOADS_MAX, Evidence
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
from community.runtime.probes import probes
from community.runtime.system_clock import SystemClock
from community.store.column_key_file import load_column_keys
from community.store.plans.running import runner_for
from community.store.schema import require_current_schema
from community.store.unit_of_work import Store
from community.store.views import chain

_log = structlog.get_logger()
GRAPHQL_PATH = "/graphql"
SHUTDOWN_S = 3


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
        self.asgi = Counting(
            Starlette(
                routes=[
                    Route("/healthz", self._healthz, methods=["GET"]),
                    Route(GRAPHQL_PATH, endpoint),
                    WebSocketRoute(GRAPHQL_PATH, endpoint),
                    *evidence.routes(),
                    config_route(_public_config(settings)),
                    *(graphiql_routes(settings.graphiql_folder) if settings.development else ()),
                    *_web_routes(settings),
                ]
            ),
            self.condition,
        )
        self.started = asyncio.Event()
        self.port = settings.port

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
        config = uvicorn.Config(
            self.asgi,
            host=self.settings.host,
            port=self.settings.port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws_max_size=2 * DOCUMENT_BYTES_MAX,
            ws_per_message_deflate=False,  # 26 to 64 KB per connection for answers that are small
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        server = _Server(config)
        try:
            async with self._following(), probes("api", self.condition, self.settings.probes):
                await self._serve(server, stop)
        finally:
            await self._http.aclose()
            await self.runner.close()
            await self.store.close()

    async def _serve(self, server: "_Server", stop: asyncio.Event) -> None:
        # Bound here: uvicorn would end the whole process where the port is taken.
        serving = asyncio.create_task(server.serve(sockets=[self._listen()]))
        stopping = asyncio.create_task(stop.wait())
        try:
            # uvicorn tells that it has started by an attribute only
            while not server.started and not serving.done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            gc.collect()
            gc.freeze()  # what is built at start stays: the collector need not look at it again
            _log.info("api_listening", url=f"http://{self.settings.host}:{self.port}/")
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
            listening = socket.create_server((self.settings.host, self.settings.port), backlog=1024)
        except OSError as error:
            where = f"{self.settings.host}:{self.settings.port}"
            raise FatalError(
                f"The API cannot listen on {where} ({error.strerror or error}). Free the port, or set API_PORT to another."
            ) from error
        self.port = listening.getsockname()[1]
        return listening


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


class _Server(uvicorn.Server):
    """Signals are the process's business, not the server's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def build(settings: ApiSettings, clock: Clock | None = None) -> ApiProcess:
    """The API of these settings, ready for `run`. Must be called inside a running event loop."""
    return ApiProcess(settings, clock or SystemClock())
