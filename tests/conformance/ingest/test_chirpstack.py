"""ChirpStack's events over a real Mosquitto: MQTT 5, QoS 1, a session that waits, commands back."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from community.clients.mqtt import Message, MqttAddress, MqttConnection
from community.store.unit_of_work import Store, StoreUnavailable
from ingest.network_events import DownlinkReport, DownlinkState
from ingest.sources.chirpstack import ChirpStack, ChirpStackAddress
from ingest.uplinks import DownlinkFrame
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.brokers import start_mosquitto
from tests.support.legacy_gateway import GATEWAY, IMPORT, QUARTER, books, legacy_payload
from tests.support.sending_device import NOON

APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"
ID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


def topic(kind: str, application: str = APPLICATION) -> str:
    return f"application/{application}/device/{GATEWAY.eui}/event/{kind}"


def event(payload: bytes, at: datetime, f_cnt: int = 0) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "deduplicationId": f"3ac7e3c4-4401-4b8d-9386-{f_cnt:012d}",
        "time": at.isoformat(),
        "deviceInfo": {"applicationId": APPLICATION, "devEui": GATEWAY.eui, "deviceName": "top-2"},
        "devAddr": "00189440",
        "dr": 3,
        "fPort": 1,
        "data": base64.b64encode(payload).decode(),
        "rxInfo": [{"gatewayId": "0016c001f153a14c"}, {"gatewayId": "0016c001f153a14d"}],
    }
    return fields | ({"fCnt": f_cnt} if f_cnt else {})


async def until(condition: Callable[[], bool], deadline_s: float = 20) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(
    broker: MqttAddress, intake: RunningIntake, reports: list[DownlinkReport]
) -> AsyncIterator[ChirpStack]:
    async def report(one: DownlinkReport) -> None:
        reports.append(one)

    source = ChirpStack(
        ChirpStackAddress(broker, APPLICATION), "ingest-cs", intake.intake.take_in, intake.clock, report
    )
    stop = asyncio.Event()
    task = asyncio.create_task(source.run(stop))
    try:
        await until(lambda: source.connected)
        yield source
    finally:
        stop.set()
        await task


async def test_events_become_books_and_nothing_is_lost_while_ingest_is_away(
    sqlite_store: Store, tmp_path: Path
) -> None:
    await books(sqlite_store)
    sent = [event(legacy_payload(100 + n, NOON + n * QUARTER, 5000 + n), NOON + n * QUARTER, n) for n in range(5)]
    reports: list[DownlinkReport] = []
    async with start_mosquitto(tmp_path) as broker, running_intake(sqlite_store) as intake:
        intake.clock.instant = NOON + timedelta(hours=2)
        server = MqttConnection(broker.address, "chirpstack")
        await server.start()
        async with listening(broker.address, intake, reports):
            await server.publish(topic("up"), json.dumps(sent[0]).encode())
            await server.publish(topic("join"), json.dumps({**sent[0], "devAddr": "01"}).encode())
            await server.publish(topic("up"), b"{ no json")
            await server.publish(
                topic("ack"), json.dumps({**sent[0], "queueItemId": ID, "acknowledged": True}).encode()
            )
            await server.publish(topic("up", "another"), json.dumps(sent[4]).encode())  # not our application
            await until(lambda: intake.intake.counts.admitted == 1 and bool(reports))
        for one in (sent[1], sent[2], sent[1]):  # nobody listens: the broker keeps them
            await server.publish(topic("up"), json.dumps(one).encode())
        async with listening(broker.address, intake, reports):
            await until(lambda: intake.intake.counts.admitted == 3 and intake.intake.counts.duplicate == 1)
        await server.stop()
        assert await intake.readings("flat", IMPORT) == [(n, 5000 + n) for n in range(3)]
        assert (intake.intake.counts.rejected, intake.intake.counts.admitted) == (1, 3)
    assert [(each.downlink_id, each.state) for each in reports] == [(ID, DownlinkState.ACKNOWLEDGED)]


async def test_an_event_is_acknowledged_only_after_its_commit(
    sqlite_store: Store, tmp_path: Path, monkeypatch: Any
) -> None:
    await books(sqlite_store)
    monkeypatch.setattr("ingest.intake.RETRY_DELAYS_S", (0.01,))
    begin, away = sqlite_store.begin, []

    def refusing() -> object:
        away.append(1)
        raise StoreUnavailable("away")

    async with start_mosquitto(tmp_path) as broker:
        server = MqttConnection(broker.address, "chirpstack")
        async with running_intake(sqlite_store) as intake, listening(broker.address, intake, []):
            await server.start()
            monkeypatch.setattr(sqlite_store, "begin", refusing)
            await server.publish(topic("up"), json.dumps(event(legacy_payload(100, NOON, 5000), NOON)).encode())
            await until(lambda: len(away) > 2)
        monkeypatch.setattr(sqlite_store, "begin", begin)
        async with running_intake(sqlite_store) as intake, listening(broker.address, intake, []):
            await until(lambda: intake.intake.counts.admitted == 1)  # the broker delivered it again
        await server.stop()


async def test_a_downlink_reaches_the_devices_queue(sqlite_store: Store, tmp_path: Path) -> None:
    commands: list[tuple[str, dict[str, Any]]] = []

    async def hear(message: Message) -> None:
        commands.append((message.topic, json.loads(message.payload)))

    async with start_mosquitto(tmp_path) as broker, running_intake(sqlite_store) as intake:
        server = MqttConnection(
            broker.address, "chirpstack", subscriptions={"application/+/device/+/command/down": hear}
        )
        await server.start()
        async with listening(broker.address, intake, []) as source:
            envelope = json.dumps(event(b"x", NOON))
            assert await source.send(GATEWAY.eui, envelope, DownlinkFrame(ID, 20, b"\x01\x02"))
            assert not await source.send(GATEWAY.eui, "{}", DownlinkFrame(ID, 20, b"\x01\x02"))
            await until(lambda: bool(commands))
        await server.stop()
    assert commands == [
        (
            f"application/{APPLICATION}/device/{GATEWAY.eui}/command/down",
            {"devEui": GATEWAY.eui, "id": ID, "confirmed": False, "fPort": 20, "data": "AQI="},
        )
    ]
