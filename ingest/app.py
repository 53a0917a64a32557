"""The composition of ingest: sources, the one writer, acknowledgements."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import structlog

from community.clients.mqtt import BrokerUnavailable
from community.clock import Clock
from community.errors import FatalError
from community.runtime.lifecycle import wait_or_stop
from community.runtime.probes import ProbesAddress, probes
from community.store.poll_positions import PollPosition
from community.store.schema import require_current_schema
from community.store.unit_of_work import Store, StoreUnavailable
from ingest import failpoints
from ingest.acknowledgements import Acknowledgements
from ingest.advancement import Advancement
from ingest.column_keys import ColumnKeysOnFile
from ingest.condition import IngestCondition
from ingest.failpoints import Failpoint
from ingest.intake import Intake
from ingest.judging import Judge
from ingest.outcomes import Outcome
from ingest.repairs import Repairs, SendFrame, Ways
from ingest.settings import Settings
from ingest.sources.chirpstack import ChirpStack
from ingest.sources.device_broker import DeviceBroker
from ingest.sources.device_statuses import DeviceStatuses
from ingest.sources.provisioning import Provisioning
from ingest.sources.things_stack import ThingsStack
from ingest.sources.webhooks import Webhooks
from ingest.workers import ended_input, run_workers

log = structlog.get_logger(__name__)

BROKER_RETRY_S = 2.0
STORE_RETRY_S = 1.0


class IngestApp:
    """Ingest, ready to run. The first process (worker 0) has every source; others help with the device broker."""

    def __init__(
        self, settings: Settings, clock: Clock, worker: int = 0, failpoint: Failpoint = failpoints.none
    ) -> None:
        self._failpoint = failpoint
        self._settings = settings
        self._worker = worker
        self._clock = clock
        self._column_keys = ColumnKeysOnFile(settings.column_keys)
        self._judge = Judge(self._column_keys, settings.zone, settings.boundary_tolerance)
        self._broker: DeviceBroker | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Take in until `stop`. Raises FatalError if the database's schema is not current."""
        if not await self._database_answers(stop):
            return
        store = Store.open(self._settings.database_url)
        try:
            await self._run(store, stop)
        except* FatalError as failures:
            raise failures.exceptions[0] from None  # one sentence for the person who has to act
        finally:
            await store.close()

    async def _database_answers(self, stop: asyncio.Event) -> bool:
        """Wait for a database that is away at the start; False if `stop` comes before it."""
        while not stop.is_set():
            try:
                await require_current_schema(self._settings.database_url)
            except StoreUnavailable as error:
                log.warning("store_unavailable_at_start", reason=str(error), retry_s=STORE_RETRY_S)
                await wait_or_stop(stop, STORE_RETRY_S)
            else:
                return True
        return False

    async def _run(self, store: Store, stop: asyncio.Event) -> None:
        acknowledgements = Acknowledgements(store, self._send_down)
        repairs = Repairs(store, self._judge.load, self._judge.folds, Ways(sealed=self._send_down), self._clock)

        async def committed(outcomes: list[Outcome]) -> None:
            await acknowledgements.committed(outcomes)
            await repairs.committed(outcomes)

        intake = Intake(store, self._judge, self._clock, committed, self._failpoint)
        condition = IngestCondition(
            store, self._clock.now, intake, acknowledgements, repairs, lambda: self._broker_connected
        )
        async with probes("ingest", condition, self._probes):
            await self._work(store, intake, acknowledgements, repairs, stop)

    async def _work(
        self, store: Store, intake: Intake, acknowledgements: Acknowledgements, repairs: Repairs, stop: asyncio.Event
    ) -> None:
        settings = self._settings
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(intake.run(stop))
            if settings.device_broker is not None:
                self._broker = DeviceBroker(
                    settings.device_broker, settings.client_id, intake.take_in_all, self._clock, self._worker
                )
                tasks.create_task(_until_available(self._broker.run, stop))
                tasks.create_task(acknowledgements.run(stop))
            if self._worker:
                tasks.create_task(repairs.run(stop, settings.repair_every))
                tasks.create_task(self._tell_health(intake, acknowledgements, repairs, stop))
                input_ends = tasks.create_task(ended_input(stop))
                await stop.wait()
                input_ends.cancel()
                return
            tasks.create_task(Advancement(store, self._clock).run(stop))
            if settings.device_broker is not None:
                keys = Provisioning(
                    settings.device_broker, f"{settings.client_id}-prov", store, self._column_keys, self._clock
                )
                tasks.create_task(_until_available(keys.run, stop))
                statuses = DeviceStatuses(settings.device_broker, f"{settings.client_id}-status", store, self._clock)
                tasks.create_task(_until_available(statuses.run, stop))
                if settings.workers > 1:
                    tasks.create_task(run_workers(range(1, settings.workers), stop))
            repairs.ways = self._listen_to_network_servers(tasks, store, intake, repairs, stop)
            tasks.create_task(repairs.run(stop, settings.repair_every))
            tasks.create_task(self._tell_health(intake, acknowledgements, repairs, stop))

    def _listen_to_network_servers(
        self, tasks: asyncio.TaskGroup, store: Store, intake: Intake, repairs: Repairs, stop: asyncio.Event
    ) -> Ways:
        """Start what listens to network servers; returns how devices are reached."""
        settings, told = self._settings, (intake.take_in, self._clock, repairs.take_report)
        frames: dict[str, SendFrame] = {}
        backfill: Callable[[datetime], None] | None = None
        if settings.things_stack is not None:
            position = PollPosition(store, f"things_stack/{settings.things_stack.application}")
            stack = ThingsStack(settings.things_stack, f"{settings.client_id}-tts", *told, position)
            tasks.create_task(stack.run(stop))
            frames["things_stack"] = stack.send
            backfill = None if settings.things_stack.storage_url is None else stack.backfill
        if settings.chirpstack is not None:
            chirpstack = ChirpStack(settings.chirpstack, f"{settings.client_id}-chirpstack", *told)
            tasks.create_task(_until_available(chirpstack.run, stop))
            frames["chirpstack"] = chirpstack.send
        if settings.webhooks is not None:
            tasks.create_task(Webhooks(settings.webhooks, *told).run(stop))
        return Ways(frames, None if settings.device_broker is None else self._send_down, backfill)

    @property
    def _broker_connected(self) -> bool | None:
        """None where there is no device broker."""
        return None if self._broker is None else self._broker.connected

    @property
    def _probes(self) -> ProbesAddress:
        """Each worker answers on a port of its own, one above the other."""
        first = self._settings.probes
        return replace(first, port=first.port + self._worker) if first.port else first

    async def _send_down(self, eui: str, sealed: bytes) -> None:
        if self._broker is None:
            raise BrokerUnavailable("no device broker is set")
        await self._broker.send_down(eui, sealed)

    async def _tell_health(
        self, intake: Intake, acknowledgements: Acknowledgements, repairs: Repairs, stop: asyncio.Event
    ) -> None:
        while not await wait_or_stop(stop, self._settings.health_every.total_seconds()):
            counts = intake.counts
            log.info(
                "ingest_health",
                worker=self._worker,
                admitted=counts.admitted,
                duplicate=counts.duplicate,
                rejected=counts.rejected,
                quarantined=counts.quarantined,
                readings_refused=counts.readings_refused,
                batches=counts.batches,
                acknowledged=acknowledgements.sent,
                asked_again=repairs.asked,
                broker_connected=self._broker_connected,
            )


def build(settings: Settings, clock: Clock, worker: int = 0, failpoint: Failpoint = failpoints.none) -> IngestApp:
    """Ingest with these settings. Raises FatalError if the column key cannot be read."""
    return IngestApp(settings, clock, worker, failpoint)


async def _until_available(run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """A broker that is away at the start is waited for."""
    while not stop.is_set():
        try:
            await run(stop)
        except BrokerUnavailable as error:
            log.warning("broker_unavailable_at_start", reason=str(error))
            await wait_or_stop(stop, BROKER_RETRY_S)
