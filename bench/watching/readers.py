"""WebSockets in a process of their own that do nothing but note when they hear: the load must not be what is measured.

One loop over epoll; a protocol object and a task for each socket would take longer than the server takes.
"""

import base64
import json
import multiprocessing
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

AT_ONCE = 200
PATIENCE_S = 120.0
_NEXT = b'"type":"next"'
_TEXT, _PING, _PONG = 0x1, 0x9, 0xA


@dataclass(slots=True)
class _Reader:
    """One WebSocket: what it asks for, how many events it heard of, and when it heard of the last one."""

    socket: socket.socket
    queries: Sequence[str]
    events: int = 0
    at_s: float = 0.0
    rest: bytes = b""
    """Of a frame that has not come whole yet."""


@dataclass(slots=True)
class _Loop:
    """All sockets of the process, and the pipe to the bench."""

    port: int
    key: str
    pipe: Connection
    poll: select.epoll = field(default_factory=select.epoll)
    readers: dict[int, _Reader] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)
    watching: list[_Reader] = field(default_factory=list)
    witness: list[_Reader] = field(default_factory=list)

    def turn(self, wait_s: float) -> None:
        """Hear whatever came."""
        for number, _ in self.poll.poll(wait_s, AT_ONCE):
            reader = self.readers.get(number)
            if reader is None:
                self.asked.append(self.pipe.recv())
            else:
                self._read(reader)

    def until(self, condition: Callable[[], bool]) -> None:
        """Turn until the condition holds. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the server does not answer its readers")
            self.turn(0.05)

    def heard(self, readers: Sequence[_Reader], events: int) -> None:
        """Turn until each of these has heard of so many events."""
        missing = list(reversed(readers))

        def done() -> bool:
            while missing and missing[-1].events >= events:
                missing.pop()
            return not missing

        self.until(done)

    def connect(self, count: int, queries: Sequence[str], receive_bytes: int | None = None) -> list[_Reader]:
        """So many more sockets, each with a stream for each query, from which it has its first event."""
        found: list[_Reader] = []
        while len(found) < count:
            some = [self._open(queries, receive_bytes) for _ in range(min(AT_ONCE, count - len(found)))]
            self.heard(some, len(queries))
            found += some
        return found

    def _open(self, queries: Sequence[str], receive_bytes: int | None) -> _Reader:
        opened = socket.socket()
        if receive_bytes is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        opened.connect(("127.0.0.1", self.port))
        words = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET /graphql HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {words}\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        opened.sendall(head.encode())
        opened.setblocking(False)
        reader = self.readers[opened.fileno()] = _Reader(opened, queries)
        self.poll.register(opened, select.EPOLLIN)
        return reader

    def _read(self, reader: _Reader) -> None:
        data = reader.rest + reader.socket.recv(1 << 18)
        if len(data) == len(reader.rest):
            raise ConnectionError("the server closed a reader's connection")
        if data.startswith(b"HTTP/1.1 101"):
            _, _, data = data.partition(b"\r\n\r\n")
            begin = json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {self.key}"}})
            reader.socket.sendall(_frame(_TEXT, begin.encode()))
        reader.rest = b""
        while data:
            start, end = _bounds(data)
            if end > len(data):
                reader.rest = data
                return
            self._hear(reader, data[0] & 0xF, data[start:end])
            data = data[end:]

    def _hear(self, reader: _Reader, kind: int, payload: bytes) -> None:
        if kind == _TEXT and _NEXT in payload:
            reader.at_s = time.monotonic()
            reader.events += 1
        elif kind == _TEXT and b"connection_ack" in payload:
            for number, query in enumerate(reader.queries):
                asked = json.dumps({"id": str(number), "type": "subscribe", "payload": {"query": query}})
                reader.socket.sendall(_frame(_TEXT, asked.encode()))
        elif kind == _PING:
            reader.socket.sendall(_frame(_PONG, payload))
        else:
            raise ConnectionError(f"the server says {payload!r}")


def _bounds(data: bytes) -> tuple[int, int]:
    """Where the payload of the first frame begins and ends, as far as can be seen yet."""
    size = data[1] if len(data) > 1 else 0
    if size < 126:
        return 2, 2 + size
    start, layout = (4, ">H") if size == 126 else (10, ">Q")
    if len(data) < start:
        return start, start
    return start, start + int(struct.unpack(layout, data[2:start])[0])


def _frame(kind: int, payload: bytes) -> bytes:
    """A masked frame; the mask is zero."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    return bytes([0x80 | kind]) + length + b"\0\0\0\0" + payload


def _serve(port: int, key: str, query: str, heavy: str, streams: int, pipe: Connection) -> None:
    """Carry out what the bench asks: its answer goes back through the pipe."""
    loop = _Loop(port, key, pipe)
    loop.poll.register(pipe.fileno(), select.EPOLLIN)
    while True:
        while not loop.asked:
            loop.turn(5)
        what, number = loop.asked.pop(0)
        answer: Any = None
        match what:
            case "connect":
                loop.watching += loop.connect(number, [query])
            case "stick":
                (stuck,) = loop.connect(1, [heavy] * streams, receive_bytes=4096)
                loop.poll.unregister(stuck.socket)
                loop.witness = loop.connect(1, [heavy])
            case "witness":
                loop.heard(loop.witness, number + 1)
            case "hear":
                loop.heard(loop.watching, number)
                answer = sorted(reader.at_s for reader in loop.watching)
            case _:
                raise ValueError(f"the readers know no {what}")
        pipe.send(answer)


class Readers:
    """The readers' process, asked from the bench. Each method waits until it is done."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def _ask(self, what: str, number: int = 0) -> Any:
        self._pipe.send((what, number))
        if not self._pipe.poll(2 * PATIENCE_S):
            raise TimeoutError(f"the readers do not {what}")
        return self._pipe.recv()

    def connect(self, count: int) -> None:
        """So many more readers, each with its first event."""
        self._ask("connect", count)

    def stick(self) -> None:
        """One more that has many heavy streams and never reads again, and a witness of the same stream who does."""
        self._ask("stick")

    def witness(self, events: int) -> None:
        """Wait until the witness has heard of more than so many events."""
        self._ask("witness", events)

    def heard(self, events: int) -> list[float]:
        """When each heard of his newest event by the monotonic clock, sorted, once all have so many."""
        found: list[float] = self._ask("hear", events)
        return found


@contextmanager
def readers(port: int, key: str, query: str, heavy: str, streams: int) -> Iterator[Readers]:
    """The process of readers of the API on this port. `heavy` is the stream of the one that sticks."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(port, key, query, heavy, streams, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Readers(ours)
    finally:
        process.terminate()
        process.join(10)
