"""What devices say of themselves on their status topics (wire-format 2.5): the newest of each is kept for those who look after them.

Statuses are retained by the broker, so whatever a stopped process missed comes when it subscribes again; nothing has to be acknowledged
after a commit.
"""

import asyncio

import structlog

from community.attestation.device_status import DeviceStatus, MalformedStatus, parse_status
from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.clock import Clock
from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop
from community.store.device_statuses import keep_statuses
from community.store.unit_of_work import Store
from ingest.uplinks import eui_or_none

log = structlog.get_logger(__name__)

TOPICS = "ec/v1/+/status"
WRITE_EVERY_S = 1.0
KEPT_TOGETHER = 500
WAITING_MAX = 100_000
"""Devices whose statuses wait for a database that is away; what else comes is passed over, as they say it again."""


class DeviceStatuses:
    """The connection to the status topics."""

    def __init__(self, address: MqttAddress, client_id: str, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._told: dict[str, DeviceStatus] = {}
        self._connection = MqttConnection(
            address, client_id, subscriptions={TOPICS: self._receive}, clean_start=True, session_expiry_s=0
        )

    @property
    def connected(self) -> bool:
        return self._connection.connected

    async def run(self, stop: asyncio.Event) -> None:
        """Receive and keep until `stop`. Raises BrokerUnavailable if the broker is away at the start."""
        await self._connection.start()
        try:
            while not await wait_or_stop(stop, WRITE_EVERY_S):
                await self.keep()
        finally:
            await self._connection.stop()

    async def keep(self) -> None:
        """Write what was told since; while the database is away it waits."""
        while self._told:
            some = dict(list(self._told.items())[:KEPT_TOGETHER])
            try:
                async with self._store.begin() as work:
                    known = await keep_statuses(work, some, self._clock.now())
            except RetryableError as error:
                log.warning("statuses_not_kept", devices=len(self._told), reason=str(error))
                return
            for eui, status in some.items():
                if self._told.get(eui) == status:
                    del self._told[eui]
            if unknown := sorted(set(some) - known):
                log.info("statuses_of_unknown_devices", devices=unknown[:10], count=len(unknown))

    async def _receive(self, message: Message) -> None:
        eui = eui_or_none(message.topic.split("/")[2])
        try:
            status = parse_status(message.payload)
        except MalformedStatus as error:
            log.warning("status_refused", topic=message.topic[:80], reason=str(error))
            return
        if eui is not None and (eui in self._told or len(self._told) < WAITING_MAX):
            self._told[eui] = status
