"""From a device over a real broker into the books and back: acknowledged after commit, up to the first hole."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from community.attestation.statement import SlotReading
from community.clients.mqtt import BrokerUnavailable, Message, MqttConnection
from community.store.unit_of_work import Store, StoreUnavailable
from ingest.acknowledgements import Acknowledgements
from ingest.intake import Intake
from ingest.judging import Judge
from ingest.sources.device_broker import DeviceBroker
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.brokers import RunningBroker, start_amqtt, start_mosquitto
from tests.support.sending_device import EUI, NOON_SLOT, SendingDevice, StandingClock, register
from tests.support.stores import COLUMN_KEY

UP, DOWN = f"ec/v1/{EUI}/up", f"ec/v1/{EUI}/down"


@pytest_asyncio.fixture(params=["mosquitto", "amqtt"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunningBroker]:
    if request.param == "amqtt":
        async with start_amqtt() as running:
            yield running
        return
    async with start_mosquitto(tmp_path) as mosquitto:
        yield mosquitto


async def until(condition: Callable[[], bool], deadline_s: float = 20) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


class Radio:
    """The device's end of the broker: what it was told."""

    def __init__(self, device: SendingDevice, broker: RunningBroker) -> None:
        self.device = device
        self.told: list[tuple[int, int | None]] = []
        self.connection = MqttConnection(broker.address, "device", subscriptions={DOWN: self._hear})

    async def _hear(self, message: Message) -> None:
        counter, content = self.device.open_down(message.payload)
        self.told.append((counter, content.acked_ctr))

    async def send(self, payload: bytes) -> None:
        await self.connection.publish(UP, payload)


@asynccontextmanager
async def whole_ingest(store: Store, broker: RunningBroker) -> AsyncIterator[Intake]:
    """Broker source, intake and acknowledgements, as the process composes them."""
    stop = asyncio.Event()
    clock = StandingClock()

    async def send_down(eui: str, sealed: bytes) -> None:
        await source.send_down(eui, sealed)

    acknowledgements = Acknowledgements(store, send_down)
    intake = Intake(store, Judge(COLUMN_KEY), clock, acknowledgements.committed)
    source = DeviceBroker(broker.address, "ingest", intake.take_in_all, clock)
    tasks = [asyncio.create_task(part.run(stop)) for part in (intake, acknowledgements, source)]
    await until(lambda: source.connected)
    try:
        yield intake
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def test_acknowledged_up_to_the_first_hole(sqlite_store: Store, broker: RunningBroker) -> None:
    device = SendingDevice()
    await register(sqlite_store, device)
    radio = Radio(device, broker)
    await radio.connection.start()
    async with whole_ingest(sqlite_store, broker):
        await radio.send(device.frame((NOON_SLOT, 1000), ctr=0))
        await until(lambda: [acked for _, acked in radio.told] == [0])
        await radio.send(device.frame((NOON_SLOT + 2, 1200), ctr=2))
        await until(lambda: len(radio.told) == 2)
        missing = device.sign([SlotReading(NOON_SLOT + 1, 0, 1, (1100,))], ctr=1)
        await radio.send(device.seal(missing))
        await until(lambda: len(radio.told) == 3)
        await radio.send(device.seal(missing))  # the acknowledgement was lost: sent again, told again
        await until(lambda: len(radio.told) == 4)
    assert [acked for _, acked in radio.told] == [0, 0, 2, 2]
    async with whole_ingest(sqlite_store, broker):  # a new process, which knows nothing but the books
        await radio.send(device.frame((NOON_SLOT + 3, 1300), ctr=3))
        await until(lambda: len(radio.told) == 5)
    assert radio.told[-1][1] == 3
    counters = [counter for counter, _ in radio.told]
    assert counters == sorted(set(counters)) and counters[-1] >= 64  # never one twice, also not after a restart
    await radio.connection.stop()


async def test_a_refused_frame_is_not_acknowledged_and_the_next_is(sqlite_store: Store, broker: RunningBroker) -> None:
    device = SendingDevice()
    await register(sqlite_store, device)
    radio = Radio(device, broker)
    await radio.connection.start()
    async with whole_ingest(sqlite_store, broker) as intake:
        await radio.send(b"garbage")
        await radio.connection.publish("ec/v1/not-an-eui/up", b"garbage")
        await radio.send(device.frame((NOON_SLOT, 1000), ctr=0))
        await until(lambda: len(radio.told) == 1)
        assert (intake.counts.rejected, intake.counts.admitted) == (2, 1)
    assert radio.told[0][1] == 0
    await radio.connection.stop()


async def test_a_lost_acknowledgement_undoes_nothing(sqlite_store: Store) -> None:
    device = SendingDevice()
    await register(sqlite_store, device)
    attempts: list[str] = []

    async def broken(eui: str, _sealed: bytes) -> None:
        attempts.append(eui)
        raise BrokerUnavailable("away")

    acknowledgements = Acknowledgements(sqlite_store, broken)
    stop = asyncio.Event()
    task = asyncio.create_task(acknowledgements.run(stop))
    async with running_intake(sqlite_store) as intake:
        intake.intake._committed = acknowledgements.committed
        message = device.sign([SlotReading(NOON_SLOT, 0, 1, (1000,))])
        await intake.send(device.seal(message))
        await until(lambda: attempts == [EUI])
        await intake.send(device.seal(message))
        await until(lambda: attempts == [EUI, EUI])
        assert await intake.readings() == [(0, 1000)]
    stop.set()
    await task


async def test_while_the_database_is_away_nothing_is_answered(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = SendingDevice()
    await register(sqlite_store, device)
    monkeypatch.setattr("ingest.intake.RETRY_DELAYS_S", (0.01,))
    async with running_intake(sqlite_store) as intake:
        begin = sqlite_store.begin
        away: list[int] = []

        def refusing() -> object:
            away.append(1)
            raise StoreUnavailable("away")

        monkeypatch.setattr(sqlite_store, "begin", refusing)
        waiting = asyncio.create_task(intake.send(device.frame((NOON_SLOT, 1000))))
        await until(lambda: len(away) > 3)
        assert not waiting.done()
        monkeypatch.setattr(sqlite_store, "begin", begin)
        assert (await waiting).verdict == "admitted"


async def test_what_waits_at_the_stop_is_left_unacknowledged(sqlite_store: Store) -> None:
    running = RunningIntake(sqlite_store)
    waiting = asyncio.create_task(running.intake.take_in(running.uplink(b"x")))
    await asyncio.sleep(0)
    stop = asyncio.Event()
    stop.set()
    await running.intake.run(stop)
    with pytest.raises(asyncio.CancelledError):
        await waiting
