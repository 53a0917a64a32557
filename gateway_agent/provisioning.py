"""Bringing the device's key to the backend over the broker: offering and proving it, changing it. The agent must not run."""

import asyncio
from typing import Self

from community.attestation.key_rotation import KeyRotation, encode_rotation
from community.attestation.provisioning import (
    Answered,
    KeyChanged,
    KeyOffered,
    KeyProven,
    MalformedProvisioning,
    NonceGiven,
    Reply,
    Request,
    encode_request,
    parse_reply,
)
from community.attestation.sealing import Direction, SealBroken, open_message, seal_message
from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.errors import FatalError, RetryableError
from gateway_agent.secure_element.onboarding import prove_possession, sign_message
from gateway_agent.secure_element.signer import Signer
from gateway_agent.spool import Spool
from gateway_agent.statements import DeviceIdentity

CONTENT_TYPE = "application/ecw1+cbor"
ANSWER_WITHIN_S = 30.0
ASK_AGAIN_S = 10.0


class NotAnswered(RetryableError):
    """The backend did not answer: it is away, or does not know this device or its secret."""


class NotAccepted(FatalError):
    """The backend says no, and why."""


class Conversation:
    """Questions to the backend about this device's keys, each with its answer.

    The counters of answers are not held against those of acknowledgements, which the backend takes from blocks of its
    own: an answer that is played again gives an old nonce, and its proof is refused.
    """

    def __init__(self, address: MqttAddress, identity: DeviceIdentity, spool: Spool) -> None:
        self._identity = identity
        self._spool = spool
        self._version = address.version
        self._topic = f"ec/v1/{identity.eui_text}/prov"
        self._replies: asyncio.Queue[Reply] = asyncio.Queue()
        self._connection = MqttConnection(address, identity.eui_text, subscriptions={f"{self._topic}/down": self._hear})

    async def __aenter__(self) -> Self:
        await self._connection.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._connection.stop()

    async def ask(self, request: Request, within_s: float = ANSWER_WITHIN_S) -> Reply:
        """The backend's answer; the question is repeated until it comes. Raises NotAnswered."""
        plaintext = encode_request(request)
        try:
            async with asyncio.timeout(within_s):
                while True:
                    await self._send(plaintext)
                    try:
                        async with asyncio.timeout(ASK_AGAIN_S):
                            return await self._replies.get()
                    except TimeoutError:
                        continue
        except TimeoutError:
            raise NotAnswered(
                f"The backend did not answer in {within_s:g} s: is ingest running, is the device registered there, and "
                "is device.secret_file the secret that was registered?"
            ) from None

    async def _send(self, plaintext: bytes) -> None:
        identity = self._identity
        counter = self._spool.reserve_message_counter()
        sealed = seal_message(identity.secret, identity.eui, identity.key_generation, Direction.UP, counter, plaintext)
        content_type = CONTENT_TYPE if self._version == 5 else None
        await self._connection.publish(self._topic, sealed, content_type=content_type)

    async def _hear(self, message: Message) -> None:
        identity = self._identity
        try:
            opened = open_message(message.payload, identity.secret, identity.eui, Direction.DOWN)
            self._replies.put_nowait(parse_reply(opened.plaintext))
        except (SealBroken, MalformedProvisioning):
            return  # not from the backend: whoever it was gets no answer


async def register_key(talk: Conversation, identity: DeviceIdentity, signer: Signer, hardware: str) -> str:
    """Offer the key and prove to have it. Returns the backend's sentence. Raises NotAnswered, NotAccepted, as the signer."""
    insecure = signer.attributes().development_key
    key = signer.public_key()
    reply = await talk.ask(KeyOffered(key, insecure))
    if isinstance(reply, NonceGiven):
        proof = prove_possession(signer, reply.nonce, identity.eui, hardware)
        reply = await talk.ask(KeyProven(key, proof, insecure))
    return _accepted(reply)


async def change_key(talk: Conversation, rotation: bytes, *, insecure: bool) -> str:
    """Bring a signed rotation. Returns the backend's sentence. Raises NotAnswered, NotAccepted."""
    return _accepted(await talk.ask(KeyChanged(rotation, insecure)))


def signed_rotation(identity: DeviceIdentity, spool: Spool, old: Signer, new: Signer, now_slot: int) -> bytes:
    """The change from `old` to `new` behind everything that the spool holds. Raises FatalError, as the signers.

    Nothing may wait: what the old key has to sign is signed, sent and acknowledged before the new one begins.
    """
    status = spool.status()
    if status.unsigned or status.unacknowledged:
        raise FatalError(
            f"{status.unsigned} readings are not signed and {status.unacknowledged} statements not acknowledged yet. "
            "`spool drain` first: what the old key measured is signed by the old key."
        )
    last_slot = spool.last_slot()
    rotation = KeyRotation(
        identity.eui,
        identity.keyno,
        identity.keyno + 1,
        new.public_key(),
        (now_slot if last_slot is None else last_slot) + 1,
        status.ctr + 1,
    )
    tbs = rotation.to_be_signed()
    return encode_rotation(rotation, old.public_key(), sign_message(old, tbs), sign_message(new, tbs))


def _accepted(reply: Reply) -> str:
    if not isinstance(reply, Answered):
        raise NotAnswered("The backend asks for a proof once more: begin again.")
    if not reply.accepted:
        raise NotAccepted(f"The backend says no: {reply.sentence}")
    return reply.sentence
