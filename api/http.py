"""GraphQL over HTTP, server-sent events and WebSocket at one address, each with its viewer."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from cross_web import HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL

from api.auth import EVERYBODY, Authenticator, NotBound, bearer
from api.console_page import PATH as CONSOLE
from api.context import Context, Options
from api.errors import BAD_REQUEST, FORBIDDEN, SIGN_IN, TOO_COSTLY, UNAUTHENTICATED, shown
from api.limits import DOCUMENT_BYTES_MAX
from api.live import Hub
from api.plans.answering import Answering
from api.plans.recognising import Recognised
from api.schema import Schema
from community.clock import Clock
from community.store.unit_of_work import Store, StoreUnavailable

RESPONSE_TYPE = "application/graphql-response+json"
STREAMS_PER_CONNECTION = 20
FORBIDDEN_CLOSE = 4403
"""Of graphql-transport-ws: the server refuses the client."""


def error_response(status: int, code: str, sentence: str) -> Response:
    """A request that got no GraphQL answer."""
    body = json.dumps({"errors": [{"message": sentence, "extensions": {"code": code}}]})
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return Response(body, status, headers, media_type="application/json")


class _Sent(msgspec.Struct):
    """A request as GraphQL over HTTP has it; what else it brings is for the standard way."""

    query: str = ""
    operationName: str | None = None  # noqa: N815  its name in the protocol
    variables: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(_Sent)


class _Negotiated(Response):
    """Carries the media type that the client accepts to where the answer is made."""

    answer_type = "application/json"


class GraphQLEndpoint(GraphQL[Context, None]):
    """The endpoint. Without a valid API key or access token only what everybody may see is answered."""

    def __init__(
        self,
        schema: Schema,
        store: Store,
        clock: Clock,
        hub: Hub,
        options: Options,
        *,
        authenticator: Authenticator,
        answering: Answering,
        allowed_origins: Sequence[str] = (),
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            allow_queries_via_get=False,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            multipart_uploads_enabled=False,
            max_subscriptions_per_connection=STREAMS_PER_CONNECTION,
            allowed_origins=allowed_origins,
        )
        self._store, self._clock, self._hub, self._options = store, clock, hub, options
        self._authenticator = authenticator
        self._answering = answering
        self._recognised = Recognised(authenticator, clock)
        self._closing: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except StoreUnavailable:
            response = error_response(503, "UNAVAILABLE", "The books cannot be read at this moment. Try again soon.")
        except NotBound as unbound:
            response = error_response(403, FORBIDDEN, str(unbound))
        except HTTPException as error:
            response = error_response(error.status_code, BAD_REQUEST, error.reason)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method == "GET" and self._options.development and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(CONSOLE)
        if request.method != "POST":
            refused = error_response(405, BAD_REQUEST, "Send GraphQL operations by POST.")
            refused.headers["Allow"] = "POST"
            return refused
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return error_response(415, BAD_REQUEST, "Send the operation as application/json.")
        if len(await _body(request)) > DOCUMENT_BYTES_MAX:
            return error_response(413, TOO_COSTLY, f"An operation may have at most {DOCUMENT_BYTES_MAX} bytes.")
        if (quick := await self._planned(request)) is not None:
            return quick
        context = await self.get_context(request, Response())
        if context.viewer is None:
            return error_response(401, UNAUTHENTICATED, SIGN_IN)
        return await self.run(request, context=context)

    async def _planned(self, request: Request) -> Response | None:
        """The answer of an operation that has a plan; None for everything else, also for what is to be refused."""
        accepted = request.headers.get("accept", "")
        credential = bearer(request.headers.get("authorization"))
        if credential is None or "text/event-stream" in accepted:
            return None
        try:
            sent = _DECODER.decode(await request.body())
        except msgspec.DecodeError:
            return None
        viewer = await self._recognised.viewer_of(credential)
        if viewer is None or not sent.query:
            return None
        context = Context(self._store, self._clock, self._hub, self._options, self._authenticator)
        data = await self._answering.answer(sent.query, sent.operationName, sent.variables, viewer, context)
        if data is None:
            self._recognised.forget(credential)
            return None
        kind = RESPONSE_TYPE if RESPONSE_TYPE in accepted else "application/json"
        return Response(b'{"data":' + data + b"}", media_type=f"{kind}; charset=utf-8")

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        """A context with the viewer of the Authorization header; a WebSocket's viewer comes with connection_init."""
        context = Context(self._store, self._clock, self._hub, self._options, self._authenticator)
        if isinstance(request, Request):
            header = request.headers.get("authorization")
            context.viewer = EVERYBODY if header is None else await self._authenticator.viewer_of(bearer(header))
        else:
            context.socket = request
        return context

    async def on_ws_connect(self, context: Context) -> dict[str, object] | None:
        """Let in whoever has a key or a token; others are closed with 4403, and so is he once his token has expired."""
        given = (context.connection_params or {}).get("authorization")
        try:
            context.viewer = await self._authenticator.viewer_of(bearer(given))
        except NotBound as unbound:
            raise ConnectionRejectionError({"sentence": str(unbound)}) from unbound
        if context.viewer is None:
            raise ConnectionRejectionError
        seconds = context.credential_ends_in_s()
        if seconds is not None and context.socket is not None:
            self._close_in(context.socket, seconds)
        return None

    def _close_in(self, socket: WebSocket, seconds: float) -> None:
        def close() -> None:
            closing = asyncio.create_task(_close(socket))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

        asyncio.get_running_loop().call_later(max(0.0, seconds), close)

    def parse_json(self, data: str | bytes) -> Any:
        """One operation; several in one request are not taken."""
        parsed = super().parse_json(data)
        if not isinstance(parsed, dict):
            raise HTTPException(400, "Send one operation as a JSON object with the member query.")
        return parsed

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        response = _Negotiated()
        del response.headers["content-length"]
        if RESPONSE_TYPE in request.headers.get("accept", ""):
            response.answer_type = RESPONSE_TYPE
        return response

    async def process_result(self, request: Request, result: Any) -> GraphQLHTTPResponse:  # noqa: ARG002
        """One short error where there is no data: the first says what to do."""
        errors: list[GraphQLError] = [shown(error) for error in result.errors or ()]
        if result.data is None:
            return {"data": None, "errors": [error.formatted for error in errors[:1]]} if errors else {"data": None}
        answer: GraphQLHTTPResponse = {"data": result.data}
        if errors:
            answer["errors"] = [error.formatted for error in errors]
        return answer

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        answer: Any = response_data
        kind = sub_response.answer_type if isinstance(sub_response, _Negotiated) else "application/json"
        status = 200
        if isinstance(answer, dict) and answer.get("data") is None and "path" not in (answer.get("errors") or [{}])[0]:
            # Nothing was executed: by the GraphQL over HTTP draft an answer without `data`.
            answer = {"errors": answer.get("errors", [])}
            if (answer["errors"] or [{}])[0].get("extensions", {}).get("code") == UNAUTHENTICATED:
                return error_response(401, UNAUTHENTICATED, SIGN_IN)
            status = 400 if kind == RESPONSE_TYPE else 200
        return Response(self.encode_json(answer), status, media_type=f"{kind}; charset=utf-8")


async def _close(socket: WebSocket) -> None:
    """Close a socket whose viewer's time is over, unless it is closed already."""
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        if socket.application_state is WebSocketState.CONNECTED:
            await socket.close(FORBIDDEN_CLOSE, "Your sign-in has expired. Sign in again.")


async def _body(request: Request) -> bytes:
    """The body, read no further than just beyond the limit."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > DOCUMENT_BYTES_MAX:
        return b" " * (DOCUMENT_BYTES_MAX + 1)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > DOCUMENT_BYTES_MAX:
            break
    body = b"".join(chunks)
    request._body = body
    return body
