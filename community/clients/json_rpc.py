"""JSON-RPC 2.0 over HTTP as bytes: one endpoint, its connections, and a name for it that holds no secret."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from community.errors import RetryableError

Call = tuple[str, Sequence[Any]]
"""A method and its parameters."""

_ANSWER_MAX = 1 << 28
"""Bytes: the logs of some 400 000 transfers."""
_CONNECTIONS_MAX = 16


class NodeUnavailable(RetryableError):
    """The node gave no usable answer. What was asked may have happened all the same."""


def endpoint_name(url: str) -> str:
    """Host and port of `url`: what logs may show, because providers put the key into path, query or user."""
    parts = urlsplit(url)
    host = parts.hostname or url
    return f"{host}:{parts.port}" if parts.port else host


def request_body(calls: Sequence[Call]) -> bytes:
    """One request, or a batch of several; ids are the places of the calls, from 0."""
    requests = [
        {"jsonrpc": "2.0", "id": place, "method": method, "params": list(params)}
        for place, (method, params) in enumerate(calls)
    ]
    return json.dumps(requests[0] if len(requests) == 1 else requests, separators=(",", ":")).encode()


class HttpEndpoint:
    """Posts bytes and gives back bytes. Raises NodeUnavailable where nothing whole came back; retries nothing."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.url = url
        self.name = endpoint_name(url)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes, what: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """HTTP status and body of the answer to `what`, which names the question in errors. `headers` are sent beside ours."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS_MAX)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, read_bufsize=1 << 20)
        try:
            sent = {"Content-Type": "application/json", **(headers or {})}
            async with self._session.post(self.url, data=body, headers=sent, allow_redirects=False) as response:
                if (response.content_length or 0) > _ANSWER_MAX:
                    raise NodeUnavailable(
                        f"The chain node {self.name} answered {what} with more than {_ANSWER_MAX} bytes"
                    )
                return response.status, await self._whole(response, what)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NodeUnavailable(
                f"The chain node {self.name} did not answer {what}: {type(error).__name__} {error}".rstrip()
            ) from error

    async def _whole(self, response: aiohttp.ClientResponse, what: str) -> bytes:
        # not `read`: the response would keep the body, megabytes, until cycles are collected
        parts, size = [], 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > _ANSWER_MAX:
                raise NodeUnavailable(f"The chain node {self.name} answered {what} with more than {_ANSWER_MAX} bytes")
            parts.append(part)
        return b"".join(parts)

    async def close(self) -> None:
        """Return the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # the transports close in the loop's next turn
