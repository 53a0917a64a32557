"""Signatures from the signer: the port, and the signer behind the MQTT signature broker."""

import asyncio
from typing import Protocol

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from community.chain.signature_requests import (
    MalformedRequest,
    SignatureReply,
    SignatureRequest,
    parse_reply,
    reply_topic,
    request_topic,
    sign_request,
)
from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.errors import RetryableError
from community.runtime.system_clock import SystemClock

_log = structlog.get_logger()

ASK_AGAIN_S = 1.0


class SignerSilent(RetryableError):
    """The signer did not answer in time. It may have signed all the same: the same request will find it."""


class SignerPort(Protocol):
    """Where signatures come from. The same request may be asked any number of times."""

    async def ask(self, request: SignatureRequest) -> SignatureReply:
        """The signer's answer. Raises RetryableError if there is none yet."""
        ...


class SignerConnection(SignerPort, Protocol):
    """A port that a process opens and closes."""

    @property
    def connected(self) -> bool:
        """Whether the way to the signer is open, as far as it is known."""
        ...

    async def start(self) -> None:
        """Connect. Raises RetryableError if that fails now."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...


class BrokeredSigner:
    """The signer that listens on the signature broker."""

    def __init__(
        self, address: MqttAddress, signer_id: str, requester_id: str, key: Ed25519PrivateKey, timeout_s: float
    ) -> None:
        self._key = key
        self._timeout_s = timeout_s
        # the system's, also in a replay: the signer asks whether a request travelled long
        self._clock = SystemClock()
        self._topic = request_topic(signer_id)
        self._waiting: dict[str, asyncio.Future[SignatureReply]] = {}
        self._connection = MqttConnection(
            address, f"requester-{requester_id}", subscriptions={reply_topic(requester_id): self._take}
        )

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and the subscription."""
        return self._connection.connected

    async def start(self) -> None:
        """Connect. Raises RetryableError if the broker is away."""
        await self._connection.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._connection.stop()

    async def ask(self, request: SignatureRequest) -> SignatureReply:
        """Ask, again every second, until the answer is there: a signer that just started may have missed the first.

        A late answer is dropped: the next request with this id is answered the same.
        """
        answer: asyncio.Future[SignatureReply] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = answer
        message = sign_request(request, self._key, int(self._clock.now().timestamp()))
        try:
            async with asyncio.timeout(self._timeout_s):
                while not answer.done():
                    await self._connection.publish(self._topic, message, timeout_s=self._timeout_s)
                    await asyncio.wait({answer}, timeout=ASK_AGAIN_S)
                return answer.result()
        except TimeoutError:
            raise SignerSilent(
                f"The signer did not answer within {self._timeout_s:g} s. Is it running, does it listen on {self._topic}, "
                "and do the clocks of both hosts agree?"
            ) from None
        finally:
            self._waiting.pop(request.id, None)

    async def _take(self, message: Message) -> None:
        try:
            reply = parse_reply(message.payload)
        except MalformedRequest as error:
            _log.warning("signature_reply_malformed", reason=str(error))
            return
        waiting = self._waiting.get(reply.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)
