"""ChirpStack v4: events and commands over MQTT 5 at one's own broker (wire-format 3.2).

The broker's persistent session is the buffer: an event is acknowledged after its commit, and what was not comes again.
ChirpStack itself must publish with `qos=1`, or the session keeps nothing.
"""

import asyncio
from dataclasses import dataclass

from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.clock import Clock
from ingest.network_events import TakeReport
from ingest.sources.chirpstack_json import application_of, command_json, event_from_json
from ingest.sources.dispatch import Dispatch
from ingest.uplinks import DownlinkFrame, TakeIn

APPLICATION_ANY = "+"


@dataclass(frozen=True, slots=True)
class ChirpStackAddress:
    """The broker that ChirpStack publishes to, and the application's id; "+" for all that the broker lets us see."""

    mqtt: MqttAddress
    application: str = APPLICATION_ANY

    @property
    def topic(self) -> str:
        return f"application/{self.application}/device/+/event/+"


class ChirpStack:
    """Events of an application into intake, downlinks back."""

    def __init__(
        self,
        address: ChirpStackAddress,
        client_id: str,
        take_in: TakeIn,
        clock: Clock,
        take_report: TakeReport | None = None,
    ) -> None:
        self._dispatch = Dispatch(take_in, take_report)
        self._clock = clock
        self._connection = MqttConnection(address.mqtt, client_id, subscriptions={address.topic: self._receive})

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

    async def send(self, eui: str, envelope: str, frame: DownlinkFrame) -> bool:
        """Queue `frame` for the device whose latest uplink is `envelope`; False where that names no application.

        Raises BrokerUnavailable.
        """
        application = application_of(envelope)
        if application is None:
            return False
        topic = f"application/{application}/device/{eui}/command/down"
        await self._connection.publish(topic, command_json(eui, frame))
        return True

    async def _receive(self, message: Message) -> None:
        kind = message.topic.rsplit("/", 1)[-1]
        await self._dispatch.take(event_from_json(message.payload, kind, self._clock.now()))
