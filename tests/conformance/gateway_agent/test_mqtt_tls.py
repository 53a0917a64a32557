"""The uplink over TLS to a real Mosquitto: a certificate of the device's own, or user and password; last will, refusals."""

import asyncio
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from community.attestation.device_message import BackendMessage
from community.clients.mqtt import BrokerUnavailable, MqttAddress, MqttConnection
from community.clock import slot_at
from community.runtime.system_clock import SystemClock
from gateway_agent.reading import RegisterReading
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.secure_element.onboarding import certificate_request
from gateway_agent.spool import Spool
from gateway_agent.statements import DeviceIdentity
from gateway_agent.uplinks.mqtt import MqttUplink
from tests.support.agents import EUI, SECRET, Backend, backend, until
from tests.support.brokers import MosquittoBroker, free_port, start_mosquitto

IDENTITY = DeviceIdentity(EUI, SECRET, 0, 1, 1)
NOW = SystemClock().now()
SLOT = slot_at(NOW)


class Authority:
    """A certificate authority for one test."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(
            self._name,
            subject,
            key,
            x509.random_serial_number(),
            NOW - timedelta(days=1),
            NOW + timedelta(days=1),
        )
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return builder.add_extension(issuer, False).add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)

    def issue(self, request: x509.CertificateSigningRequest, file: str) -> Path:
        """The certificate that `request` asks for."""
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey) and request.is_signature_valid
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = self._builder(request.subject, key).add_extension(names, False).sign(self._key, hashes.SHA256())
        path = self.folder / file
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def pair(self, name: str) -> tuple[str, str]:
        """(certificate, key) files of a fresh key, asked for as a device asks: through a signer."""
        key_file = self.folder / f"{name}.key"
        signer = DevelopmentKeySigner.create(key_file)
        request = x509.load_pem_x509_csr(certificate_request(signer, name).encode())
        return str(self.issue(request, f"{name}.crt")), str(key_file)


@asynccontextmanager
async def tls_broker(
    folder: Path, authority: Authority, *, certificates: bool
) -> AsyncIterator[tuple[MosquittoBroker, str]]:
    """A Mosquitto with a plain listener for the test's backend and a TLS one for devices; the TLS URL."""
    server, server_key = authority.pair("broker")
    port = free_port()
    rules = folder / "acl"
    rules.write_text(
        "user test\ntopic readwrite #\npattern write ec/v1/%u/up\npattern write ec/v1/%u/status\n"
        "pattern read ec/v1/%u/down\n"
    )
    for file in (rules, *folder.glob("broker.*")):
        file.chmod(0o644)
    who = (
        f"cafile {authority.file}\nrequire_certificate true\nuse_identity_as_username true\n"
        if certificates
        else f"password_file {_passwords(folder)}\nallow_anonymous false\n"
    )
    extra = (
        f"acl_file {rules}\nper_listener_settings false\nlistener {port} 127.0.0.1\n"
        f"certfile {server}\nkeyfile {server_key}\n{who}"
    )
    async with start_mosquitto(folder, extra) as broker:
        yield broker, f"mqtts://127.0.0.1:{port}"


def _passwords(folder: Path) -> Path:
    path = folder / "passwords"
    path.touch(0o644)
    program = shutil.which("mosquitto_passwd", path=os.environ.get("PATH", "") + ":/usr/bin:/usr/sbin")
    assert program is not None, "mosquitto_passwd is not installed; it comes with mosquitto"
    for name, password in (("test", "test"), (EUI.hex(), "right")):
        subprocess.run([program, "-b", str(path), name, password], check=True, capture_output=True)
    return path


@asynccontextmanager
async def sending(folder: Path, address: MqttAddress) -> AsyncIterator[Spool]:
    """An uplink at work with one reading to send; its spool."""
    spool = Spool(folder / "spool.db", EUI.hex())
    spool.add_reading(RegisterReading(SLOT, 0, 1, (1000,), "A1", 1), development_key=True)
    key = folder / "statements.pem"
    signer = DevelopmentKeySigner(key) if key.exists() else DevelopmentKeySigner.create(key)
    uplink = MqttUplink(address, IDENTITY, signer, spool, development_key=True, resend_after_s=1)
    stop = asyncio.Event()
    task = asyncio.create_task(uplink.run(stop))
    try:
        yield spool
    finally:
        stop.set()
        await task
        spool.close()


async def acknowledged(spool: Spool, it: Backend) -> None:
    await until(lambda: it.slots() == [SLOT], "the reading")
    await until(lambda: any(json.loads(each).get("backlog") == 1 for each in it.statuses), "the status")
    await it.tell(BackendMessage(acked_ctr=1))
    await until(lambda: spool.status().unacknowledged == 0, "the acknowledgement")
    await until(lambda: json.loads(it.statuses[-1]).get("backlog") == 0, "the status after it")


async def test_a_device_with_a_certificate_of_its_own_sends_and_is_acknowledged(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "community")
    certificate, key = authority.pair(EUI.hex())
    async with tls_broker(tmp_path, authority, certificates=True) as (broker, url):
        address = MqttAddress(url, ca_file=str(authority.file), cert_file=certificate, key_file=key)
        async with backend(broker.address) as it:
            async with sending(tmp_path, address) as spool:
                await acknowledged(spool, it)
            await until(lambda: json.loads(it.statuses[-1]) == {"online": False}, "goodbye")
        # The status is retained: who comes later sees it at once.
        async with backend(broker.address) as later:
            await until(lambda: bool(later.statuses), "the retained status")
            assert json.loads(later.statuses[0]) == {"online": False}


async def test_no_certificate_a_strangers_or_another_devices_topic_gets_nothing_through(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "community"), Authority(tmp_path, "stranger")
    other, other_key = authority.pair("70b3d57ed0060999")
    false, false_key = stranger.pair(EUI.hex())
    async with (
        tls_broker(tmp_path, authority, certificates=True) as (broker, url),
        backend(broker.address) as it,
    ):
        trusting = MqttAddress(url, ca_file=str(authority.file))
        distrusting = MqttAddress(url, ca_file=str(stranger.file))
        for refused in (trusting, replace(trusting, cert_file=false, key_file=false_key), distrusting):
            with pytest.raises(BrokerUnavailable):
                await MqttConnection(refused, EUI.hex()).start(timeout_s=0.8)
        async with sending(tmp_path, replace(trusting, cert_file=other, key_file=other_key)) as spool:
            await until(lambda: spool.status().unsigned == 0, "the statement of the wrong device")
            await asyncio.sleep(0.3)
            assert spool.status().unacknowledged == 1
        assert it.messages == []  # another device's certificate opens only its own topics


async def test_user_and_password_do_where_there_is_no_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "community")
    async with tls_broker(tmp_path, authority, certificates=False) as (broker, url):
        address = MqttAddress(url, username=EUI.hex(), password="right", ca_file=str(authority.file))
        with pytest.raises(BrokerUnavailable):
            await MqttConnection(replace(address, password="wrong"), "wrong").start(timeout_s=0.8)
        plain = replace(broker.address, password="test")
        async with backend(plain) as it, sending(tmp_path, address) as spool:
            await acknowledged(spool, it)


async def test_what_the_backend_said_to_an_absent_device_is_heard_when_it_is_back(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "community")
    certificate, key = authority.pair(EUI.hex())
    async with tls_broker(tmp_path, authority, certificates=True) as (broker, url), backend(broker.address) as it:
        address = MqttAddress(url, ca_file=str(authority.file), cert_file=certificate, key_file=key)
        async with sending(tmp_path, address) as spool:
            await until(lambda: it.slots() == [SLOT], "the reading")
            assert spool.status().unacknowledged == 1
        await it.tell(BackendMessage(acked_ctr=1))
        await broker.stop()
        await broker.start()  # its sessions are on its disk
        async with sending(tmp_path, address) as spool:
            await until(lambda: spool.status().unacknowledged == 0, "what was said meanwhile")


async def test_the_last_will_of_a_killed_device_is_there_for_who_comes_later(tmp_path: Path) -> None:
    DevelopmentKeySigner.create(tmp_path / "key.pem")
    async with start_mosquitto(tmp_path) as broker:
        device = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.spooling_process", "live", str(tmp_path), broker.address.url),
            *(str(SLOT), "nowhere"),
            cwd=Path(__file__).parents[3],
            stderr=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            async with backend(broker.address) as it:
                await until(lambda: any(json.loads(each).get("online") for each in it.statuses), "online")
                device.send_signal(signal.SIGKILL)
                await until(lambda: json.loads(it.statuses[-1]) == {"online": False}, "the last will")
        finally:
            if device.returncode is None:
                device.kill()
            await device.wait()
        async with backend(broker.address) as later:
            await until(lambda: bool(later.statuses), "the retained last will")
            assert json.loads(later.statuses[0]) == {"online": False}
