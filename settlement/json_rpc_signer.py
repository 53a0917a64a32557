"""Signatures from the signer's JSON-RPC door, as Web3Signer speaks it; each request signed by this requester (RFC 9421)."""

import json
import secrets
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_utils.crypto import keccak

from community.chain.http_signatures import signature_headers
from community.chain.signature_requests import (
    MalformedRequest,
    RefusedReply,
    SignatureReply,
    SignatureRequest,
    SignedReply,
)
from community.clients.json_rpc import HttpEndpoint, NodeUnavailable
from community.json_input import parse_json
from community.runtime.system_clock import SystemClock
from settlement.signature_broker import SignerSilent

REJECTED = -32003
_ANSWER_MAX = 1 << 20
_DEPTH_MAX = 4


class JsonRpcSigner:
    """The signer behind its door at `url`. The id of a call is that of the request, so a repeat gets the same answer."""

    def __init__(self, url: str, requester_id: str, key: Ed25519PrivateKey, timeout_s: float) -> None:
        self._endpoint = HttpEndpoint(url, timeout_s)
        self._path = urlsplit(url).path or "/"
        self._requester_id = requester_id
        self._key = key
        # the system's, also in a replay: the signer asks whether a request travelled long
        self._clock = SystemClock()
        self._answered = True

    @property
    def connected(self) -> bool:
        """Whether the signer answered when it was asked last."""
        return self._answered

    async def start(self) -> None:
        """Nothing to do: each request finds out whether the signer is there."""

    async def stop(self) -> None:
        """Return the connections."""
        await self._endpoint.close()

    async def ask(self, request: SignatureRequest) -> SignatureReply:
        """The signer's answer. Raises SignerSilent (retryable) if there is none: it may have signed all the same."""
        call = {"jsonrpc": "2.0", "id": request.id, "method": "eth_signTransaction", "params": [_transaction(request)]}
        body = json.dumps(call, separators=(",", ":")).encode()
        created, nonce = int(self._clock.now().timestamp()), secrets.token_hex(16)
        headers = signature_headers(
            self._key, self._requester_id, "POST", self._path, body, created=created, nonce=nonce
        )
        try:
            status, answer = await self._endpoint.post(body, "eth_signTransaction", headers)
            self._answered = True
        except NodeUnavailable as error:
            self._answered = False
            raise SignerSilent(
                f"The signer at {self._endpoint.name} did not answer. Is it running, and is its door open? ({error})"
            ) from error
        try:
            return _reply(request.id, parse_json(answer, size_max=_ANSWER_MAX, depth_max=_DEPTH_MAX))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SignerSilent(
                f"The signer at {self._endpoint.name} gave no signature (HTTP {status}): {answer[:300].decode(errors='replace')}"
            ) from error


def _transaction(request: SignatureRequest) -> dict[str, str]:
    fields = {
        "from": request.account,
        "to": request.to,
        "nonce": hex(request.nonce),
        "gas": hex(request.gas),
        "maxFeePerGas": hex(request.max_fee),
        "maxPriorityFeePerGas": hex(request.tip),
        "value": "0x0",
        "data": "0x" + request.data.hex(),
        "chainId": hex(request.chain_id),
    }
    return fields | ({"evidence": "0x" + request.evidence.hex()} if request.evidence else {})


def _reply(request_id: str, answer: Any) -> SignatureReply:
    """What the answer says. Raises ValueError, TypeError, KeyError or AttributeError where it is no verdict."""
    if answer.get("id") != request_id:
        raise ValueError("an answer to another request")
    error = answer.get("error")
    if error is None:
        raw = bytes.fromhex(answer["result"].removeprefix("0x"))
        return SignedReply(request_id, raw, "0x" + keccak(raw).hex())
    if error["code"] != REJECTED:
        raise MalformedRequest(str(error["message"]))
    proof = (error.get("data") or {}).get("proof", "0x")
    return RefusedReply(request_id, str(error["message"]), bytes.fromhex(proof.removeprefix("0x")))
