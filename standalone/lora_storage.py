"""The Storage Integration of a network server: uplinks in a file, and the HTTP address that gives them out again."""

import asyncio
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_HEAD_MAX = 16_384
_READ_TIMEOUT_S = 10.0
_LIMIT_MAX = 10_000
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed"}


class UplinkStorage:
    """Uplinks in a file, one JSON object a line, never removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def add(self, message: dict[str, Any]) -> None:
        """Keep `message`."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(message, separators=(",", ":")) + "\n")

    def since(self, after: datetime | None, limit: int) -> list[dict[str, Any]]:
        """At most `limit` messages that were received after `after`, in the order in which they came."""
        found: list[dict[str, Any]] = []
        with self._path.open(encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n"):
                    break  # the last one is being written
                message = json.loads(line)
                if after is None or datetime.fromisoformat(message["received_at"][:26] + "+00:00") > after:
                    found.append(message)
                if len(found) == limit:
                    break
        return found


class StorageServer:
    """HTTP/1.1 in its smallest form: GET, one request a connection."""

    def __init__(self, storage: UplinkStorage, application_id: str, api_key: str | None) -> None:
        self._storage = storage
        self._path = f"/api/v3/as/applications/{application_id}/packages/storage/uplink_message"
        self._api_key = api_key

    async def serve(self, host: str, port: int, stop: asyncio.Event) -> None:
        """Answer until `stop`."""
        server = await asyncio.start_server(self._connected, host, port, limit=_HEAD_MAX)
        async with server:
            await stop.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            status, body = self.answer(head.decode("latin-1"))
            writer.write(
                f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: text/event-stream\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # a client that went away or never spoke
        finally:
            writer.close()

    def answer(self, head: str) -> tuple[int, bytes]:
        """Status and body for a request `head`."""
        request, *header_lines = head.split("\r\n")
        parts = request.split(" ")
        if len(parts) != 3:
            return 400, b""
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in header_lines)
        }
        target = urlsplit(parts[1])
        if target.path != self._path:
            return 404, b""
        if parts[0] != "GET":
            return 405, b""
        given = headers.get("authorization", "").encode()
        if self._api_key is not None and not hmac.compare_digest(given, f"Bearer {self._api_key}".encode()):
            return 401, b""
        return _guarded(lambda: self._found(parse_qs(target.query)))

    def _found(self, query: dict[str, list[str]]) -> bytes:
        after = datetime.fromisoformat(query["after"][0]) if "after" in query else None
        if after is not None and after.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        limit = min(int(query.get("limit", [str(_LIMIT_MAX)])[0]), _LIMIT_MAX)
        lines = [
            json.dumps({"result": message}, separators=(",", ":")) for message in self._storage.since(after, limit)
        ]
        return "".join(f"{line}\n" for line in lines).encode()


def _guarded(work: Callable[[], bytes]) -> tuple[int, bytes]:
    try:
        return 200, work()
    except ValueError as error:
        return 400, f"{error}\n".encode()
