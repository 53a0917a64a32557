"""Gateway agents under test: their configuration files, and a backend that opens what they send."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from community.attestation.device_message import BackendMessage, DeviceMessage, encode_down, parse_up
from community.attestation.sealing import Direction, derive_salt_key, open_message, seal_message
from community.attestation.signatures import verify_p256
from community.clients.mqtt import Message, MqttAddress, MqttConnection
from gateway_agent.app import Agent

EUI = bytes.fromhex("70b3d57ed0060101")
SECRET = bytes(range(32))
METER_KEY = bytes(range(16))
DEADLINE_S = 20.0


def write_agent_config(folder: Path, meter: str, sink: str, signer: str, *, register_profile: int = 2) -> Path:
    """An agent.toml in `folder` with its secret files."""
    (folder / "secret.hex").write_text(SECRET.hex())
    (folder / "meter.key").write_text(METER_KEY.hex())
    path = folder / "agent.toml"
    path.write_text(
        f"""
[gateway]
id = "gw-test"
spool = "spool.db"
allow_insecure_key = {str("development" in signer).lower()}

[device]
eui = "{EUI.hex()}"
secret_file = "secret.hex"
register_profile = {register_profile}

[signer]
{signer}

[[meter]]
name = "under-test"
{meter}

{sink}
"""
    )
    return path


def mqtt_sink(address: MqttAddress) -> str:
    """The table of a broker under test."""
    return f'[sink.mqtt]\nurl = "{address.url}"\nusername = "{EUI.hex()}"\nversion = {address.version}\nresend_after_s = 1\n'


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds, at most DEADLINE_S."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not in {DEADLINE_S} s: {what}") from None


@asynccontextmanager
async def running(agent: Agent) -> AsyncIterator[asyncio.Task[None]]:
    """`agent` at work; stopped at the end, and what went wrong in it is raised."""
    stop = asyncio.Event()
    task = asyncio.create_task(agent.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await task


@dataclass(slots=True)
class Backend:
    """Opens, checks and keeps what arrives for one device."""

    connection: MqttConnection | None = None
    messages: list[DeviceMessage] = field(default_factory=list)
    counters: list[int] = field(default_factory=list)
    statuses: list[bytes] = field(default_factory=list)
    down_counter: int = 0

    async def take_up(self, message: Message) -> None:
        opened = open_message(message.payload, SECRET, EUI, Direction.UP)
        self.counters.append(opened.counter)
        self.messages.append(parse_up(opened.plaintext))

    async def take_status(self, message: Message) -> None:
        self.statuses.append(message.payload)

    async def tell(self, down: BackendMessage) -> None:
        assert self.connection is not None
        self.down_counter += 1
        sealed = seal_message(SECRET, EUI, 0, Direction.DOWN, self.down_counter, encode_down(down))
        await self.connection.publish(f"ec/v1/{EUI.hex()}/down", sealed)

    def slots(self) -> list[int]:
        """Every slot that arrived, once, in order."""
        return sorted({reading.slot for message in self.messages for reading in message.readings})

    def check_evidence(self, public_key: bytes) -> None:
        """Every signature and every root is right, and no message counter was used twice."""
        assert self.messages
        assert len(set(self.counters)) == len(self.counters)
        for message in self.messages:
            assert verify_p256(public_key, message.signed.to_be_signed(), message.signed.signature)
            assert message.matches_root(derive_salt_key(SECRET, EUI))


@asynccontextmanager
async def backend(address: MqttAddress) -> AsyncIterator[Backend]:
    """A backend that listens on the broker at `address`."""
    it = Backend()
    it.connection = MqttConnection(
        address,
        "backend",
        subscriptions={"ec/v1/+/up": it.take_up, "ec/v1/+/status": it.take_status},
    )
    await it.connection.start()
    try:
        yield it
    finally:
        await it.connection.stop()


@contextmanager
def closing(agent: Agent) -> Iterator[Agent]:
    """Closes the spool of an agent that never ran."""
    try:
        yield agent
    finally:
        agent.spool.close()
