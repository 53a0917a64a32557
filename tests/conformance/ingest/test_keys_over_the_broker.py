"""A gateway brings its key to the backend over a real broker, measures, changes the key, and measures on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from community.attestation.provisioning import KeyOffered
from community.clock import slot_at
from community.errors import FatalError
from community.store import devices, onboarding
from community.store.devices import DeviceFile
from community.store.onboarding import Told
from community.store.unit_of_work import Store
from gateway_agent.cli_text import Terminal
from gateway_agent.commands import key_changes, keys
from gateway_agent.commands.spooling import drain_spool
from gateway_agent.provisioning import Conversation, NotAccepted, NotAnswered
from gateway_agent.reading import RegisterReading
from gateway_agent.settings import AgentSettings, load_settings
from gateway_agent.spool import Spool
from ingest.acknowledgements import Acknowledgements
from ingest.intake import Intake
from ingest.judging import Judge
from ingest.sources.device_broker import DeviceBroker
from ingest.sources.provisioning import Provisioning
from tests.conformance.ingest.intakes import RunningIntake
from tests.support.agents import EUI, SECRET, mqtt_sink, until, write_agent_config
from tests.support.brokers import RunningBroker, start_mosquitto
from tests.support.sending_device import EXPORT, INSTALLED, NOON, NOON_SLOT, StandingClock
from tests.support.stores import COLUMN_KEY

NOW = StandingClock().now()


@asynccontextmanager
async def whole_ingest(store: Store, broker: RunningBroker) -> AsyncIterator[None]:
    """Intake, acknowledgements and keys, as the process composes them."""
    stop, clock = asyncio.Event(), StandingClock()

    async def send_down(eui: str, sealed: bytes) -> None:
        await source.send_down(eui, sealed)

    acknowledgements = Acknowledgements(store, send_down)
    intake = Intake(store, Judge(COLUMN_KEY), clock, acknowledgements.committed)
    source = DeviceBroker(broker.address, "ingest", intake.take_in_all, clock)
    prov = Provisioning(broker.address, "ingest-prov", store, COLUMN_KEY, clock)
    tasks = [asyncio.create_task(part.run(stop)) for part in (intake, acknowledgements, source, prov)]
    await until(lambda: source.connected and prov.connected, "ingest is connected")
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def record(store: Store, secret: bytes = SECRET) -> None:
    async with store.begin() as work:
        await devices.add_metering_point(
            work, devices.MeteringPoint("mp_plant", "AT" + "0" * 31, "plant", "production", EXPORT)
        )
        meter = devices.Meter("meter-plant", "SN-plant", "Maker", "Model", {"1-0:1.8.0": None, EXPORT: None})
        await devices.add_meter(work, meter, COLUMN_KEY)
        new = devices.NewDevice("dev-plant", "plant", EUI.hex(), "ecw1", 2, secret)
        await devices.add_device(work, new, COLUMN_KEY, INSTALLED)
        await devices.install(
            work, "inst-plant", metering_point_id="mp_plant", meter_id="meter-plant", device_id="dev-plant",
            valid_from=INSTALLED, max_power_w=30_000,
        )  # fmt: skip


async def on_file(store: Store) -> DeviceFile:
    async with store.read() as work:
        found = await devices.load_device(work, EUI.hex(), COLUMN_KEY)
    assert found is not None
    return found


class Box:
    """A gateway with a development key, its agent stopped."""

    def __init__(self, folder: Path, broker: RunningBroker) -> None:
        meter = (
            'profile = "janitza-umg604"\ntransport = { type = "modbus-tcp", host = "127.0.0.1", port = 9, unit = 1 }'
        )
        signer = 'backend = "development"\nkey_file = "old.pem"'
        self.path = write_agent_config(folder, meter, mqtt_sink(broker.address), signer)
        self.said: list[str] = []
        keys.create_key(self.settings, self.said.append)

    @property
    def settings(self) -> AgentSettings:
        return load_settings(self.path)

    @property
    def out(self) -> Terminal:
        return Terminal(self.said.append)

    def make_key(self, name: str) -> None:
        named, _ = key_changes.successor(self.settings.signer, name)
        keys.create_key(replace(self.settings, signer=named), self.out)

    def measure(self, *slots: int) -> None:
        spool = Spool(self.settings.spool, EUI.hex())
        for slot in slots:
            reading = RegisterReading(slot, 0, 1, (0, 1000 + 10 * (slot - NOON_SLOT)), "SN-plant", 1, None)
            assert spool.add_reading(reading, development_key=True)
        spool.close()

    async def drain(self) -> None:
        await drain_spool(self.settings, self.out, StandingClock(), timeout_s=20)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[RunningBroker]:
    (tmp_path / "broker").mkdir()
    async with start_mosquitto(tmp_path / "broker") as running:
        yield running


async def test_a_key_is_registered_used_changed_and_used(
    sqlite_store: Store, broker: RunningBroker, tmp_path: Path
) -> None:
    store = sqlite_store
    await record(store)
    box = Box(tmp_path, broker)
    books = RunningIntake(store)
    async with whole_ingest(store, broker):
        for _again in range(2):
            await key_changes.register(box.settings, box.out, StandingClock(), "box rev B")
        first = (await on_file(store)).keys[0]
        assert (first.keyno, first.development_key, len((await on_file(store)).keys)) == (1, True, 1)
        async with store.begin() as work:
            await onboarding.confirm_serial(work, "dev-plant", "SN-plant", Told("op", "on site", "command-1"), NOW)
        box.measure(NOON_SLOT, NOON_SLOT + 1)
        box.make_key("new.pem")
        with pytest.raises(FatalError, match="spool drain"):
            await rotate(box, "new.pem")
        await box.drain()
        with pytest.raises(FatalError, match="is the key that signs now"):
            await rotate(box, "old.pem")
        for _again in range(2):  # an answer that was lost costs nothing
            await rotate(box, "new.pem")
        assert '  [signer]  key_file = "new.pem"' in box.said and "  [device]  keyno = 2" in box.said
        old, new = (await on_file(store)).keys
        assert old.valid_to == new.valid_from and slot_at(new.valid_from) == NOON_SLOT + 2
        assert (new.keyno, new.first_ctr) == (2, 2)

        changed = box.path.read_text().replace('"old.pem"', '"new.pem"').replace("[device]", "[device]\nkeyno = 2")
        box.path.write_text(changed)
        box.measure(NOON_SLOT + 2, NOON_SLOT + 3)
        await box.drain()  # until the backend has acknowledged what the new key signed
    assert await books.readings() == [(0, 1000), (1, 1010), (2, 1020), (3, 1030)]
    assert await books.intervals() == [(0, 10), (1, 10), (2, 10)]
    assert await books.refused() == []


async def rotate(box: Box, to: str) -> None:
    await key_changes.rotate(box.settings, box.out, StandingClock(NOON), to, only_print=False)


async def test_the_backend_says_no_and_why(sqlite_store: Store, broker: RunningBroker, tmp_path: Path) -> None:
    await record(sqlite_store)
    box = Box(tmp_path, broker)
    box.make_key("new.pem")
    async with whole_ingest(sqlite_store, broker):
        with pytest.raises(NotAccepted, match="No key is bound"):
            await rotate(box, "new.pem")
        await key_changes.register(box.settings, box.out, StandingClock(), "box")
        box.path.write_text(box.path.read_text().replace('"old.pem"', '"new.pem"'))
        with pytest.raises(NotAccepted, match="signed by both"):
            await key_changes.register(box.settings, box.out, StandingClock(), "box")


async def test_a_device_with_another_secret_gets_no_answer(
    sqlite_store: Store, broker: RunningBroker, tmp_path: Path
) -> None:
    await record(sqlite_store, secret=bytes(32))
    box = Box(tmp_path, broker)
    spool = Spool(box.settings.spool, EUI.hex())
    sink = key_changes._broker(box.settings)
    async with whole_ingest(sqlite_store, broker), Conversation(sink.address, box.settings.identity, spool) as talk:
        with pytest.raises(NotAnswered, match=r"device\.secret_file"):
            await talk.ask(KeyOffered(bytes(65)), within_s=0.5)
    spool.close()
    assert not (await on_file(sqlite_store)).keys
