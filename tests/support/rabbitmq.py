"""A private RabbitMQ with its MQTT plugin: own node, own files, own epmd; stopped when its block ends.

Debian 12 has version 3.10, which speaks MQTT 3.1.1. Its programs are started from where the package keeps them: the
wrappers on PATH change the user.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from community.clients.mqtt import MqttAddress
from tests.support.brokers import free_port

START_DEADLINE_S = 120
PLAIN_CONFIG = (
    "listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{port}\nmqtt.allow_anonymous = true\n"
    "mqtt.prefetch = 1000\nmqtt.subscription_ttl = 3600000\nlog.file.level = warning\n"
)


def programs() -> Path:
    """The folder of RabbitMQ's own scripts. Raises RuntimeError where it is not installed."""
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    if not found:
        raise RuntimeError("RabbitMQ is not installed: run `make test`, or install the package rabbitmq-server")
    return found[-1]


class RabbitBroker:
    """RabbitMQ as the tests use it: how to enter it, and how to hurt it."""

    redelivers = True

    def __init__(self, folder: Path, config: str = PLAIN_CONFIG, port: int | None = None) -> None:
        self.folder = folder / "rabbitmq"
        self.folder.mkdir()
        self.port = port or free_port()
        self.address = MqttAddress(f"mqtt://127.0.0.1:{self.port}", username="guest", password="guest", version=4)
        (self.folder / "rabbitmq.conf").write_text(config.replace("{port}", str(self.port)))
        (self.folder / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
        self._epmd = free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")},
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self._epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"test{self._epmd}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            # one scheduler: the tests share two cores
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the node and return when it accepts connections."""
        with (self.folder / "out").open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                str(programs() / "rabbitmq-server"),
                env=self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    except OSError:
                        await asyncio.sleep(0.1)
                        continue
                    writer.close()
                    await writer.wait_closed()
                    return
        except TimeoutError:
            words = (self.folder / "out").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the private RabbitMQ did not start:\n{words}") from None

    def kill(self) -> None:
        """kill -9 of the whole node."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Stop the node, whatever state it is in."""
        if self._process is None:
            return
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
        await self._process.wait()
        self._process = None

    async def end(self) -> None:
        """Stop the node and its name service."""
        await self.stop()
        command = ["epmd", "-port", str(self._epmd), "-kill"]
        await asyncio.to_thread(subprocess.run, command, env=self.environment, capture_output=True, check=False)

    def control(self, *words: str, script: Path | None = None) -> str:
        """Run rabbitmqctl, or a script that calls it, on this node; returns what it says."""
        control = str(programs() / "rabbitmqctl")
        command = [control, *words] if script is None else [str(script), *words]
        environment = {**self.environment, "RABBITMQCTL": control}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        if answer.returncode:
            raise RuntimeError(f"{words} failed: {answer.stdout}{answer.stderr}")
        return answer.stdout


@asynccontextmanager
async def start_rabbitmq(
    folder: Path, config: str = PLAIN_CONFIG, port: int | None = None
) -> AsyncIterator[RabbitBroker]:
    """A private RabbitMQ whose files are in `folder`."""
    broker = RabbitBroker(folder, config, port)
    try:
        await broker.start()
        yield broker
    finally:
        await broker.end()
