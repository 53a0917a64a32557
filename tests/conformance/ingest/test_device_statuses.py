"""What devices say of themselves reaches those who look after them: over a real Mosquitto, and by radio."""

import asyncio
from datetime import timedelta
from pathlib import Path

from community.attestation import cbor
from community.attestation.lora_frame import Port, RadioKeys, seal_frame
from community.attestation.reasons import Reason
from community.attestation.sealing import Direction
from community.clients.mqtt import MqttConnection
from community.clock import slot_start
from community.store.unit_of_work import Store
from community.store.views.device_health import SaidOfItself, device_health
from ingest.sources.device_statuses import DeviceStatuses
from standalone.lora_month import FIRST_SLOT
from tests.conformance.ingest.intakes import running_intake
from tests.support.agents import until
from tests.support.brokers import start_mosquitto
from tests.support.lora_radio_books import RadioDevice, heard, register_radio
from tests.support.sending_device import EUI, SendingDevice, StandingClock, register


async def said(store: Store, eui: str) -> SaidOfItself | None:
    async with store.read() as work:
        (found,) = await device_health(work, StandingClock().now(), [eui])
    return found.said


async def test_what_was_said_before_ingest_came_and_the_last_will(store: Store, tmp_path: Path) -> None:
    await register(store, SendingDevice())
    clock, stop = StandingClock(), asyncio.Event()
    async with start_mosquitto(tmp_path) as broker:
        speaker = MqttConnection(broker.address, "speaker")
        await speaker.start()
        first = b'{"online":true,"fw":"1.2.0","backlog":7,"ctr":78}'
        for eui, payload in ((EUI, first), ("00000000000000ff", first), ("nobody", first)):
            await speaker.publish(f"ec/v1/{eui}/status", payload, retain=True)
        statuses = DeviceStatuses(broker.address, "ingest-status", store, clock)
        running = asyncio.create_task(statuses.run(stop))
        async with asyncio.timeout(60):
            while await said(store, EUI) is None:
                await asyncio.sleep(0.05)
        assert await said(store, EUI) == SaidOfItself(True, "1.2.0", 7, clock.now())
        clock.instant += timedelta(minutes=1)
        await speaker.publish(f"ec/v1/{EUI}/status", b"no status")
        await speaker.publish(f"ec/v1/{EUI}/status", b'{"online":false}', retain=True)
        async with asyncio.timeout(60):
            while (now := await said(store, EUI)) is None or now.is_online:
                await asyncio.sleep(0.05)
        assert now == SaidOfItself(False, "1.2.0", 7, clock.now())  # what it ran stays known
        await speaker.stop()
        stop.set()
        await running


async def test_while_the_database_is_away_the_newest_word_waits(sqlite_store: Store, tmp_path: Path) -> None:
    await register(sqlite_store, SendingDevice())
    away = Store.open(f"sqlite:///{tmp_path}/no/such/folder.db")
    async with start_mosquitto(tmp_path) as broker:
        speaker = MqttConnection(broker.address, "speaker")
        await speaker.start()
        statuses = DeviceStatuses(broker.address, "ingest-status", away, StandingClock())
        await statuses._connection.start()
        for backlog in (1, 2):
            await speaker.publish(f"ec/v1/{EUI}/status", b'{"online":true,"backlog":%d}' % backlog)
        await until(lambda: any(status.backlog == 2 for status in statuses._told.values()), "both words were heard")
        await statuses.keep()
        statuses._store = sqlite_store
        await statuses.keep()
        assert (now := await said(sqlite_store, EUI)) is not None and now.backlog == 2 and not statuses._told
        await statuses._connection.stop()
        await speaker.stop()
    await away.close()


async def test_a_device_without_a_broker_says_it_by_radio(sqlite_store: Store) -> None:
    device = RadioDevice(data_rate=5, seed=3)
    await register_radio(sqlite_store, device.identity)
    keys = RadioKeys(bytes.fromhex(device.eui), device.identity.secret)
    async with running_intake(sqlite_store) as intake:
        for counter, (plaintext, reason) in enumerate(
            [(cbor.encode({1: "2.1", 2: 12}), None), (cbor.encode({9: 1}), Reason.MALFORMED)]
        ):
            at = slot_start(FIRST_SLOT) + timedelta(seconds=counter)
            intake.clock.instant = max(intake.clock.instant, at)
            frame = seal_frame(keys, Direction.UP, Port.STATUS, 0, counter, plaintext)
            outcome = await intake.intake.take_in(heard("things_stack", device.eui, Port.STATUS, frame, at, counter))
            assert outcome.reason == reason
    async with sqlite_store.read() as work:
        (found,) = await device_health(work, intake.clock.now(), [device.eui])
    now = found.said
    assert now is not None and (now.is_online, now.firmware, now.backlog) == (True, "2.1", 12)
