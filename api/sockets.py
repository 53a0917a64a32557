"""graphql-transport-ws over WebSocket, server side (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md).

Ten thousands of sockets wait for the same event: what they are shown is rendered once (api.plans.streaming), a socket that
cannot take more keeps the newest frame of each of its streams, and none waits for another.
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog
from graphql import GraphQLError
from starlette.types import Message, Receive, Send
from strawberry.types.execution import PreExecutionError

from api.auth import Authenticator, NotBound, Viewer, bearer
from api.context import Context
from api.errors import SIGN_IN, TOO_COSTLY, UNAUTHENTICATED, UNAVAILABLE, Refused, shown
from api.frames import Frame, WriteFrame
from api.limits import DOCUMENT_BYTES_MAX
from api.live import Event
from api.plans.recognising import Recognised
from api.plans.streaming import Joined, Rendered, Streaming
from api.schema import Schema
from community.json_input import parse_json
from community.store.unit_of_work import StoreUnavailable

_log = structlog.get_logger()
PROTOCOL = "graphql-transport-ws"
INIT_S = 60.0
MESSAGE_MAX, MESSAGE_DEPTH_MAX = 2 * DOCUMENT_BYTES_MAX, 66
"""Characters of a message, and levels of it."""
OPERATIONS_MAX = 20
"""In flight on one socket: streams, queries and mutations together."""
INVALID, UNAUTHORIZED, FORBIDDEN, NOT_ACCEPTABLE, INIT_TIMEOUT, ID_TAKEN, INIT_TWICE = (
    4400, 4401, 4403, 4406, 4408, 4409, 4429,
)  # fmt: skip
ENDED = Refused(UNAUTHENTICATED, "The API key was revoked, or the sign-in has ended. Sign in again.")


@dataclass(frozen=True, slots=True)
class Serving:
    """What all sockets of a server share."""

    schema: Schema
    authenticator: Authenticator
    recognised: Recognised
    streaming: Streaming
    new_context: Any
    """A context without a viewer yet."""
    sockets: set["Socket"]
    """All that are open: those of a credential that ends are told."""


class _Closed(Exception):
    """The socket is to be closed with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Stream:
    """A reader of a group: its operation on a socket."""

    __slots__ = ("credential", "joined", "number", "socket")

    def __init__(self, socket: "Socket", number: str, credential: str) -> None:
        self.socket = socket
        self.number = number
        self.credential = credential
        self.joined: Joined | None = None

    def offer(self, event: Event) -> None:
        rendered: Rendered = event.value
        self.socket.put(self.number, rendered.frame(event.cursor, self.number))

    def end(self) -> None:
        self.socket.finish(self.number, ENDED)


class Socket:
    """One connection."""

    __slots__ = (
        "__weakref__",
        "_acknowledged",
        "_counter",
        "_expiry",
        "_init",
        "_operations",
        "_pending",
        "_send",
        "_serving",
        "_write_frame",
        "_writing",
        "conflated",
        "context",
        "over",
        "viewer",
    )  # fmt: skip

    def __init__(self, serving: Serving, send: Send, write_frame: WriteFrame | None = None) -> None:
        self._serving = serving
        self._send = send
        self._write_frame = write_frame
        self._pending: dict[str | int, str] = {}
        self._writing: asyncio.Task[None] | None = None
        self._operations: dict[str, _Stream | asyncio.Task[None] | None] = {}
        self._counter = itertools.count()
        self._init: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._acknowledged = False
        self.viewer: Viewer | None = None
        self.context: Context | None = None
        self.over = False
        self.conflated = 0

    # ---- out

    def put(self, number: str, frame: Frame) -> None:
        """Send the newest frame of a stream, in place of one that still waits. Never waits itself."""
        if (
            self._writing is None
            and not self.over
            and self._write_frame is not None
            and self._write_frame(frame.octets)
        ):
            return
        if number in self._pending:
            self.conflated += 1
        self._pending[number] = frame.text
        self._write()

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message that nothing replaces, after all that wait."""
        self._pending[next(self._counter)] = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        self._write()

    def _write(self) -> None:
        if self._writing is None and not self.over:
            self._writing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        pending = self._pending
        try:
            while pending and not self.over:
                key = next(iter(pending))
                await self._send({"type": "websocket.send", "text": pending.pop(key)})
        except (OSError, RuntimeError):
            self.over = True  # the other side has gone; `serve` hears of it too
        finally:
            self._writing = None

    async def close(self, code: int, reason: str) -> None:
        """Close, unless it is closed already."""
        if not self.over:
            self.over = True
            with contextlib.suppress(OSError, RuntimeError):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})

    # ---- in

    async def serve(self, receive: Receive) -> None:
        """Serve until either side closes."""
        loop = asyncio.get_running_loop()
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        self._init = loop.call_later(INIT_S, self._close_soon, INIT_TIMEOUT, "Connection initialisation timeout")
        self._serving.sockets.add(self)
        try:
            while not self.over:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    break
                await self._hear(message)
        except _Closed as closed:
            await self.close(closed.code, closed.reason)
        finally:
            self._serving.sockets.discard(self)
            await self._leave()

    async def _leave(self) -> None:
        """Give up timers, streams and running operations."""
        self.over = True
        for timer in (self._init, self._expiry):
            if timer is not None:
                timer.cancel()
        running = [each for each in self._operations.values() if isinstance(each, asyncio.Task)]
        for number in list(self._operations):
            self._stop(number)
        if self._writing is not None:
            self._writing.cancel()
            running.append(self._writing)
        for task in running:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    def _close_soon(self, code: int, reason: str) -> None:
        self._operations[f"closing {next(self._counter)}"] = asyncio.create_task(self.close(code, reason))

    async def _hear(self, message: Message) -> None:
        try:
            sent = parse_json(message.get("text") or "", size_max=MESSAGE_MAX, depth_max=MESSAGE_DEPTH_MAX)
            kind = sent["type"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise _Closed(INVALID, "A message is a JSON object with a type") from None
        match kind:
            case "ping":
                self.tell({"type": "pong"})
            case "pong":
                pass
            case "connection_init":
                await self._begin(sent.get("payload"))
            case "subscribe":
                await self._subscribe(sent)
            case "complete":
                if not isinstance(sent.get("id"), str):
                    raise _Closed(INVALID, "complete needs the id of an operation")
                self._stop(json.dumps(sent["id"]))
            case _:
                raise _Closed(INVALID, "There is no such type of message")

    async def _begin(self, payload: Any) -> None:
        """connection_init: let in whoever has a key or a token; others are closed with 4403, and so is he once it has expired."""
        if payload is not None and not isinstance(payload, dict):
            raise _Closed(INVALID, "Invalid connection init payload")
        if self._acknowledged:
            raise _Closed(INIT_TWICE, "Too many initialisation requests")
        if self._init is not None:
            self._init.cancel()
        credential = bearer((payload or {}).get("authorization"))
        try:
            viewer = None
            if credential is not None:
                viewer = await self._serving.recognised.viewer_of(credential, guarded=False)
            if viewer is None:
                raise _Closed(FORBIDDEN, "Forbidden")
        except NotBound:
            raise _Closed(FORBIDDEN, "Forbidden") from None
        except StoreUnavailable:
            raise _Closed(1013, "The books cannot be read at this moment") from None
        self.viewer = viewer
        self.context = self._serving.new_context()
        self.context.viewer = viewer
        seconds = self.context.credential_ends_in_s()
        if seconds is not None:
            loop, reason = asyncio.get_running_loop(), "Your sign-in has expired. Sign in again."
            self._expiry = loop.call_later(max(0.0, seconds), self._close_soon, FORBIDDEN, reason)
        self._acknowledged = True
        self.tell({"type": "connection_ack"})

    # ---- operations

    async def _subscribe(self, sent: dict[str, Any]) -> None:
        if not self._acknowledged:
            raise _Closed(UNAUTHORIZED, "Unauthorized")
        number, payload = sent.get("id"), sent.get("payload")
        if not isinstance(number, str) or not number or not isinstance(payload, dict):
            raise _Closed(INVALID, "subscribe needs an id and a payload with a query")
        query, variables, name = payload.get("query"), payload.get("variables"), payload.get("operationName")
        if not isinstance(query, str) or not isinstance(variables, dict | None) or not isinstance(name, str | None):
            raise _Closed(INVALID, "The payload of subscribe has a query, variables and an operationName")
        key = json.dumps(number)
        if key in self._operations:
            raise _Closed(ID_TAKEN, f"Subscriber for {number} already exists"[:120])
        if len(self._operations) >= OPERATIONS_MAX:
            self._refuse(key, Refused(TOO_COSTLY, f"At most {OPERATIONS_MAX} operations run on one connection."))
            return
        if self.viewer is None:
            self._refuse(key, Refused(UNAUTHENTICATED, SIGN_IN))
            return
        self._operations[key] = asyncio.create_task(self._run(key, query, variables, name))

    async def _run(self, key: str, query: str, variables: dict[str, Any] | None, name: str | None) -> None:
        viewer = self.viewer
        if viewer is None or self.context is None:
            return
        try:
            stream = _Stream(self, key, viewer.credential)
            context = self._serving.new_context()
            stream.joined = await self._serving.streaming.open(query, name, variables, viewer, context, stream)
            if stream.joined is not None:
                if key in self._operations:
                    self._operations[key] = stream
                else:
                    stream.joined.leave()  # it was completed meanwhile
                return
            source = await self._serving.schema.stream(
                query, variable_values=variables, context_value=self.context, operation_name=name
            )
            async with aclosing(source):
                await self._relay(key, source)
        except asyncio.CancelledError:
            raise
        except StoreUnavailable:
            self.finish(key, Refused(UNAVAILABLE, "The books cannot be read at this moment. Try again soon."))
        except Exception as error:  # noqa: BLE001  one operation must not close the connection
            self.finish(key, shown(GraphQLError("", original_error=error)))

    async def _relay(self, key: str, source: AsyncGenerator[Any, None]) -> None:
        """Pass on what the standard way says."""
        number = json.loads(key)
        async for result in source:
            errors = [error.formatted for error in result.errors or ()]
            if isinstance(result, PreExecutionError):
                self._refuse(key, *[shown(error) for error in result.errors or ()][:1])
                return
            payload = {"data": result.data} | ({"errors": errors} if errors else {})
            self.tell({"id": number, "type": "next", "payload": payload})
            while len(self._pending) > OPERATIONS_MAX and self._writing is not None:
                await asyncio.shield(self._writing)  # a reader that is stuck holds up only itself
        if self._operations.pop(key, None) is not None:
            self.tell({"id": number, "type": "complete"})

    def _refuse(self, key: str, *errors: GraphQLError) -> None:
        """End an operation before it began."""
        self._operations.pop(key, None)
        self.tell({"id": json.loads(key), "type": "error", "payload": [error.formatted for error in errors]})

    def finish(self, key: str, error: GraphQLError) -> None:
        """End an operation with an error, after what it has shown."""
        self._stop(key, cancel=False)
        number = json.loads(key)
        self.tell({"id": number, "type": "next", "payload": {"data": None, "errors": [error.formatted]}})
        self.tell({"id": number, "type": "complete"})

    def _stop(self, key: str, *, cancel: bool = True) -> None:
        operation = self._operations.pop(key, None)
        if isinstance(operation, _Stream):
            self._pending.pop(key, None)
            if operation.joined is not None:
                operation.joined.leave()
        elif operation is not None and cancel:
            operation.cancel()

    def credential_ended(self) -> None:
        """The credential is good no more: streams are ended by the hub, new operations are refused."""
        self.viewer = None


async def refuse_protocol(send: Send) -> None:
    """Close a socket that speaks another protocol."""
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": NOT_ACCEPTABLE, "reason": "Subprotocol not acceptable"})
