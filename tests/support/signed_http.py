"""A JSON-RPC client of the signer whose requests are signed: web3 with an authentication that signs each body."""

import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from web3 import HTTPProvider, Web3

from community.chain.http_signatures import signature_headers


@dataclass
class RequestSigner(requests.auth.AuthBase):
    """Signs requests of the `requests` library, which web3 speaks, and of httpx."""

    key: Ed25519PrivateKey
    keyid: str = "settlement"

    def headers(self, path: str, body: bytes, *, nonce: str | None = None, age_s: int = 0) -> dict[str, str]:
        created, number = int(time.time()) - age_s, nonce or secrets.token_hex(16)
        return signature_headers(self.key, self.keyid, "POST", path, body, created=created, nonce=number)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        path = urlsplit(str(request.url)).path
        request.headers.update(self.headers(path, body if isinstance(body, bytes) else body.encode()))
        return request


def web3_of(url: str, signer: RequestSigner) -> Web3:
    """web3 whose calls are signed."""
    session = requests.Session()
    session.trust_env = False
    session.auth = signer
    return Web3(HTTPProvider(url, session=session, request_kwargs={"timeout": 20}))


async def post(url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    """One request with exactly these headers and this body."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        return await client.post(url, content=body, headers=headers)


def rpc_body(method: str, *params: Any) -> bytes:
    """A JSON-RPC call."""
    import json

    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}).encode()
