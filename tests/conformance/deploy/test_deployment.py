"""The broker's rules and the secrets of the containers, tried on a real Mosquitto and a real PostgreSQL."""

import asyncio
import os
import pwd
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from community.clients.mqtt import BrokerUnavailable, Message, MqttAddress, MqttConnection
from community.store.schema import migrate, newest_revision
from community.store.sealed_columns import ColumnKey
from ingest.sources.webhooks import WebhookAddress
from settlement.requester_key import load_requester_key
from tests.architecture.repository import ROOT
from tests.support.brokers import mosquitto_binary
from tools.deployment import make_device, make_everything, revoke_device
from tools.private_postgres import PrivatePostgres, free_port, private_postgres

DEADLINE_S = 10.0
OWN, OTHER = "70b3d57ed0000001", "70b3d57ed0000002"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with everything that the containers need."""
    made = tmp_path_factory.mktemp("checkout")
    make_everything(made, "localhost", datetime.now(UTC))
    return made


def test_making_secrets_again_changes_nothing(root: Path) -> None:
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted((root / "deploy").rglob("*")) if path.is_file()}

    before = contents()
    make_everything(root, "localhost", datetime.now(UTC))
    assert contents() == before
    secrets = root / "deploy" / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    readable = {path.name for path in secrets.rglob("*") if path.is_file() and path.stat().st_mode & 0o077}
    # read by images that run as users of their own; the folder guards them
    assert readable == {
        "database_password", "keycloak_database_password", "keycloak_admin_password", "grafana_password"
    }  # fmt: skip


def test_the_processes_can_use_their_secrets(root: Path) -> None:
    secrets = root / "deploy" / "secrets"
    assert len(ColumnKey.load(secrets / "column_key").key) == 32
    load_requester_key(secrets / "requester_key")
    webhook_secrets = [(secrets / f"webhook_secret_{server}").read_text() for server in ("tts", "chirpstack")]
    assert WebhookAddress("localhost", 1, *webhook_secrets).chirpstack_secret != webhook_secrets[0]


async def test_a_password_file_opens_the_database(root: Path) -> None:
    secrets = root / "deploy" / "secrets"
    password = (secrets / "database_password").read_text()
    with private_postgres() as server:
        _ask_for_passwords(server, password)
        passfile = root / "passfile"
        passfile.write_text((secrets / "database_passfile").read_text().replace("postgres:*:", "127.0.0.1:*:", 1))
        passfile.chmod(0o600)
        address = f"postgresql://community@127.0.0.1:{server.port}/community"
        with pytest.raises(Exception, match="password"):
            await migrate(address)
        assert await migrate(f"{address}?passfile={passfile}") == newest_revision()


def _ask_for_passwords(server: PrivatePostgres, password: str) -> None:
    server.execute(f"CREATE ROLE community LOGIN PASSWORD '{password}'")
    server.execute("CREATE DATABASE community OWNER community")
    rules = "host all community 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n"
    (server.data / "pg_hba.conf").write_text(rules)
    server.execute("SELECT pg_reload_conf()")


@dataclass(slots=True)
class Broker:
    """A running Mosquitto with the rules of deploy/mosquitto."""

    root: Path
    plain: int
    tls: int
    process: asyncio.subprocess.Process | None = None

    def user(self, name: str) -> MqttAddress:
        """How a process of the backend enters."""
        password = (self.root / "deploy" / "secrets" / f"broker_password_{name}").read_text()
        return MqttAddress(f"mqtt://127.0.0.1:{self.plain}", name, password)

    def device(self, eui: str) -> MqttAddress:
        """How a device enters: by its certificate."""
        folder = make_device(self.root, eui, datetime.now(UTC))
        authority = str(self.root / "deploy" / "secrets" / "broker" / "ca.pem")
        files = (str(folder / "device.pem"), str(folder / "device.key"))
        return MqttAddress(f"mqtts://localhost:{self.tls}", None, None, authority, *files)


@pytest.fixture
async def broker(root: Path, tmp_path: Path) -> AsyncIterator[Broker]:
    program = mosquitto_binary()
    assert program is not None, "install the package mosquitto"
    running = Broker(root, free_port(), free_port())
    state = tmp_path / "state"
    state.mkdir()
    config = (ROOT / "deploy" / "mosquitto" / "mosquitto.conf").read_text()
    for old, new in {
        "listener 1883": f"listener {running.plain} 127.0.0.1",
        "listener 8883": f"listener {running.tls} 127.0.0.1",
        "/mosquitto/certs/": f"{root}/deploy/secrets/broker/",
        "/mosquitto/config/": f"{ROOT}/deploy/mosquitto/",
        "/mosquitto/data/": f"{state}/",
    }.items():
        assert old in config
        config = config.replace(old, new)
    (tmp_path / "mosquitto.conf").write_text(f"{config}\nuser {pwd.getpwuid(os.getuid()).pw_name}\n")
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, "-c", str(tmp_path / "mosquitto.conf"), stdout=log, stderr=log
        )
        try:
            await _accepting(running.tls, tmp_path / "log")
            running.process = process
            yield running
        finally:
            process.terminate()
            await process.wait()


async def _accepting(port: int, log: Path) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE_S
    while loop.time() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the broker did not start:\n{log.read_text(errors='replace')}")


@dataclass(slots=True)
class Ear:
    """Keeps what it hears, and lets one wait for a payload."""

    heard: list[tuple[str, bytes]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, message: Message) -> None:
        async with self.changed:
            self.heard.append((message.topic, message.payload))
            self.changed.notify_all()

    async def until(self, payload: bytes) -> None:
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(lambda: any(each == payload for _, each in self.heard))


@asynccontextmanager
async def entered(
    address: MqttAddress, name: str, ear: Ear | None = None, *topics: str
) -> AsyncIterator[MqttConnection]:
    subscriptions = dict.fromkeys(topics, ear) if ear is not None else {}
    connection = MqttConnection(address, name, subscriptions=subscriptions)
    await connection.start(DEADLINE_S)
    try:
        yield connection
    finally:
        await connection.stop()


async def test_a_device_speaks_for_itself_only(broker: Broker) -> None:
    ear, own_ear = Ear(), Ear()
    async with (
        entered(broker.user("ingest"), "ingest", ear, "ec/v1/+/up", "ec/v1/+/status") as ingest,
        entered(broker.device(OWN), OWN, own_ear, "ec/v1/+/down", "ec/v1/+/up") as device,
    ):
        await device.publish(f"ec/v1/{OTHER}/up", b"in another's name")
        await device.publish("sign/v1/signer/request", b"a request")
        await device.publish(f"ec/v1/{OWN}/up", b"in its own name")
        await ear.until(b"in its own name")
        await ingest.publish(f"ec/v1/{OTHER}/down", b"for the other")
        await ingest.publish(f"ec/v1/{OWN}/down", b"for this one")
        await own_ear.until(b"for this one")
    assert ear.heard == [(f"ec/v1/{OWN}/up", b"in its own name")]
    assert own_ear.heard == [(f"ec/v1/{OWN}/down", b"for this one")]


async def test_signature_requests_are_between_settlement_and_the_signer(broker: Broker) -> None:
    asked, answered, outside = Ear(), Ear(), Ear()
    async with (
        entered(broker.user("signer"), "signer", asked, "sign/v1/signer/request") as signer,
        entered(broker.user("settlement"), "settlement", answered, "sign/v1/settlement/reply") as settlement,
        entered(broker.user("ingest"), "ingest", outside, "sign/#", "ec/v1/+/up") as ingest,
    ):
        await ingest.publish("sign/v1/signer/request", b"forged")
        await settlement.publish("sign/v1/signer/request", b"please")
        await asked.until(b"please")
        await signer.publish("sign/v1/settlement/reply", b"signed")
        await answered.until(b"signed")
        async with entered(broker.device(OWN), OWN) as device:
            await device.publish(f"ec/v1/{OWN}/up", b"last")
        await outside.until(b"last")
    assert asked.heard == [("sign/v1/signer/request", b"please")]
    assert outside.heard == [(f"ec/v1/{OWN}/up", b"last")]


async def test_nobody_enters_without_a_key(broker: Broker) -> None:
    good = broker.user("ingest")
    strangers = [
        MqttAddress(good.url),
        MqttAddress(good.url, "ingest", "guessed"),
        MqttAddress(f"mqtts://localhost:{broker.tls}", ca_file=broker.device(OWN).ca_file),
    ]
    tried = [MqttConnection(address, f"stranger-{number}").start(2.0) for number, address in enumerate(strangers)]
    ended = await asyncio.gather(*tried, return_exceptions=True)
    assert [type(each) for each in ended] == [BrokerUnavailable] * len(strangers)


async def test_a_revoked_certificate_opens_nothing_and_its_successor_does(broker: Broker) -> None:
    stolen, other = "70b3d57ed00000aa", broker.device(OTHER)
    address = broker.device(stolen)
    async with entered(address, stolen):
        pass
    copies = {name: Path(name).read_bytes() for name in (str(address.cert_file), str(address.key_file))}
    now = datetime.now(UTC)
    first = revoke_device(broker.root, stolen, now)
    with pytest.raises(FileNotFoundError):
        revoke_device(broker.root, stolen, now)
    assert broker.process is not None
    broker.process.send_signal(signal.SIGHUP)
    for name, content in copies.items():  # the thief has them
        (Path(name).with_suffix(f".thief{Path(name).suffix}")).write_bytes(content)
    certificate, key = (str(Path(name).with_suffix(f".thief{Path(name).suffix}")) for name in copies)
    thief = replace(address, cert_file=certificate, key_file=key)
    async with asyncio.timeout(DEADLINE_S):
        while await _enters(thief, stolen):  # the broker reads its list when it comes to it
            await asyncio.sleep(0.1)
    async with entered(broker.device(stolen), stolen), entered(other, OTHER):
        pass
    assert revoke_device(broker.root, stolen, now) != first
    listed = x509.load_pem_x509_crl((broker.root / "deploy" / "secrets" / "broker" / "revoked.pem").read_bytes())
    assert len(list(listed)) == 2


async def _enters(address: MqttAddress, name: str) -> bool:
    connection = MqttConnection(address, name)
    try:
        await connection.start(1.0)
    except BrokerUnavailable:
        return False
    await connection.stop()
    return True
