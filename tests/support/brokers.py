"""Real MQTT brokers on free ports of the loopback, each stopped when its block ends."""

import asyncio
import contextlib
import os
import pwd
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig

from community.clients.mqtt import MqttAddress
from standalone.broker import shut_down

START_DEADLINE_S = 10
SHUT_DOWN_LIMIT_S = 5.0


class RunningBroker(Protocol):
    """A broker under test: how to enter it, and how to hurt it."""

    address: MqttAddress
    redelivers: bool

    async def stop(self) -> None: ...

    async def start(self) -> None: ...


def free_port() -> int:
    """A port of the loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mosquitto_binary() -> str | None:
    """Path of the Mosquitto program, None where it is not installed."""
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


class MosquittoBroker:
    """Mosquitto with the persistence settings that the product asks for."""

    redelivers = True

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.port = free_port()
        self.address = MqttAddress(f"mqtt://127.0.0.1:{self.port}", username="test", version=5)
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser {pwd.getpwuid(os.getuid()).pw_name}\n"
            f"persistence true\npersistence_location {folder}/\nautosave_on_changes false\nautosave_interval 1\n"
            f"max_queued_messages 0\nmax_inflight_messages 1000\nlog_dest file {folder}/mosquitto.log\n{extra}"
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = mosquitto_binary()
        if program is None:
            raise RuntimeError("Mosquitto is not installed: run `make test`, or install the package mosquitto")
        self._process = await asyncio.create_subprocess_exec(
            program, "-c", str(self._config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        await _accepting(self.port)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()
        self._process = None


class AmqttBroker:
    """The embedded broker.

    It forgets its sessions when it stops. It keeps messages for an absent client only if that client has a user name,
    and it drops a message that was under way when the connection broke, or is not acknowledged within five seconds:
    over this broker only the device's own resending makes delivery certain.
    """

    redelivers = False

    def __init__(self) -> None:
        self.port = free_port()
        self.address = MqttAddress(f"mqtt://127.0.0.1:{self.port}", username="test", version=4)
        self._broker: Broker | None = None

    async def start(self) -> None:
        config = BrokerConfig.from_dict(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": False}},
            }
        )
        self._broker = Broker(config)
        await self._broker.start()

    async def stop(self) -> None:
        if self._broker is not None:
            await shut_down(self._broker, SHUT_DOWN_LIMIT_S)
        self._broker = None


@asynccontextmanager
async def start_mosquitto(folder: Path, extra: str = "") -> AsyncIterator[MosquittoBroker]:
    """A private Mosquitto whose files are in `folder`; `extra` lines are added to its configuration."""
    broker = MosquittoBroker(folder, extra)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@asynccontextmanager
async def start_amqtt() -> AsyncIterator[AmqttBroker]:
    """An amqtt broker in this process."""
    broker = AmqttBroker()
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


async def _accepting(port: int) -> None:
    async with asyncio.timeout(START_DEADLINE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return
