"""The device broker: sealed ECW1 messages over MQTT (wire-format 2.5), and the acknowledgements back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache

import structlog

from community.attestation.reasons import Reason
from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.clock import Clock
from ingest.intake import NotTakenIn
from ingest.outcomes import Outcome
from ingest.uplinks import PAYLOAD_MAX, Fault, Uplink, eui_or_none

log = structlog.get_logger(__name__)

UP_TOPICS = "ec/v1/+/up"
CONTENT_TYPE = "application/ecw1+cbor"
SHARED_AS = "ingest"
"""All processes of ingest take from one subscription, where the broker has that."""
RECEIVE_MAXIMUM = 1024
"""Messages under way at once. It is the back-pressure: while the database is slow or away, no more come."""

TakeInAll = Callable[[Sequence[Uplink]], Awaitable[list[Outcome | NotTakenIn]]]


class DeviceBroker:
    """The connection to the device broker.

    Messages are acknowledged to the broker when `take_in_all` returns, which is after commit: whatever was not committed
    comes again. What is no good is committed too, with its reason, and acknowledged. `worker` numbers the processes that
    share the subscription; beside the first one they are idle where the broker cannot share.
    """

    def __init__(
        self, address: MqttAddress, client_id: str, take_in_all: TakeInAll, clock: Clock, worker: int = 0
    ) -> None:
        self._take_in_all = take_in_all
        self._clock = clock
        self._worker = worker
        self._connection = MqttConnection(
            address,
            client_id if worker == 0 else f"{client_id}-{worker}",
            subscriptions={UP_TOPICS: _never},
            receive_maximum=RECEIVE_MAXIMUM,
            group_handler=self._receive,
            shared_as=SHARED_AS,
        )

    @property
    def connected(self) -> bool:
        return self._connection.connected

    async def run(self, stop: asyncio.Event) -> None:
        """Receive until `stop`. Raises BrokerUnavailable if the broker is away at the start."""
        await self._connection.start()
        try:
            if self._worker and not self._connection.shares:
                log.warning("worker_idle", worker=self._worker, reason="the broker has no shared subscriptions")
                await self._connection.stop()
            await stop.wait()
        finally:
            await self._connection.stop()

    async def send_down(self, eui: str, sealed: bytes) -> None:
        """Publish a sealed message to a device. Raises BrokerUnavailable."""
        await self._connection.publish(f"ec/v1/{eui}/down", sealed, content_type=CONTENT_TYPE)

    async def _receive(self, messages: Sequence[Message]) -> Sequence[bool]:
        outcomes = await self._take_in_all([self.uplink_of(message) for message in messages])
        return [isinstance(outcome, Outcome) for outcome in outcomes]

    def uplink_of(self, message: Message) -> Uplink:
        """The uplink that an MQTT message carries; the topic says which device it claims to be from."""
        named, eui = _device_of(message.topic)
        payload = message.payload
        fault = None
        if len(payload) > PAYLOAD_MAX:
            fault = Fault(
                Reason.MALFORMED, f"The message has {len(payload)} bytes; only the first {PAYLOAD_MAX} are kept."
            )
            payload = payload[:PAYLOAD_MAX]
        elif eui is None:
            fault = Fault(Reason.MALFORMED, f"The topic names {named[:64]!r}, which is no device EUI of 16 hex digits.")
        return Uplink("device_broker", eui, payload, self._clock.now(), fault=fault)


async def _never(_message: Message) -> None:
    raise TypeError("messages of the device broker are received in groups")


@lru_cache(maxsize=65536)
def _device_of(topic: str) -> tuple[str, str | None]:
    """What a topic names, and that as a device EUI, if it is one."""
    parts = topic.split("/")
    named = parts[2] if len(parts) > 2 else topic
    return named, eui_or_none(named)
