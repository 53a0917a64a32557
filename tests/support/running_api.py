"""The API served over a real socket inside the test, with small clients for HTTP, WebSocket and server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import websockets

from api.app import ApiProcess, build
from api.issuers import Issuer
from api.settings import ApiSettings
from community.clock import Clock

WEB = Path(__file__).parents[2] / "frontend" / "dist"
GRAPHIQL = Path(__file__).parents[2] / "frontend" / "dist-graphiql"
JSON_RESPONSE = "application/graphql-response+json"


@asynccontextmanager
async def serving(
    url: str,
    *,
    development: bool = False,
    clock: Clock | None = None,
    port: int = 0,
    issuers: tuple[Issuer, ...] = (),
    web: bool = False,
    session_key: Path | None = None,
    token: str | None = None,
    graphiql: bool = False,
    column_key: Path | None = None,
) -> AsyncIterator[ApiProcess]:
    """The API of the store at `url` on a free port; with `web` it serves the built web application, too."""
    settings = ApiSettings(
        database_url=url,
        port=port,
        development=development,
        outbox_poll_ms=50,
        issuers=issuers,
        column_key_file=column_key,
        web_folder=WEB if web else None,
        token=token,
        graphiql_folder=GRAPHIQL if graphiql else None,
        community="Sonnengasse energy community",
        explorer="https://explorer.example.org",
    )
    if session_key is not None:
        settings = replace(settings, site_url="http://localhost:8080", session_key_file=session_key)
    app = build(settings, clock)
    stop = asyncio.Event()
    running = asyncio.create_task(app.run(stop))
    ready = asyncio.create_task(app.started.wait())
    try:
        await asyncio.wait({running, ready}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        assert app.started.is_set()
        yield app
    finally:
        ready.cancel()
        stop.set()
        await asyncio.wait_for(running, 20)


def address(app: ApiProcess) -> str:
    return f"http://127.0.0.1:{app.port}"


async def post(app: ApiProcess, query: str, key: str | None = None, /, **variables: Any) -> httpx.Response:
    """One operation by POST."""
    headers = {"Accept": JSON_RESPONSE, "Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        body = json.dumps({"query": query, "variables": variables})
        return await client.post(f"{address(app)}/graphql", content=body, headers=headers)


async def ask(app: ApiProcess, query: str, key: str | None, /, **variables: Any) -> Any:
    """The data of an operation that must succeed."""
    response = await post(app, query, key, **variables)
    body = response.json()
    assert "errors" not in body, body
    return body["data"]


async def code_of(app: ApiProcess, query: str, key: str | None, /, **variables: Any) -> str:
    """The code of the one error that the operation must end in."""
    body = (await post(app, query, key, **variables)).json()
    assert len(body["errors"]) == 1, body
    code: str = body["errors"][0]["extensions"]["code"]
    return code


@asynccontextmanager
async def socket(app: ApiProcess, key: str | None) -> AsyncIterator[websockets.ClientConnection]:
    """A graphql-transport-ws connection after connection_init."""
    url = f"ws://127.0.0.1:{app.port}/graphql"
    protocol = [websockets.Subprotocol("graphql-transport-ws")]
    async with websockets.connect(url, subprotocols=protocol, proxy=None) as connection:
        payload = {"authorization": f"Bearer {key}"} if key else {}
        await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
        yield connection


async def message(connection: websockets.ClientConnection) -> dict[str, Any]:
    """The next message that is no ping."""
    while True:
        found: dict[str, Any] = json.loads(await asyncio.wait_for(connection.recv(), 10))
        if found["type"] not in ("ping", "pong"):
            return found


async def subscribe(connection: websockets.ClientConnection, query: str, number: str = "1", **variables: Any) -> None:
    payload = {"query": query, "variables": variables}
    await connection.send(json.dumps({"id": number, "type": "subscribe", "payload": payload}))
