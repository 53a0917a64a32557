"""GraphQL over HTTP, server-sent events and WebSocket at one address, each with its viewer."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from cross_web import HTTPException
from graphql import GraphQLError, OperationType, get_operation_ast, parse
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL

from api.auth import EVERYBODY, Authenticator, NotBound, Viewer, bearer
from api.context import Context
from api.errors import BAD_REQUEST, FORBIDDEN, SIGN_IN, TOO_COSTLY, UNAUTHENTICATED, shown
from api.events import EventStream
from api.frames import taken_from
from api.graphiql_page import PATH as GRAPHIQL
from api.limits import DOCUMENT_BYTES_MAX, TOKENS_MAX
from api.plans.answering import Answering
from api.plans.recognising import Recognised
from api.plans.streaming import Streaming
from api.schema import Schema
from api.sockets import PROTOCOL, Serving, Socket, refuse_protocol
from community.json_input import parse_json
from community.store.unit_of_work import StoreUnavailable

RESPONSE_TYPE = "application/graphql-response+json"
JSON_DEPTH_MAX = 64
"""Levels of a request, the variables' among them."""
BRACKETS_MAX = 500
"""Of a request that is decoded at once, its text's among them."""
SUBSCRIBE_HOW = (
    "A subscription is answered as a stream: send it with Accept: text/event-stream, or over a WebSocket "
    "(graphql-transport-ws)."
)
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
    extensions: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(_Sent)


def _sent(body: bytes) -> _Sent | None:
    """The request; None where it is none, or so deep that it is read with care (community.json_input)."""
    if body.count(b"[") + body.count(b"{") > BRACKETS_MAX:
        return None
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


class _Negotiated(Response):
    """Carries the media type that the client accepts to where the answer is made."""

    answer_type = "application/json"


class GraphQLEndpoint(GraphQL[Context, None]):
    """The endpoint. Without a valid API key or access token only what everybody may see is answered."""

    def __init__(
        self,
        schema: Schema,
        new_context: Callable[[], Context],
        *,
        authenticator: Authenticator,
        answering: Answering,
        streaming: Streaming,
        development: bool = False,
        allowed_origins: Sequence[str] = (),
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            allow_queries_via_get=False,
            subscription_protocols=(GRAPHQL_SSE_PROTOCOL,),
            multipart_uploads_enabled=False,
        )
        self._new_context = new_context
        self._development = development
        self._authenticator = authenticator
        self._answering = answering
        self._streaming = streaming
        self._recognised = Recognised(authenticator)
        self._origins = frozenset(allowed_origins)
        self._serving = Serving(schema, authenticator, self._recognised, streaming, new_context, set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._serve_socket(scope, receive, send)
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

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        headers = Headers(scope=scope)
        if not self._may_connect(headers):
            await send({"type": "websocket.close", "code": FORBIDDEN_CLOSE})
        elif PROTOCOL not in scope["subprotocols"]:
            await refuse_protocol(send)
        else:
            await Socket(self._serving, send, taken_from(scope)).serve(receive)

    def _may_connect(self, headers: Headers) -> bool:
        """A browser says where a page comes from: from here, or from an origin of the settings."""
        origin = headers.get("origin")
        return origin is None or origin in self._origins or origin.split("://")[-1] == headers.get("host")

    def credentials_ended(self, credentials: set[str]) -> None:
        """Believe these no longer; whoever is connected with one of them may begin nothing more."""
        self._recognised.ended(credentials)
        for socket in self._serving.sockets:
            if socket.viewer is not None and socket.viewer.credential in credentials:
                socket.credential_ended()

    async def _answer(self, request: Request) -> Response:
        if request.method == "GET" and self._development and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(GRAPHIQL)
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
        if "text/event-stream" not in request.headers.get("accept", "") and _subscribes(await request.body()):
            return error_response(400, BAD_REQUEST, SUBSCRIBE_HOW)
        return await self.run(request, context=context)

    async def _planned(self, request: Request) -> Response | None:
        """The answer of an operation that has a plan; None for everything else, also for what is to be refused."""
        credential = bearer(request.headers.get("authorization"))
        if credential is None:
            return None
        sent = _sent(await request.body())
        if sent is None:
            return None
        accepted = request.headers.get("accept", "")
        streams = "text/event-stream" in accepted
        viewer = await self._recognised.viewer_of(credential, guarded=not streams)
        if viewer is None or not sent.query:
            return None
        if streams:
            return await self._streamed(sent, viewer)
        data = await self._answering.answer(sent.query, sent.operationName, sent.variables, viewer, self._new_context())
        if data is None:
            self._recognised.forget(credential)
            return None
        kind = RESPONSE_TYPE if RESPONSE_TYPE in accepted else "application/json"
        return Response(b'{"data":' + data + b"}", media_type=f"{kind}; charset=utf-8")

    async def _streamed(self, sent: _Sent, viewer: Viewer) -> Response | None:
        context = self._new_context()
        context.viewer = viewer
        stream = EventStream(viewer.credential, context.credential_ends_in_s())
        stream.joined = await self._streaming.open(
            sent.query, sent.operationName, sent.variables, viewer, context, stream
        )
        return None if stream.joined is None else stream

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        """A context with the viewer of the Authorization header."""
        context = self._new_context()
        header = request.headers.get("authorization")
        context.viewer = EVERYBODY if header is None else await self._authenticator.viewer_of(bearer(header))
        return context

    def parse_json(self, data: str | bytes) -> Any:
        """One operation; several in one request are not taken."""
        try:
            parsed = parse_json(data, size_max=DOCUMENT_BYTES_MAX, depth_max=JSON_DEPTH_MAX)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise HTTPException(400, "Send one operation as a JSON object with the member query.")
        if not isinstance(parsed.get("extensions"), dict | None):
            raise HTTPException(400, "The member extensions is an object, where it is sent at all.")
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


def _subscribes(body: bytes) -> bool:
    """Whether the request asks for a subscription; of what cannot be read the standard way says what is wrong."""
    if b"subscription" not in body:
        return False
    sent = _sent(body)
    if sent is None:
        return False
    try:
        asked = get_operation_ast(parse(sent.query, max_tokens=TOKENS_MAX), sent.operationName)
    except GraphQLError:
        return False
    return asked is not None and asked.operation is OperationType.SUBSCRIPTION


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
