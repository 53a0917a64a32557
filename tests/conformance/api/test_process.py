"""The API as a process: keys from the command line, serving, stopping on a signal, one sentence when it cannot start."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from api.app import build
from api.settings import ApiSettings
from community.errors import FatalError
from tests.support.running_api import JSON_RESPONSE, serving
from tests.support.stores import new_sqlite_url

ROOT = Path(__file__).parents[3]


async def start(*arguments: str, **settings: str) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("API_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "api",
        *arguments,
        cwd=ROOT,
        env={**kept, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode(), err.decode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def test_key_from_the_command_line_opens_the_served_api(tmp_path: Path) -> None:
    url, port = await new_sqlite_url(tmp_path), free_port()
    code, key, _ = await ended(
        await start("key", "create", "--role", "operator", "--label", "first", API_DATABASE_URL=url)
    )
    assert code == 0 and key.startswith("ecb_")
    process = await start("run", API_DATABASE_URL=url, API_PORT=str(port))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            deadline = asyncio.get_running_loop().time() + 30
            while True:
                try:
                    assert (await client.get("/healthz")).json() == {"ok": True}
                    break
                except httpx.TransportError:
                    assert process.returncode is None and asyncio.get_running_loop().time() < deadline
                    await asyncio.sleep(0.05)
            headers = {"Authorization": f"Bearer {key.strip()}", "Accept": JSON_RESPONSE}
            answer = await client.post(
                "/graphql", json={"query": "{ viewer { role } chainHead { head } balances { final } }"}, headers=headers
            )
            assert answer.json() == {"data": {"viewer": {"role": "operator"}, "chainHead": None, "balances": []}}
    finally:
        process.send_signal(signal.SIGTERM)
        code, _, _ = await ended(process)
    assert code == 0


async def test_member_key_needs_its_member(tmp_path: Path) -> None:
    url = await new_sqlite_url(tmp_path)
    code, _, told = await ended(await start("key", "create", "--role", "member", "--label", "x", API_DATABASE_URL=url))
    assert code == 1 and "identity" in told


async def test_database_without_a_schema_is_told(tmp_path: Path) -> None:
    app = build(ApiSettings(database_url=f"sqlite:///{tmp_path / 'empty.db'}", port=0))
    with pytest.raises(FatalError, match="migrate"):
        await app.run(asyncio.Event())


async def test_port_in_use_is_told_in_one_sentence(tmp_path: Path) -> None:
    url = await new_sqlite_url(tmp_path)
    async with serving(url) as first:
        second = build(ApiSettings(database_url=url, port=first.port))
        with pytest.raises(FatalError, match=f"{first.port}.*API_PORT"):
            await second.run(asyncio.Event())
