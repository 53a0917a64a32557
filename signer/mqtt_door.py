"""The signer behind the signature broker: takes requests from its topic, answers on the requester's."""

import asyncio

import structlog

from community.chain.signature_requests import (
    MalformedRequest,
    RefusedReply,
    SignatureReply,
    SignedReply,
    SignedRequest,
    encode_reply,
    parse_request,
    reply_topic,
    request_topic,
)
from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.clock import Clock
from community.errors import RetryableError
from community.runtime.system_clock import SystemClock
from signer.condition import SignerCondition
from signer.registry import RegistryError
from signer.signing import Signer

_log = structlog.get_logger()


class MqttDoor:
    """A runnable signer. `one_at_a_time` is shared with other doors: the journal has one writer."""

    def __init__(
        self,
        address: MqttAddress,
        signer_id: str,
        signer: Signer,
        clock: Clock,
        one_at_a_time: asyncio.Lock | None = None,
        condition: SignerCondition | None = None,
    ) -> None:
        self._signer = signer
        self._clock = clock
        self._travel_clock = SystemClock()
        self._one_at_a_time = one_at_a_time or asyncio.Lock()
        topic = request_topic(signer_id)
        self._connection = MqttConnection(address, f"signer-{signer_id}", subscriptions={topic: self._take})
        self._condition = condition or SignerCondition(signer.registry, signer.address)
        self._condition.broker_connected = lambda: self._connection.connected

    async def run(self, stop: asyncio.Event) -> None:
        """Answer requests until `stop` is set."""
        await self._connection.start()
        _log.info("signer_ready", account=self._signer.address)
        try:
            await stop.wait()
        finally:
            await self._connection.stop()

    async def _take(self, message: Message) -> None:
        try:
            asked = parse_request(message.payload)
        except MalformedRequest as error:
            self._condition.answered("malformed")
            _log.warning("signature_request_malformed", reason=str(error))
            return
        request = asked.request
        try:
            async with self._one_at_a_time:
                reply = self._answer(asked)
        except RegistryError as error:
            # No answer: once the registry is readable again, the repeated request finds one.
            self._condition.answered("unusable")
            _log.error("signer_registry_unusable", reason=str(error))
            return
        except RetryableError as error:
            self._condition.answered("unusable")
            _log.error("signer_key_away", reason=str(error))
            return
        match reply:
            case None:
                self._condition.answered("stale")
                # No answer: a refusal would let the requester take back a nonce whose request he may have asked anew.
                _log.warning("signature_request_stale", issuance=request.issuance_id, asked_at=asked.asked_at)
                return
            case SignedReply():
                self._condition.answered("signed")
                _log.info("transaction_signed", issuance=request.issuance_id, nonce=request.nonce, tx=reply.tx_hash)
            case RefusedReply():
                self._condition.answered("refused")
                _log.warning("signature_refused", issuance=request.issuance_id, reason=reply.reason)
        try:
            await self._connection.publish(reply_topic(request.requester), encode_reply(reply))
        except RetryableError as error:
            _log.warning("signature_reply_lost", issuance=request.issuance_id, reason=str(error))

    def _answer(self, asked: SignedRequest) -> SignatureReply | None:
        """The answer to a request that a pinned requester asked just now; None for one that was kept and sent later."""
        request, now = asked.request, self._clock.now()
        public_key = self._signer.registry().requesters.get(request.requester)
        if public_key is None or not asked.is_signed_by(public_key):
            reason = f"The request is not signed by a requester that this signer knows as {request.requester}."
            return self._signer.turn_away(request, reason, now)
        if not asked.is_fresh(self._travel_clock.now().timestamp()):
            return None
        return self._signer.answer(request, now)
