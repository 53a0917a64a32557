"""The Things Stack v3: live uplinks over MQTT 3.1.1, and its Storage Integration for what MQTT lost (wire-format 3.1).

Its MQTT is QoS 0 without sessions, so every restart and every full buffer loses messages. The storage is asked at
start, at every reconnect and every few minutes with an overlap; what came by both ways is one frame.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Protocol

import httpx
import structlog

from community.clients.mqtt import BrokerUnavailable, Message, MqttAddress, MqttConnection
from community.clock import Clock
from community.errors import RetryableError
from ingest.network_events import TakeReport
from ingest.sources.dispatch import Dispatch
from ingest.sources.things_stack_json import (
    device_id_of,
    downlinks_json,
    event_from_json,
    received_at_of,
    uplink_from_json,
)
from ingest.uplinks import DownlinkFrame, TakeIn

log = structlog.get_logger(__name__)

PAGE = 1000
TAKEN_TOGETHER = 64
"""Stored uplinks that wait for one commit."""
REQUEST_TIMEOUT_S = 60.0
START_RETRY_S = 10.0
_DOWNLINK_STATES = ("queued", "sent", "ack", "nack", "failed", "invalidated")


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
    def topics(self) -> tuple[str, ...]:
        """What is listened to: uplinks, joins, and what becomes of downlinks."""
        kinds = ("up", "join", *(f"down/{state}" for state in _DOWNLINK_STATES))
        return tuple(f"v3/{self.application}/devices/+/{kind}" for kind in kinds)

    def downlink_topic(self, device_id: str, operation: str) -> str:
        """Where downlinks of a device are pushed (`push`), or put in place of all that wait (`replace`)."""
        return f"v3/{self.application}/devices/{device_id}/down/{operation}"

    @property
    def application_id(self) -> str:
        return self.application.split("@")[0]


class Position(Protocol):
    """Remembers over restarts up to where the storage was read, by the network server's own clock."""

    async def load(self) -> datetime | None:
        """None where nothing ever was. Raises RetryableError."""
        ...

    async def save(self, read_to: datetime) -> None:
        """Raises RetryableError."""
        ...


class ThingsStack:
    """Both ways from one application into intake."""

    def __init__(
        self,
        address: ThingsStackAddress,
        client_id: str,
        take_in: TakeIn,
        clock: Clock,
        take_report: TakeReport | None = None,
        position: Position | None = None,
    ) -> None:
        self._address = address
        self._position = position
        self._take_in = take_in
        self._dispatch = Dispatch(take_in, take_report)
        self._clock = clock
        self._poll_now = asyncio.Event()
        self._polled_to: datetime | None = None
        self._again_from: datetime | None = None
        self._connection = MqttConnection(
            address.mqtt,
            client_id,
            subscriptions=dict.fromkeys(address.topics, self._receive),
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

    async def send(self, _eui: str, envelope: str, frame: DownlinkFrame) -> bool:
        """Put `frame` in place of what waits for the device of `envelope`, its latest uplink, which names it.

        So at most one repair waits for a device that is not heard. False where the uplink does not name the device.
        Raises BrokerUnavailable.
        """
        return await self._send(envelope, [frame], "replace")

    async def push(self, envelope: str, frames: Sequence[DownlinkFrame]) -> bool:
        """Queue `frames` behind what waits for the device. As `send` in all else."""
        return await self._send(envelope, frames, "push")

    async def _send(self, envelope: str, frames: Sequence[DownlinkFrame], operation: str) -> bool:
        device_id = device_id_of(envelope)
        if device_id is None:
            return False
        topic = self._address.downlink_topic(device_id, operation)
        await self._connection.publish(topic, downlinks_json(frames), qos=0)
        return True

    def backfill(self, since: datetime) -> None:
        """Ask the storage again for everything from `since` on: something of that time is missing."""
        self._again_from = since if self._again_from is None else min(self._again_from, since)
        self._poll_now.set()

    async def _receive(self, message: Message) -> None:
        await self._dispatch.take(event_from_json(message.payload, self._clock.now()))

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
            except RetryableError as error:  # the storage, or our own store
                log.warning("storage_unavailable", reason=str(error))

    async def poll(self) -> int:
        """Take in what the storage has since the newest uplink it gave, less the overlap. Returns how many it gave.

        The server's stamps say how far it was read, as our clock may be ahead of them; one of the future counts as now. Until it gave anything, all
        that is kept there is asked for; after a restart it goes on where it was. Raises RetryableError:
        StorageUnavailable, or that of the position's store. An uplink that cannot be stored now
        keeps none of the others back; the next poll asks for the same time again.
        """
        if self._polled_to is None and self._position is not None:
            self._polled_to = await self._position.load()
        after = None if self._polled_to is None else self._polled_to - self._address.overlap
        again_from = self._again_from
        if after is not None and again_from is not None:
            after = min(after, again_from)
        taken, left = 0, 0
        newest = self._polled_to
        async for page in self._stored_since(after):
            stamps = (min(at, self._clock.now()) for at in map(received_at_of, page) if at is not None)
            newest = max((at for at in (newest, *stamps) if at is not None), default=None)
            for at in range(0, len(page), TAKEN_TOGETHER):
                lines = page[at : at + TAKEN_TOGETHER]
                stored = sum(await asyncio.gather(*map(self._take_stored, lines)))
                taken, left = taken + stored, left + len(lines) - stored
        if not left:
            if self._position is not None and newest is not None and newest != self._polled_to:
                await self._position.save(newest)
            self._polled_to = newest
            if self._again_from == again_from:
                self._again_from = None
        return taken

    async def _take_stored(self, line: bytes) -> bool:
        try:
            await self._take_in(uplink_from_json(line, self._clock.now()))
        except RetryableError as error:
            log.warning("stored_uplink_not_taken_in", reason=str(error))
            return False
        return True

    async def _stored_since(self, after: datetime | None) -> AsyncIterator[list[bytes]]:
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
                yield lines
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
