"""The signer behind Web3Signer's JSON-RPC: `eth_accounts`, `eth_signTransaction` and `/upcheck`.

The same policy and the same journal as behind the broker. Each request is signed by a pinned requester (RFC 9421) and taken
once. A request names no issuance; the signer names it itself, from the evidence in the call. Beyond Web3Signer's: a refusal's
error holds the account's proof of it, and a transaction may bring the payload that proves an attested settlement.
"""

import asyncio
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from community.chain.http_signatures import FRESH_S, HttpSignature, UnsignedRequest, read_signature
from community.chain.signature_requests import MalformedRequest, SignatureRequest, SignedReply
from community.clock import Clock
from community.errors import CommunityError
from community.runtime.http_server import HttpServer
from community.runtime.system_clock import SystemClock
from signer.json_rpc import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REJECTED,
    SIZE_MAX,
    UNAVAILABLE,
    RpcCall,
    RpcError,
    WantedTransaction,
    read_call,
    read_transaction,
)
from signer.signing import UNNAMED, Signer

_log = structlog.get_logger()
BODY_TIMEOUT_S = 10
PATH = "/"


class JsonRpcDoor:
    """Serves the signer on `host`:`port` (0: any free one, then told by `port`). `one_at_a_time` is shared with other doors."""

    def __init__(
        self, host: str, port: int, signer: Signer, clock: Clock, one_at_a_time: asyncio.Lock | None = None
    ) -> None:
        self._signer = signer
        self._clock = clock
        self._travel_clock = SystemClock()
        self._one_at_a_time = one_at_a_time or asyncio.Lock()
        asgi = Starlette(
            routes=[Route("/upcheck", self._upcheck, methods=["GET"]), Route(PATH, self._take, methods=["POST"])]
        )
        self.server = HttpServer(asgi, host, port, "The signer's JSON-RPC door", "SIGNER_RPC_PORT")

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises FatalError if the port is taken."""
        await self.server.run(stop)

    async def _upcheck(self, _request: Request) -> Response:
        """Alive. Says nothing else: it asks for no signature."""
        return PlainTextResponse("OK")

    async def _take(self, request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return _error(413, f"A request has at most {SIZE_MAX} bytes and arrives within {BODY_TIMEOUT_S} s.")
        try:
            async with self._one_at_a_time:
                return self._answer(dict(request.headers), body)
        except CommunityError as error:
            _log.error("signer_cannot_answer", reason=str(error))
            return JSONResponse(RpcError(UNAVAILABLE, f"The signer cannot sign now: {error}").body(), 503)

    def _answer(self, headers: dict[str, str], body: bytes) -> Response:
        try:
            signature = read_signature(headers, body)
            self._authenticate(signature, body)
        except UnsignedRequest as error:
            _log.warning("json_rpc_not_authenticated", reason=str(error))
            return _error(401, f"The request is not authenticated: {error}.")
        try:
            call = read_call(body)
            return JSONResponse({"jsonrpc": "2.0", "id": call.call_id, "result": self._result(call, signature)})
        except RpcError as error:
            return JSONResponse(error.body())

    def _authenticate(self, signature: HttpSignature, body: bytes) -> None:
        """Raise UnsignedRequest unless a pinned requester made this very request, just now and for the first time."""
        public_key = self._signer.registry().requesters.get(signature.keyid)
        if public_key is None or not signature.is_by(public_key, "POST", PATH, body):
            raise UnsignedRequest(f"it is not signed by a requester that this signer knows as {signature.keyid}")
        if not signature.is_fresh(self._travel_clock.now().timestamp()):
            raise UnsignedRequest(f"it was made more than {FRESH_S} s ago, or the clocks of both hosts differ")
        if not self._signer.use_once(signature.keyid, signature.nonce, self._travel_clock.now(), FRESH_S):
            raise UnsignedRequest("its nonce was used before")

    def _result(self, call: RpcCall, signature: HttpSignature) -> Any:
        match call.method:
            case "eth_accounts":
                return [self._signer.address]
            case "eth_signTransaction":
                return self._sign(call, signature)
            case _:
                known = "eth_accounts and eth_signTransaction"
                raise RpcError(METHOD_NOT_FOUND, f"{call.method:.40} is not served here, only {known}.", call.call_id)

    def _sign(self, call: RpcCall, signature: HttpSignature) -> str:
        try:
            asked = _request(read_transaction(call.params), call, signature, self._signer.registry().chain_id)
        except (ValueError, MalformedRequest) as error:
            raise RpcError(INVALID_PARAMS, f"The transaction cannot be read: {error}.", call.call_id) from error
        reply = self._signer.answer(asked, self._clock.now())
        if isinstance(reply, SignedReply):
            _log.info("transaction_signed", nonce=asked.nonce, tx=reply.tx_hash)
            return "0x" + reply.raw.hex()
        _log.warning("signature_refused", nonce=asked.nonce, reason=reply.reason)
        raise RpcError(REJECTED, reply.reason, call.call_id, {"proof": "0x" + reply.proof.hex()})


def _request(wanted: WantedTransaction, call: RpcCall, signature: HttpSignature, chain_id: int) -> SignatureRequest:
    """The request of a call.

    A call whose id is a text is named by it, as a request through the broker is: asked again it gets the same answer. One
    whose id is a number, as clients count them, gets an id that no other has: a refusal binds no later one.
    """
    return SignatureRequest(
        id=call.call_id if isinstance(call.call_id, str) else f"rpc.{signature.nonce}",
        requester=signature.keyid,
        issuance_id=UNNAMED,
        chain_id=chain_id if wanted.chain_id is None else wanted.chain_id,
        account=wanted.account,
        nonce=wanted.nonce,
        to=wanted.to,
        data=wanted.data,
        gas=wanted.gas,
        max_fee=wanted.max_fee,
        tip=wanted.tip,
        evidence=wanted.evidence,
    )


async def _body(request: Request) -> bytes | None:
    """The body; None if it is too long, or takes too long."""
    read = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                read += chunk
                if len(read) > SIZE_MAX:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return bytes(read)


def _error(status: int, message: str) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": message}}, status)
