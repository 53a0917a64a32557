"""An HTTP proxy before a chain node that fails as nodes and their load balancers do, by a seeded script."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from eth_utils.crypto import keccak

HANG_S = 0.3
STALE = ("eth_getTransactionReceipt", "eth_getTransactionByHash")


@dataclass
class ChaosProxy:
    """`percent` of the calls fail, shared out evenly among the kinds of faults that fit the call; 0 is an honest proxy."""

    target: str
    chance: Random
    percent: int
    faults: Counter[str] = field(default_factory=Counter)
    url: str = ""
    calls: int = 0
    _called: asyncio.Event = field(default_factory=asyncio.Event)

    async def more_calls(self, count: int, within_s: float) -> bool:
        """Wait until `count` more calls have come. False if they did not come in time."""
        wanted = self.calls + count
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.calls < wanted:
                    self._called.clear()
                    await self._called.wait()
                return True
        return False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while (request := await _request(reader)) is not None:
                answer = await self._answered(request)
                if answer is None:
                    break  # the client sees its connection end
                status, body = answer
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        writer.close()

    async def _answered(self, body: bytes) -> tuple[str, bytes] | None:
        call = json.loads(body)
        method = call["method"]
        self.calls += 1
        self._called.set()
        kind = self._fault(method)
        if kind:
            self.faults[kind] += 1
        match kind:
            case "dropped":
                return None
            case "html 500":
                return "500 Internal Server Error", b"<html><body>Bad gateway</body></html>"
            case "lied ok":
                raw = bytes.fromhex(call["params"][0][2:])
                return "200 OK", _result(call, "0x" + keccak(raw).hex())
            case "stale null":
                return "200 OK", _result(call, None)
        answer = await self._forward(body)
        if kind == "accepted then hang":
            await asyncio.sleep(HANG_S)
            return None
        return "200 OK", answer

    def _fault(self, method: str) -> str:
        if self.chance.randrange(100) >= self.percent:
            return ""
        kinds = ["dropped", "accepted then hang", "html 500"]
        kinds += ["lied ok"] if method == "eth_sendRawTransaction" else []
        kinds += ["stale null"] if method in STALE else []
        return self.chance.choice(kinds)

    async def _forward(self, body: bytes) -> bytes:
        response = await self.client.post(self.target, content=body, headers={"Content-Type": "application/json"})
        return response.content

    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=20, trust_env=False))


@asynccontextmanager
async def chaos_proxy(target: str, chance: Random, percent: int) -> AsyncIterator[ChaosProxy]:
    """A proxy on a free port until the block ends."""
    proxy = ChaosProxy(target, chance, percent)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.client.aclose()


async def _request(reader: asyncio.StreamReader) -> bytes | None:
    """The body of the next request on a connection, None at its end."""
    head = b""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    )
    return await reader.readexactly(length)


def _result(call: dict[str, Any], result: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}).encode()
