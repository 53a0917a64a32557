"""Devices that bring their keys over the device broker: offered, proven, changed; answered after the commit."""

import asyncio

import structlog

from community.attestation.provisioning import (
    Answered,
    KeyChanged,
    KeyOffered,
    KeyProven,
    MalformedProvisioning,
    NonceGiven,
    Reply,
    Request,
    encode_reply,
    parse_request,
)
from community.attestation.sealing import Direction, Opened, SealBroken, open_message, seal_message
from community.clients.mqtt import BrokerUnavailable, Message, MqttAddress, MqttConnection
from community.clock import Clock
from community.ids import digest_of
from community.store import frames
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.devices import DeviceFile, load_device
from community.store.key_rotation import rotate_key
from community.store.onboarding import Told
from community.store.possession import accept_possession, give_nonce
from community.store.sealed_columns import ColumnSeal
from community.store.unit_of_work import Store, Work
from ingest.uplinks import eui_or_none

log = structlog.get_logger(__name__)

TOPICS = "ec/v1/+/prov"
CONTENT_TYPE = "application/ecw1+cbor"
_SIZE_MAX = 4096
_WHY = "over the device broker, sealed with the device's secret"


class Provisioning:
    """The connection that devices bring their keys by. A message that cannot be used is logged and answered by nothing."""

    def __init__(
        self, address: MqttAddress, client_id: str, store: Store, column_key: ColumnSeal, clock: Clock
    ) -> None:
        self._store = store
        self._column_key = column_key
        self._clock = clock
        self._connection = MqttConnection(address, client_id, subscriptions={TOPICS: self._receive})

    @property
    def connected(self) -> bool:
        return self._connection.connected

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until `stop`. Raises BrokerUnavailable if the broker is away at the start."""
        await self._connection.start()
        try:
            await stop.wait()
        finally:
            await self._connection.stop()

    async def _receive(self, message: Message) -> None:
        eui = eui_or_none(message.topic.split("/")[2])
        if eui is None or len(message.payload) > _SIZE_MAX:
            log.warning("provisioning_refused", topic=message.topic[:80], reason="no device EUI, or too long")
            return
        answer = await self.answer(eui, message.payload)
        if answer is None:
            return
        try:
            await self._connection.publish(f"ec/v1/{eui}/prov/down", answer, content_type=CONTENT_TYPE)
        except BrokerUnavailable as error:  # the device asks again, and that is the same to us
            log.warning("provisioning_not_answered", device=eui, reason=str(error))

    async def answer(self, eui: str, payload: bytes) -> bytes | None:
        """The sealed reply to a sealed request, after its commit; None where there is nobody to answer to."""
        async with self._store.read() as work:
            device = await load_device(work, eui, self._column_key)
        if device is None or device.secret is None:
            log.warning("provisioning_refused", device=eui, reason="not registered, or without a secret")
            return None
        try:
            opened = open_message(payload, device.secret, bytes.fromhex(eui), Direction.UP)
            request = parse_request(opened.plaintext)
        except (SealBroken, MalformedProvisioning) as error:
            log.warning("provisioning_refused", device=eui, reason=str(error))
            return None
        async with self._store.begin() as work:
            await frames.lock_intake(work)  # counters of messages to the device are given out under it
            reply = await self._decide(work, device, request, payload)
            counter = (await frames.reserve_down_counters(work, device.id, opened.generation, 1))[0]
        log.info("provisioning_answered", device=eui, asked=type(request).__name__, reply=_shown(reply))
        return _sealed(device.secret, eui, opened, counter, reply)

    async def _decide(self, work: Work, device: DeviceFile, request: Request, payload: bytes) -> Reply:
        now = self._clock.now()
        told = Told(f"device {device.eui}", _WHY, f"prov_{digest_of(payload)[:32]}")
        match request:
            case KeyOffered(key):
                if any(known.public_key == key for known in device.keys):
                    return Answered(True, "this key is bound to the device already")
                if device.keys:
                    return Answered(
                        False, "another key is bound to the device: a change is signed by both, `key rotate`"
                    )
                return NonceGiven(await give_nonce(work, device.id, now))
            case KeyProven(key, proof, insecure):
                outcome = await accept_possession(work, device.id, proof, key, told, now, development_key=insecure)
                return _answered(outcome, "the key is bound; now the meter's serial number has to be confirmed")
            case KeyChanged(rotation, insecure):
                outcome = await rotate_key(work, device.id, rotation, told, now, development_key=insecure)
                return _answered(outcome, "the change of keys is entered")


def _answered(outcome: Outcome, sentence: str) -> Answered:
    match outcome:
        case Decided():
            return Answered(True, sentence)
        case NotPossible(why):
            return Answered(False, why)
        case NotFound():
            return Answered(False, "the device is not registered")


def _shown(reply: Reply) -> str:
    return reply.sentence if isinstance(reply, Answered) else "a nonce"


def _sealed(secret: bytes, eui: str, opened: Opened, counter: int, reply: Reply) -> bytes:
    plaintext = encode_reply(reply)
    return seal_message(secret, bytes.fromhex(eui), opened.generation, Direction.DOWN, counter, plaintext)
