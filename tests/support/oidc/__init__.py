"""A real OpenID provider for tests, shaped as a Keycloak realm."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from api.issuers import Issuer
from tests.support.brokers import free_port

AUDIENCE = "energy-community"
_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Realm:
    """A running provider. Its people sign in by their names."""

    url: str

    @property
    def issuer(self) -> Issuer:
        return Issuer(self.url, AUDIENCE, ("web",))

    async def token(self, person: str) -> str:
        """A new access token of a person."""
        form = {"grant_type": "client_credentials"}
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            answer = await client.post(f"{self.url}/token", data=form, auth=(person, f"secret-of-{person}"))
        return str(answer.raise_for_status().json()["access_token"])

    async def rotate(self) -> None:
        """Sign with another key from now on, and publish only that."""
        await self._tell("/rotate")

    async def disable(self, person: str) -> None:
        """Give this person no token any more, neither a new nor a renewed one."""
        await self._tell("/disable", person)

    async def enable(self, person: str) -> None:
        """Take back `disable`."""
        await self._tell("/enable", person)

    async def _tell(self, what: str, person: str = "") -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            url = self.url.replace("/realms/energy", what)
            (await client.get(url, params={"person": person})).raise_for_status()

    def login(self, person: str) -> str:
        return f"{self.url}#{person}"


@asynccontextmanager
async def realm(
    people: Mapping[str, Mapping[str, Any]], token_ttl_s: int = 300, web_url: str | None = None
) -> AsyncIterator[Realm]:
    """A realm with these people: by name `{"roles": [...], "clientRoles": [...]}`.

    `web_url` is the origin of a web application whose people it signs in.
    """
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "node",
        "tests/support/oidc/provider.mjs",
        str(port),
        json.dumps(people),
        cwd=_ROOT,
        env={**os.environ, "TOKEN_TTL_S": str(token_ttl_s)} | ({"WEB_URL": web_url} if web_url else {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while line := await process.stdout.readline():
                if line.strip() == b"ready":
                    break
        assert process.returncode is None, "the provider did not start: is oidc-provider installed (npm ci)?"
        yield Realm(f"http://127.0.0.1:{port}/realms/energy")
    finally:
        process.terminate()
        await process.communicate()
