"""Real nginx with deploy/nginx in front of the real API: TLS, the page, POST, WebSocket, server-sent events, what is refused."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import websockets
from aiohttp import web

from community.store.unit_of_work import Store
from tests.support.brokers import free_port
from tests.support.ports import accepting
from tests.support.running_api import message, serving, subscribe
from tests.support.seeded_chain import settle_more
from tests.support.seeded_community import make_key, seed
from tests.support.stores import new_sqlite_url, opened
from tools.deployment import make_everything
from tools.stack.nginx import Places, command, write_configuration

NOW = datetime(2026, 6, 15, 14, tzinfo=UTC)
BALANCES = "subscription { balances { cursor } }"
DEADLINE_S = 20


@asynccontextmanager
async def other_servers() -> AsyncIterator[int]:
    """In the place of ingest's webhooks and of Keycloak: says what reached it."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"path": request.path, "headers": dict(request.headers)})

    app = web.Application()
    app.add_routes([web.route("*", "/{tail:.*}", answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


@dataclass(slots=True)
class Front:
    """nginx in front of the API."""

    port: int
    context: ssl.SSLContext
    key: str
    log: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, verify=self.context, trust_env=False, timeout=DEADLINE_S)


@asynccontextmanager
async def front(folder: Path, store: Store, url: str) -> AsyncIterator[Front]:
    make_everything(folder, "localhost", datetime.now(UTC))
    secrets, page = folder / "deploy" / "secrets", folder / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<title>the page</title>")
    (page / "assets" / "main-1f3c.js").write_text("export {};")
    key = await make_key(store, "operator")
    async with serving(url) as app, other_servers() as other:
        places = Places(
            free_port(), secrets / "web_certificate", secrets / "web_key", page,
            f"127.0.0.1:{app.port}", f"127.0.0.1:{other}", f"127.0.0.1:{other}",
        )  # fmt: skip
        main = write_configuration(folder / "nginx", places)
        tested = await asyncio.to_thread(
            subprocess.run, command(main, test=True), capture_output=True, text=True, check=False
        )
        assert tested.returncode == 0, tested.stderr
        log = folder / "nginx.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(*command(main), stdout=output, stderr=output)
        try:
            await accepting(places.port)
            context = ssl.create_default_context(cafile=str(secrets / "broker" / "ca.pem"))
            yield Front(places.port, context, key, log)
        finally:
            process.terminate()
            await process.wait()


async def test_the_public_reaches_everything_through_nginx(tmp_path: Path) -> None:
    url = await new_sqlite_url(tmp_path)
    async with opened(url) as store:
        seeded = await seed(store, NOW, days=1)
        async with front(tmp_path, store, url) as there:
            await _page_and_headers(there)
            await _operations(there)
            await _pushed_by_websocket_and_events(there, store, seeded)
            await _other_servers_and_refusals(there)
            log = there.log.read_text()
    assert there.key not in log, "a credential stands in the log"
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {line["path"] for line in lines} >= {"/graphql", "/index.html", "/webhooks/chirpstack"}
    assert not [line for line in log.splitlines() if "[emerg]" in line or "[alert]" in line], log


async def _page_and_headers(there: Front) -> None:
    async with there.client() as client:
        for address in ("/", "/member/balance", "/index.html"):
            answer = await client.get(address)
            assert (answer.status_code, answer.text) == (200, "<title>the page</title>"), address
            assert answer.headers["cache-control"] == "no-cache"
            assert "script-src 'self';" in answer.headers["content-security-policy"]
            assert answer.headers["strict-transport-security"] and answer.headers["x-content-type-options"] == "nosniff"
        asset = await client.get("/assets/main-1f3c.js")
        assert "immutable" in asset.headers["cache-control"]
        assert asset.headers["content-type"].startswith(("application/javascript", "text/javascript"))
        assert (await client.get("/healthz")).json() == {"ok": True}


async def _operations(there: Front) -> None:
    async with there.client() as client:
        body = {"query": "{ viewer { role } }"}
        answer = await client.post("/graphql", json=body, headers={"Authorization": f"Bearer {there.key}"})
        assert answer.json()["data"]["viewer"]["role"] == "operator", answer.text
        assert (await client.post("/graphql", json=body)).status_code == 401
        too_long = await client.post("/graphql", content=b"x" * 300_000, headers={"Content-Type": "application/json"})
        assert too_long.status_code == 413


async def _pushed_by_websocket_and_events(there: Front, store: Store, seeded: object) -> None:
    """What is pushed comes at once: while nothing else is sent, nothing may wait in a buffer."""
    protocol = [websockets.Subprotocol("graphql-transport-ws")]
    address = f"wss://localhost:{there.port}/graphql"
    headers = {"Authorization": f"Bearer {there.key}", "Accept": "text/event-stream"}
    async with (
        websockets.connect(address, subprotocols=protocol, ssl=there.context, proxy=None) as connection,
        there.client() as client,
        client.stream("POST", "/graphql", json={"query": BALANCES}, headers=headers) as events,
    ):
        await connection.send(
            json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {there.key}"}})
        )
        assert (await message(connection))["type"] == "connection_ack"
        await subscribe(connection, BALANCES)
        assert events.headers["content-type"].startswith("text/event-stream")
        lines = events.aiter_lines()
        first = [await _next_event(lines), (await message(connection))["payload"]["data"]["balances"]["cursor"]]
        await settle_more(store, seeded)  # type: ignore[arg-type]
        second = [await _next_event(lines), (await message(connection))["payload"]["data"]["balances"]["cursor"]]
    assert all(int(after) > int(before) for before, after in zip(first, second, strict=True))


async def _next_event(lines: AsyncIterator[str]) -> str:
    async with asyncio.timeout(DEADLINE_S):
        async for line in lines:
            if line.startswith("data:") and len(line) > len("data: "):
                return str(json.loads(line.removeprefix("data:"))["data"]["balances"]["cursor"])
    raise AssertionError("the stream ended")


async def _other_servers_and_refusals(there: Front) -> None:
    async with there.client() as client:
        hook = await client.post("/webhooks/chirpstack", json={}, headers={"X-Webhook-Secret": "shared"})
        assert hook.json()["path"] == "/webhooks/chirpstack" and hook.json()["headers"]["X-Webhook-Secret"] == "shared"
        sign_in = (await client.get("/auth/realms/energy/.well-known/openid-configuration")).json()["headers"]
        assert sign_in["X-Forwarded-Proto"] == "https" and sign_in["X-Forwarded-Host"] == f"localhost:{there.port}"
        for hidden in ("/auth/admin", "/auth/admin/master/console/", "/auth/metrics", "/auth/health"):
            assert (await client.get(hidden)).status_code == 404, hidden
        burst = [client.get("/auth/realms/energy/account/") for _ in range(300)]
        codes = [answer.status_code for answer in await asyncio.gather(*burst)]
        assert set(codes) == {200, 429}
