"""RabbitMQ with the configuration and the rights of deploy/rabbitmq: who gets in, and what each may do."""

import asyncio
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from community.clients.mqtt import BrokerUnavailable, Message, MqttAddress, MqttConnection
from tests.architecture.repository import ROOT
from tests.support.brokers import free_port
from tests.support.rabbitmq import start_rabbitmq
from tools.deployment import make_device, make_everything

OWN, OTHER = "70b3d57ed0000001", "70b3d57ed0000002"
ALLOW = ROOT / "deploy" / "rabbitmq" / "allow"
DEADLINE_S = 40.0
REFUSED_FOR_S = 5.0


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.changed = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        self.heard.append((message.topic, message.payload))
        self.changed.set()

    async def until(self, payload: bytes) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not any(each == payload for _, each in self.heard):
                self.changed.clear()
                await self.changed.wait()


async def refused(address: MqttAddress, name: str, *, hearing: str | None = None) -> None:
    """Whoever comes so is sent away each time, be it only because of what he wants to hear."""
    ear = Ear()
    connection = MqttConnection(address, name, subscriptions={} if hearing is None else {hearing: ear})
    with pytest.raises(BrokerUnavailable):
        await connection.start(REFUSED_FOR_S)
    assert ear.heard == []


async def refuses_to_publish(device: MqttConnection, topic: str) -> None:
    """In MQTT 3.1.1 a broker has no other answer to a forbidden message than to close the connection."""
    with pytest.raises(BrokerUnavailable):
        await device.publish(topic, b"forged", timeout_s=2)


async def a_signature_travels(port: int, secrets: Path) -> None:
    """Settlement asks and the signer answers, each under its own name; ingest hears nothing of it."""
    address = {
        user: MqttAddress(
            f"mqtt://127.0.0.1:{port}", user, (secrets / f"broker_password_{user}").read_text(), version=4
        )
        for user in ("settlement", "signer", "ingest")
    }
    asked, answered = Ear(), Ear()
    signer = MqttConnection(address["signer"], "signer-signer", subscriptions={"sign/v1/signer/request": asked})
    settlement = MqttConnection(
        address["settlement"], "requester-settlement", subscriptions={"sign/v1/settlement/reply": answered}
    )
    await signer.start(DEADLINE_S)
    await settlement.start(DEADLINE_S)
    try:
        await settlement.publish("sign/v1/signer/request", b"please sign")
        await asked.until(b"please sign")
        await signer.publish("sign/v1/settlement/reply", b"signed")
        await answered.until(b"signed")
        await refuses_to_publish(signer, "sign/v1/signer/request")
    finally:
        await signer.stop()
        await settlement.stop()


@pytest.mark.timeout(240)
async def test_who_may_enter_rabbitmq_and_do_what(tmp_path: Path) -> None:
    make_everything(tmp_path, "localhost", datetime.now(UTC))
    plain, tls = free_port(), free_port()
    config = (ROOT / "deploy" / "rabbitmq" / "rabbitmq.conf").read_text()
    for old, new in {
        "0.0.0.0:1883": f"127.0.0.1:{plain}",
        "0.0.0.0:8883": f"127.0.0.1:{tls}",
        "/etc/rabbitmq/certs/": f"{tmp_path}/deploy/secrets/broker/",
    }.items():
        assert old in config
        config = config.replace(old, new)
    secrets = tmp_path / "deploy" / "secrets"
    password = (secrets / "broker_password_ingest").read_text()

    def device(eui: str) -> MqttAddress:
        folder = make_device(tmp_path, eui, datetime.now(UTC))
        files = (str(secrets / "broker" / "ca.pem"), str(folder / "device.pem"), str(folder / "device.key"))
        return MqttAddress(f"mqtts://localhost:{tls}", None, None, *files, version=4)

    async with start_rabbitmq(tmp_path, config, plain) as broker:
        # the backend's users came with the definitions
        await asyncio.to_thread(broker.control, "device", OWN, script=ALLOW)
        await a_signature_travels(plain, secrets)
        ear, own_ear = Ear(), Ear()
        ingest_at = MqttAddress(f"mqtt://127.0.0.1:{plain}", "ingest", password, version=4)
        ingest = MqttConnection(ingest_at, "ingest", subscriptions={"ec/v1/+/up": ear})
        own = MqttConnection(device(OWN), OWN, subscriptions={f"ec/v1/{OWN}/down": own_ear})
        statuses = MqttConnection(
            ingest_at, "ingest-status", subscriptions={"ec/v1/+/status": ear}, clean_start=True, session_expiry_s=0
        )
        await ingest.start(DEADLINE_S)
        await statuses.start(DEADLINE_S)
        await statuses.stop()
        await own.start(DEADLINE_S)
        try:
            await own.publish(f"ec/v1/{OWN}/up", b"in its own name")
            await ear.until(b"in its own name")
            await ingest.publish(f"ec/v1/{OWN}/down", b"for this one")
            await own_ear.until(b"for this one")
            await refuses_to_publish(own, f"ec/v1/{OTHER}/up")
            await refuses_to_publish(own, "sign/v1/signer/request")
        finally:
            await own.stop()
            await ingest.stop()
        assert ear.heard == [(f"ec/v1/{OWN}/up", b"in its own name")]
        no_certificate = MqttAddress(f"mqtts://localhost:{tls}", ca_file=str(secrets / "broker" / "ca.pem"), version=4)
        await asyncio.gather(
            refused(ingest_at, "ingest", hearing="sign/v1/signer/request"),
            refused(device(OWN), OWN, hearing=f"ec/v1/{OTHER}/up"),
            refused(device(OWN), OTHER, hearing=f"ec/v1/{OWN}/down"),  # another's session
            refused(no_certificate, "nobody-1"),
            refused(MqttAddress(ingest_at.url, version=4), "nobody-2"),
            refused(MqttAddress(ingest_at.url, "ingest", "guessed", version=4), "nobody-3"),
            refused(MqttAddress(ingest_at.url, OWN, "", version=4), "nobody-4"),  # without its certificate
        )
        await asyncio.to_thread(broker.control, "nobody", OWN, script=ALLOW)
        await refused(device(OWN), OWN)


@pytest.mark.parametrize("words", [[], ["device"], ["device", "gw-1"], ["device", OWN[:-1]], ["somebody", "x"]])
def test_rights_are_given_to_nobody_else(words: list[str]) -> None:
    answer = subprocess.run(
        [ALLOW, *words],
        capture_output=True,
        text=True,
        check=False,
        env={"RABBITMQCTL": "false", "PATH": "/usr/bin:/bin"},
    )
    assert answer.returncode == 2 and ("usage" in answer.stderr or "16 lower-case hex digits" in answer.stderr)
