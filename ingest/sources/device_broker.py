"""The device broker: sealed ECW1 messages over MQTT (wire-format 2.5), and the acknowledgements back."""

import asyncio

from community.attestation.reasons import Reason
from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.clock import Clock
from ingest.uplinks import PAYLOAD_MAX, Fault, TakeIn, Uplink, eui_or_none

UP_TOPICS = "ec/v1/+/up"
CONTENT_TYPE = "application/ecw1+cbor"


class DeviceBroker:
    """The connection to the device broker.

    A message is acknowledged to the broker when `take_in` returns, which is after commit: whatever was not committed
    comes again.
    """

    def __init__(self, address: MqttAddress, client_id: str, take_in: TakeIn, clock: Clock) -> None:
        self._take_in = take_in
        self._clock = clock
        self._connection = MqttConnection(address, client_id, subscriptions={UP_TOPICS: self._receive})

    @property
    def connected(self) -> bool:
        return self._connection.connected

    async def run(self, stop: asyncio.Event) -> None:
        """Receive until `stop`. Raises BrokerUnavailable if the broker is away at the start."""
        await self._connection.start()
        try:
            await stop.wait()
        finally:
            await self._connection.stop()

    async def send_down(self, eui: str, sealed: bytes) -> None:
        """Publish a sealed message to a device. Raises BrokerUnavailable."""
        await self._connection.publish(f"ec/v1/{eui}/down", sealed, content_type=CONTENT_TYPE)

    async def _receive(self, message: Message) -> None:
        await self._take_in(self.uplink_of(message))

    def uplink_of(self, message: Message) -> Uplink:
        """The uplink that an MQTT message carries; the topic says which device it claims to be from."""
        now = self._clock.now()
        named = message.topic.split("/")[2]
        eui = eui_or_none(named)
        fault = None
        payload = message.payload
        if len(payload) > PAYLOAD_MAX:
            fault = Fault(
                Reason.MALFORMED, f"The message has {len(payload)} bytes; only the first {PAYLOAD_MAX} are kept."
            )
            payload = payload[:PAYLOAD_MAX]
        elif eui is None:
            fault = Fault(Reason.MALFORMED, f"The topic names {named[:64]!r}, which is no device EUI of 16 hex digits.")
        return Uplink("device_broker", eui, payload, now, fault=fault)
