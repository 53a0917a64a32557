"""The Things Stack v3: live uplinks over MQTT 3.1.1, and its Storage Integration for what MQTT lost (wire-format 3.1).

Its MQTT is QoS 0 without sessions, so every restart and every full buffer loses messages. The storage is asked at
start, at every reconnect and every few minutes with an overlap; what came by both ways is one frame.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import httpx
import structlog

from community.clients.mqtt import BrokerUnavailable, Message, MqttAddress, MqttConnection
from community.clock import Clock
from community.errors import RetryableError
from ingest.sources.things_stack_json import received_at_of, uplink_from_json
from ingest.uplinks import TakeIn

log = structlog.get_logger(__name__)

PAGE = 1000
REQUEST_TIMEOUT_S = 60.0
START_RETRY_S = 10.0


class StorageUnavailable(RetryableError):
    """The Storage Integration did not answer as it should. The next poll asks for the same time again."""


@dataclass(frozen=True, slots=True)
class ThingsStackAddress:
    """An application at a Things Stack. `storage_url` is the server's base URL, None where it has no storage."""

    mqtt: MqttAddress
    application: str
    """As it stands in topics: app@tenant, or app with the open-source stack."""
    storage_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    poll_every: timedelta = timedelta(minutes=10)
    overlap: timedelta = timedelta(minutes=30)

    @property
    def topic(self) -> str:
        return f"v3/{self.application}/devices/+/up"

    @property
    def application_id(self) -> str:
        return self.application.split("@")[0]


class ThingsStack:
    """Both ways from one application into intake."""

    def __init__(self, address: ThingsStackAddress, client_id: str, take_in: TakeIn, clock: Clock) -> None:
        self._address = address
        self._take_in = take_in
        self._clock = clock
        self._poll_now = asyncio.Event()
        self._polled_to: datetime | None = None
        self._connection = MqttConnection(
            address.mqtt,
            client_id,
            subscriptions={address.topic: self._receive},
            subscription_qos=0,
            clean_start=True,
            on_ready=self._poll_now.set,
        )

    @property
    def connected(self) -> bool:
        return self._connection.connected

    async def run(self, stop: asyncio.Event) -> None:
        """Receive and poll until `stop`. A server that is away is tried again for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(stop))
            if self._address.storage_url is not None:
                tasks.create_task(self._poll_until(stop))

    async def _listen(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._connection.start()
                break
            except BrokerUnavailable as error:
                log.warning("things_stack_unavailable", reason=str(error))
                await _wait(stop, START_RETRY_S)
        try:
            await stop.wait()
        finally:
            await self._connection.stop()

    async def _receive(self, message: Message) -> None:
        await self._take_in(uplink_from_json(message.payload, self._clock.now()))

    async def _poll_until(self, stop: asyncio.Event) -> None:
        self._poll_now.set()
        while not stop.is_set():
            await _first(stop, self._poll_now, self._address.poll_every.total_seconds())
            if stop.is_set():
                return
            self._poll_now.clear()
            try:
                taken = await self.poll()
                log.info("storage_polled", uplinks=taken)
            except StorageUnavailable as error:
                log.warning("storage_unavailable", reason=str(error))

    async def poll(self) -> int:
        """Take in what the storage has since the last poll, less the overlap. Returns how many uplinks it gave.

        The first poll asks for all that is kept there. Raises StorageUnavailable. An uplink that cannot be stored now
        keeps none of the others back; the next poll asks for the same time again.
        """
        started = self._clock.now()
        after = None if self._polled_to is None else self._polled_to - self._address.overlap
        taken, left = 0, 0
        async for line in self._stored_since(after):
            try:
                await self._take_in(uplink_from_json(line, self._clock.now()))
                taken += 1
            except RetryableError as error:
                left += 1
                log.warning("stored_uplink_not_taken_in", reason=str(error))
        if not left:
            self._polled_to = started
        return taken

    async def _stored_since(self, after: datetime | None) -> AsyncIterator[bytes]:
        url = (
            f"{self._address.storage_url}/api/v3/as/applications/{self._address.application_id}"
            "/packages/storage/uplink_message"
        )
        headers = {"Accept": "text/event-stream"}
        if self._address.api_key:
            headers["Authorization"] = f"Bearer {self._address.api_key}"
        async with httpx.AsyncClient(timeout=REQUEST_TIMEOUT_S) as client:
            for _page in count():
                query = {"limit": str(PAGE), "order": "received_at"}
                if after is not None:
                    query["after"] = after.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                lines = await _lines_of(client, url, query, headers)
                for line in lines:
                    yield line
                newest = max((at for at in map(received_at_of, lines) if at is not None), default=None)
                if len(lines) < PAGE or newest is None or newest == after:
                    return
                after = newest


async def _lines_of(client: httpx.AsyncClient, url: str, query: dict[str, str], headers: dict[str, str]) -> list[bytes]:
    try:
        answer = await client.get(url, params=query, headers=headers)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise StorageUnavailable(f"The Things Stack's storage at {url} does not answer: {error!r}") from error
    return [line for line in answer.content.splitlines() if line.strip()]


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    await _first(stop, stop, seconds)


async def _first(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.create_task(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
