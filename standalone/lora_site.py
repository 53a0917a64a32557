"""A LoRaWAN site on one machine: a modem on a serial port, and the network server behind it.

Uplinks go out by MQTT at QoS 0, which loses what nobody hears, and stand in the storage, where they can be fetched.
"""

import asyncio
import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import structlog

from community.clients.mqtt import MqttAddress, MqttConnection
from community.clock import Clock
from community.errors import RetryableError
from standalone.lora_modem import LoraModem, RadioUplink
from standalone.lora_storage import StorageServer, UplinkStorage
from standalone.meters.serial_peer import SerialPeer
from standalone.things_stack_json import Application, uplink_json

log = structlog.get_logger(__name__)

_LINE_MAX = 1024


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """Where the modem is, to whom it belongs, and where its uplinks go."""

    link: Path
    application: Application
    broker: MqttAddress
    storage: Path
    http_port: int
    api_key: str | None = None


class LoraSite:
    """Modem, radio and network server."""

    def __init__(self, options: SiteOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._storage = UplinkStorage(options.storage)
        self._connection = MqttConnection(
            options.broker, f"ns-{options.application.dev_eui.hex()}", clean_start=True, session_expiry_s=0
        )
        self._session = b""
        self._f_cnt = 0
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`."""
        options = self._options
        server = StorageServer(self._storage, options.application.application_id, options.api_key)
        tasks = [
            asyncio.create_task(server.serve("127.0.0.1", options.http_port, stop), name="storage"),
            asyncio.create_task(self._serve_modem(), name="modem"),
            asyncio.create_task(self._publish(), name="publish"),
        ]
        stopped = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        finally:
            for task in (stopped, *tasks):
                task.cancel()
            await asyncio.gather(stopped, *tasks, return_exceptions=True)
            await self._connection.stop()

    async def _serve_modem(self) -> None:
        modem = LoraModem(self._options.application.dev_eui, self._hear, self._begin_session)
        with SerialPeer(self._options.link) as line:
            received = b""
            while True:
                received += await line.receive()
                *commands, received = received.replace(b"\r", b"\n").split(b"\n")
                received = received[-_LINE_MAX:]
                for command in commands:
                    for answer in modem.answer(command.decode("ascii", "replace")):
                        line.send(f"{answer}\r\n".encode())

    def _begin_session(self) -> None:
        self._session, self._f_cnt = os.urandom(16), 0

    def _hear(self, uplink: RadioUplink) -> None:
        message = uplink_json(self._options.application, self._session, self._f_cnt, uplink, self._clock.now())
        self._f_cnt += 1
        self._storage.add(message)
        self._outgoing.put_nowait(json.dumps(message, separators=(",", ":")).encode())

    async def _publish(self) -> None:
        while True:
            try:
                await self._connection.start()
                break
            except RetryableError as error:
                log.warning("broker_unavailable_to_site", reason=str(error))
        while True:
            message = await self._outgoing.get()
            if not self._connection.connected:
                log.warning("uplink_not_published", reason="the broker is away; it stands in the storage")
                continue
            with contextlib.suppress(RetryableError):
                await self._connection.publish(self._options.application.topic, message, qos=0, timeout_s=5)
