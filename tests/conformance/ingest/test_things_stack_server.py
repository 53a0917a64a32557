"""The Things Stack's MQTT server, played by a real Mosquitto: TLS, a key per application, QoS 0, no sessions, downlinks back."""

import asyncio
import json
import os
import pwd
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from community.clients.mqtt import BrokerUnavailable, Message, MqttAddress, MqttConnection
from community.store.unit_of_work import Store
from ingest.network_events import DownlinkReport
from ingest.sources.things_stack import ThingsStack, ThingsStackAddress
from ingest.uplinks import DownlinkFrame
from standalone.lora_month import FIRST_SLOT
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.conformance.ingest.test_legacy_by_things_stack import storage_server
from tests.support.brokers import MosquittoBroker
from tests.support.lora_radio_books import RadioDevice, register_radio, tts_json
from tools.deployment import authority_certificate, certificate, mosquitto_line

APPLICATION, KEY = "community@ttn", "NNSXS.KEY"
ID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
RIGHTS = f"""
user {APPLICATION}
topic read v3/{APPLICATION}/devices/+/up
topic read v3/{APPLICATION}/devices/+/join
topic read v3/{APPLICATION}/devices/+/down/+
topic write v3/{APPLICATION}/devices/+/down/push
topic write v3/{APPLICATION}/devices/+/down/replace
user network-server
topic readwrite #
"""


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class StackServer(MosquittoBroker):
    """What an application sees of the server: TLS only, an API key as password, rights on its own application."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        now = datetime.now(UTC)
        authority_key, own_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.authority = folder / "ca.pem"
        self.authority.write_bytes(authority_certificate(authority_key, now))
        issued = certificate("eu1", ("localhost",), own_key, (pem(authority_key), self.authority.read_bytes()), now)
        (folder / "server.pem").write_bytes(issued)
        (folder / "server.key").write_bytes(pem(own_key))
        lines = [mosquitto_line(user, KEY) for user in (APPLICATION, "network-server")]
        (folder / "passwords").write_text("".join(lines))
        (folder / "rights").write_text(RIGHTS)
        for name in ("passwords", "rights"):
            (folder / name).chmod(0o600)
        self._config.write_text(
            f"listener {self.port}\nuser {pwd.getpwuid(os.getuid()).pw_name}\nallow_anonymous false\n"
            f"certfile {folder}/server.pem\nkeyfile {folder}/server.key\n"
            f"password_file {folder}/passwords\nacl_file {folder}/rights\nlog_dest file {folder}/mosquitto.log\n"
        )
        self.address = self.enter(APPLICATION)

    def enter(self, user: str, password: str = KEY) -> MqttAddress:
        return MqttAddress(f"mqtts://localhost:{self.port}", user, password, str(self.authority), version=4)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[StackServer]:
    running = StackServer(tmp_path)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def until(condition: Callable[[], bool], deadline_s: float = 20) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(
    address: ThingsStackAddress, intake: RunningIntake, reports: list[DownlinkReport]
) -> AsyncIterator[ThingsStack]:
    async def report(one: DownlinkReport) -> None:
        reports.append(one)

    stack = ThingsStack(address, "ingest-tts", intake.intake.take_in, intake.clock, report)
    stop = asyncio.Event()
    task = asyncio.create_task(stack.run(stop))
    try:
        await until(lambda: stack.connected)
        yield stack
    finally:
        stop.set()
        await task


def frames_of(device: RadioDevice, slots: int) -> list[dict[str, Any]]:
    sent = [frame for slot in range(FIRST_SLOT, FIRST_SLOT + slots) for frame in device.quarter(slot)]
    # a rejoin in the middle: another session, and frame counters from 0 again
    middle = len(sent) // 2
    found = []
    for n, frame in enumerate(sent):
        message = tts_json(device.eui, frame.f_port, frame.payload, frame.at, n % middle)
        message["uplink_message"]["session_key_id"] = (
            "AXBSH1Pk6Z0G166RlH16CQ==" if n < middle else "BXBSH1Pk6Z0G166RlH16CQ=="
        )
        found.append(message)
    return found


async def test_live_uplinks_joins_and_what_a_restart_lost(sqlite_store: Store, server: StackServer) -> None:
    device = RadioDevice(5, seed=41)
    await register_radio(sqlite_store, device.identity)
    sent, reports = frames_of(device, 16), list[DownlinkReport]()
    base = f"v3/{APPLICATION}/devices/eui-{device.eui}"
    async with running_intake(sqlite_store) as intake:
        intake.clock.instant = datetime.fromisoformat(sent[-1]["received_at"]) + timedelta(minutes=1)
        with storage_server() as storage:
            address = ThingsStackAddress(
                server.address, APPLICATION, storage.url, "NNSXS.key", overlap=timedelta(hours=12)
            )
            network_server = MqttConnection(server.enter("network-server"), "ns", clean_start=True)
            await network_server.start()
            counts = intake.intake.counts
            async with listening(address, intake, reports):
                await until(lambda: bool(storage.queries))
                for message in sent[:6]:
                    await network_server.publish(f"{base}/up", json.dumps(message).encode(), qos=0)
                await network_server.publish(
                    f"{base}/up", json.dumps(sent[0]).encode(), qos=0
                )  # by another gateway, late
                await network_server.publish(f"{base}/up", json.dumps({**sent[7], "simulated": True}).encode(), qos=0)
                join = {"end_device_ids": sent[0]["end_device_ids"], "join_accept": {"session_key_id": "BXBS"}}
                await network_server.publish(f"{base}/join", json.dumps(join).encode(), qos=0)
                done = {"downlink_sent": {"correlation_ids": [f"ec:{ID}"]}}
                await network_server.publish(f"{base}/down/sent", json.dumps(done).encode(), qos=0)
                await until(lambda: counts.admitted == 6 and counts.duplicate == 1 and counts.rejected == 1)
                await until(lambda: [each.downlink_id for each in reports] == [ID])
                storage.stored = sent[:12]
                asked = len(storage.queries)
                await server.stop()  # nothing is kept there for those who are away
                await server.start()
                await until(lambda: len(storage.queries) > asked and counts.admitted == 12)
                for message in sent[12:]:
                    await network_server.publish(f"{base}/up", json.dumps(message).encode(), qos=0)
                await until(lambda: counts.admitted == 16)
            await network_server.stop()
        readings = await intake.readings("house", "1-0:1.8.0")
        assert len(readings) >= 12 and counts.rejected == 1
        assert {wh for _, wh in readings} <= set(device.truth.values())


async def test_downlinks_are_pushed_and_replaced(sqlite_store: Store, server: StackServer) -> None:
    device = RadioDevice(5, seed=42)
    heard: list[tuple[str, Any]] = []

    async def hear(message: Message) -> None:
        heard.append((message.topic, json.loads(message.payload)))

    async with running_intake(sqlite_store) as intake:
        network_server = MqttConnection(
            server.enter("network-server"),
            "ns",
            subscriptions={f"v3/{APPLICATION}/devices/+/down/#": hear},
            clean_start=True,
        )
        await network_server.start()
        async with listening(ThingsStackAddress(server.address, APPLICATION), intake, []) as stack:
            envelope = json.dumps(tts_json(device.eui, 10, b"x", intake.clock.now()))
            frame = DownlinkFrame(ID, 20, b"\x01\x02")
            assert await stack.send(device.eui, envelope, frame)
            assert await stack.push(envelope, [frame, frame])
            assert not await stack.send(device.eui, "{}", frame)
            await until(lambda: len(heard) == 2)
        await network_server.stop()
    one = {"f_port": 20, "frm_payload": "AQI=", "priority": "NORMAL", "correlation_ids": [f"ec:{ID}"]}
    base = f"v3/{APPLICATION}/devices/eui-{device.eui}/down"
    assert heard == [(f"{base}/replace", {"downlinks": [one]}), (f"{base}/push", {"downlinks": [one, one]})]


async def test_a_wrong_key_or_an_unknown_authority_keeps_us_out(server: StackServer, tmp_path: Path) -> None:
    for address in (
        server.enter(APPLICATION, "NNSXS.WRONG"),
        replace(server.address, ca_file=None),
        replace(server.address, url=server.address.url.replace("mqtts", "mqtt")),
    ):
        with pytest.raises(BrokerUnavailable):
            await MqttConnection(address, "x", clean_start=True).start(timeout_s=0.7)
    heard: list[str] = []

    async def hear(message: Message) -> None:
        heard.append(message.topic)

    topics = [f"v3/{application}/devices/x/up" for application in ("another@ttn", APPLICATION)]
    curious = MqttConnection(server.address, "y", subscriptions=dict.fromkeys(topics, hear), clean_start=True)
    network_server = MqttConnection(server.enter("network-server"), "ns", clean_start=True)
    await curious.start()
    await network_server.start()
    for topic in topics:
        await network_server.publish(topic, b"{}")
    await until(lambda: bool(heard))
    assert heard == topics[1:]  # only what the key has rights on
    await curious.stop()
    await network_server.stop()
