"""The signer behind the signature broker: takes requests from its topic, answers on the requester's."""

import asyncio

import structlog

from community.chain.signature_requests import (
    MalformedRequest,
    RefusedReply,
    SignedReply,
    encode_reply,
    parse_request,
    reply_topic,
    request_topic,
)
from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.clock import Clock
from community.errors import RetryableError
from signer.registry import RegistryError
from signer.signing import Signer

_log = structlog.get_logger()


class MqttDoor:
    """A runnable signer. Requests are judged one after another: the journal has one writer."""

    def __init__(self, address: MqttAddress, signer_id: str, signer: Signer, clock: Clock) -> None:
        self._signer = signer
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        topic = request_topic(signer_id)
        self._connection = MqttConnection(address, f"signer-{signer_id}", subscriptions={topic: self._take})

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
            request, signature = parse_request(message.payload)
        except MalformedRequest as error:
            _log.warning("signature_request_malformed", reason=str(error))
            return
        try:
            async with self._one_at_a_time:
                reply = self._signer.answer(request, signature, self._clock.now())
        except RegistryError as error:
            # No answer: once the registry is readable again, the repeated request finds one.
            _log.error("signer_registry_unusable", reason=str(error))
            return
        match reply:
            case SignedReply():
                _log.info("transaction_signed", issuance=request.issuance_id, nonce=request.nonce, tx=reply.tx_hash)
            case RefusedReply():
                _log.warning("signature_refused", issuance=request.issuance_id, reason=reply.reason)
        try:
            await self._connection.publish(reply_topic(request.requester), encode_reply(reply))
        except RetryableError as error:
            _log.warning("signature_reply_lost", issuance=request.issuance_id, reason=str(error))
