"""The JSON-RPC door over a real socket, asked by web3 and by strangers: the policy and the journal of the broker's door."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account

from community.chain.http_signatures import FRESH_S
from community.chain.signature_requests import SignatureRequest, SignedReply
from community.errors import FatalError
from signer.json_rpc import SIZE_MAX
from signer.json_rpc_door import JsonRpcDoor
from tests.support.sending_device import NOON, StandingClock
from tests.support.signed_http import RequestSigner, post, rpc_body, web3_of
from tests.support.signing_plant import SigningPlant

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[SigningPlant]:
    plant = SigningPlant(tmp_path)
    plant.now = NOON.replace(hour=20)
    yield plant
    plant.journal.close()


@asynccontextmanager
async def opened(plant: SigningPlant, port: int = 0) -> AsyncIterator[str]:
    stop = asyncio.Event()
    door = JsonRpcDoor("127.0.0.1", port, plant.signer, StandingClock(plant.now))
    running = asyncio.create_task(door.run(stop))
    started = asyncio.create_task(door.server.started.wait())
    try:
        await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        yield f"http://127.0.0.1:{door.server.port}/"
    finally:
        started.cancel()
        stop.set()
        await running


@pytest.fixture
async def url(plant: SigningPlant) -> AsyncIterator[str]:
    async with opened(plant) as address:
        yield address


def as_transaction(request: SignatureRequest, **changes: Any) -> dict[str, Any]:
    """The same as a client of a node writes it."""
    fields = {
        "from": request.account,
        "to": request.to,
        "nonce": hex(request.nonce),
        "gas": hex(request.gas),
        "maxFeePerGas": hex(request.max_fee),
        "maxPriorityFeePerGas": hex(request.tip),
        "data": "0x" + request.data.hex(),
        "chainId": hex(request.chain_id),
    }
    return fields | changes


async def ask(url: str, signer: RequestSigner, method: str, *params: Any) -> dict[str, Any]:
    """The answer to one signed call by web3."""
    provider = web3_of(url, signer).provider
    return dict(await asyncio.to_thread(provider.make_request, method, list(params)))  # type: ignore[arg-type]


async def test_web3_reads_the_account_and_gets_a_signature(plant: SigningPlant, url: str) -> None:
    signer = RequestSigner(plant.requester)
    accounts = await asyncio.to_thread(lambda: web3_of(url, signer).eth.accounts)
    assert [account.lower() for account in accounts] == [plant.signer.address]
    request = plant.request(500, after=1)
    raw = (await ask(url, signer, "eth_signTransaction", as_transaction(request)))["result"]
    assert Account.recover_transaction(raw).lower() == plant.signer.address
    assert (await ask(url, signer, "eth_signTransaction", as_transaction(request)))["result"] == raw


async def test_both_doors_share_journal_and_policy(plant: SigningPlant, url: str) -> None:
    signer = RequestSigner(plant.requester)
    first = plant.request(500, after=1)
    by_broker = plant.ask(first)
    assert isinstance(by_broker, SignedReply)
    assert (await ask(url, signer, "eth_signTransaction", as_transaction(first)))[
        "result"
    ] == "0x" + by_broker.raw.hex()
    for request, sentence in (
        (plant.request(900, from_wh=500, after=2, nonce=0), "Nonce 0 is bound"),
        (plant.request(500, after=1, nonce=1), "not after the last one"),
        (plant.request(900, from_wh=500, after=2, nonce=1, config=plant.config((1, 1, 998))), "is not pinned"),
        (plant.request(900, from_wh=500, after=2, nonce=1, chain_id=1), "for chain 1"),
        (plant.request(900, from_wh=500, after=2, nonce=1, gas=1_000_001), "ceiling"),
    ):
        error = (await ask(url, signer, "eth_signTransaction", as_transaction(request)))["error"]
        assert error["code"] == -32003 and sentence in error["message"]
    second = plant.request(900, from_wh=500, after=2, nonce=1)
    raw = (await ask(url, signer, "eth_signTransaction", as_transaction(second)))["result"]
    assert plant.ask(second) == SignedReply(second.id, bytes.fromhex(raw[2:]), plant.ask(second).tx_hash)  # type: ignore[union-attr]


async def test_a_refusal_here_binds_no_later_request(plant: SigningPlant, url: str) -> None:
    signer = RequestSigner(plant.requester)
    request = plant.request(500, after=1, gas=1_000_001)
    assert "error" in await ask(url, signer, "eth_signTransaction", as_transaction(request))
    plant.registry["limits"]["gas_max"] = 2_000_000
    plant.pin()
    assert "result" in await ask(url, signer, "eth_signTransaction", as_transaction(request))


async def test_strangers_replays_and_old_requests_are_not_authenticated(plant: SigningPlant, url: str) -> None:
    signer = RequestSigner(plant.requester)
    body = rpc_body("eth_accounts")
    good = signer.headers("/", body)
    assert (await post(url, body, good)).status_code == 200
    refused = {
        "replay": good,
        "none": {},
        "bearer": {"Authorization": "Bearer x"},
        "stranger": RequestSigner(Ed25519PrivateKey.generate()).headers("/", body),
        "unknown": RequestSigner(plant.requester, "somebody").headers("/", body),
        "old": signer.headers("/", body, age_s=FRESH_S + 5),
        "future": signer.headers("/", body, age_s=-FRESH_S - 5),
        "another body": signer.headers("/", body + b" "),
        "another path": signer.headers("/eth", body),
    }
    for name, headers in refused.items():
        response = await post(url, body, headers)
        assert (response.status_code, "not authenticated" in response.text) == (401, True), name
    assert (await post(url, body, signer.headers("/", body))).status_code == 200


async def test_a_replay_is_known_after_a_restart(plant: SigningPlant) -> None:
    signer = RequestSigner(plant.requester)
    body = rpc_body("eth_accounts")
    headers = signer.headers("/", body)
    async with opened(plant) as url:
        assert (await post(url, body, headers)).status_code == 200
    async with opened(plant) as url:
        assert (await post(url, body, headers)).status_code == 401


async def test_bodies_are_bounded_and_nonsense_is_answered(plant: SigningPlant, url: str) -> None:
    signer = RequestSigner(plant.requester)
    assert (await post(url, b" " * (SIZE_MAX + 1), {})).status_code == 413
    for body, code in (
        (b"", -32700),
        (b"[" * 10_000, -32700),
        (b"[]", -32600),
        (rpc_body("eth_sign", "0x00"), -32601),
        (rpc_body("eth_signTransaction"), -32602),
        (rpc_body("eth_signTransaction", {"gasPrice": "0x1"}), -32602),
        (rpc_body("eth_signTransaction", as_transaction(plant.request(), maxPriorityFeePerGas="0x0")), -32602),
    ):
        response = await post(url, body, signer.headers("/", body))
        assert response.json()["error"]["code"] == code
    assert "result" in await ask(url, signer, "eth_accounts")


async def test_the_up_check_needs_no_signature_and_other_paths_are_absent(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        up = await client.get(url + "upcheck")
        assert (up.status_code, up.text) == (200, "OK")
        assert (await client.get(url)).status_code == 405
        assert (await client.get(url + "api/v1/eth1/publicKeys")).status_code == 404


async def test_a_body_that_never_ends_is_given_up(
    plant: SigningPlant, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signer.json_rpc_door.BODY_TIMEOUT_S", 0.2)
    port = int(url.split(":")[2].strip("/"))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    async with asyncio.timeout(20):
        assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_signer_that_cannot_sign_says_so(
    plant: SigningPlant, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> None:
        raise FatalError("the registry is gone")

    monkeypatch.setattr(plant.signer, "_load_registry", unreadable)
    body = rpc_body("eth_accounts")
    response = await post(url, body, RequestSigner(plant.requester).headers("/", body))
    assert response.status_code == 503 and "the registry is gone" in json.loads(response.text)["error"]["message"]


async def test_a_port_that_is_taken_is_said(plant: SigningPlant, url: str) -> None:
    with pytest.raises(FatalError, match="SIGNER_RPC_PORT"):
        async with opened(plant, int(url.split(":")[2].strip("/"))):
            pass
