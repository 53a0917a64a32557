"""Frames made once and written to many: uvicorn's WebSocket with a way past ASGI's messages.

For each message ASGI makes a task, a dict, a frame and a copy of the payload. Ten thousand sockets that are shown the same get
the same bytes instead, written in the turn of the loop in which they were made.
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "websocket.frames"
WriteFrame: TypeAlias = Callable[[bytes], bool]
"""Writes a whole frame; False where the socket does not take it now: wait for it in ASGI's way."""


class Frame(NamedTuple):
    """A message as text, and as the frame in which a server sends it (RFC 6455, 5.2: final, unmasked)."""

    text: str
    octets: bytes


def frame_of(text: str) -> Frame:
    """The message in its frame."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        head = bytes((0x81, size))
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x81, 126, size)
    else:
        head = struct.pack(">BBQ", 0x81, 127, size)
    return Frame(text, head + payload)


class FrameSocket(WebSocketsSansIOProtocol):
    """One connection. The scope's extension `websocket.frames` has its `write_frame`."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self.write_frame

    def write_frame(self, frame: bytes) -> bool:
        """Write the frame, unless the socket is stuck, closing, or compresses what it sends."""
        if (
            not self.writable.is_set()
            or not self.handshake_complete
            or self.close_sent
            or self.conn.extensions
            or self.transport.is_closing()
        ):
            return False
        self.transport.write(frame)
        return True


def taken_from(scope: Any) -> WriteFrame | None:
    """The way to write frames, taken out of the scope so that it holds nothing; None where the server has none."""
    found: WriteFrame | None = scope.get("extensions", {}).pop(EXTENSION, None)
    return found
