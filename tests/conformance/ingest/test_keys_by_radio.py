"""A LoRaWAN device whose key comes by radio: bound, proven by its first statement, adopted with its history after a person looked."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, select
from sqlmodel import col

from community.attestation.lora_frame import Port, RadioKeys, seal_frame
from community.attestation.lora_key_registration import encode_registration, parse_registration
from community.attestation.lora_reassembly import TakenFrame
from community.attestation.reasons import Reason
from community.attestation.sealing import Direction
from community.clock import slot_start
from community.onboarding.stages import Stage
from community.store import onboarding
from community.store.decisions import Decided
from community.store.devices import DeviceFile, load_device
from community.store.onboarding import Told
from community.store.tables.identity import DeviceKeyRow, DeviceRow
from community.store.unit_of_work import Store, Work
from gateway_agent.settings_sink import LorawanEcw1SinkSettings
from gateway_agent.uplinks.lorawan_key import send_key
from ingest.judging import Judge
from ingest.replay import enter_what_came_by_radio
from standalone.lora_month import FIRST_SLOT
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.legacy_gateway import IMPORT
from tests.support.lora_radio_books import OnAir, RadioDevice, heard, register_radio
from tests.support.lora_world import IDENTITY, LoraWorld, modem_at_work
from tests.support.sending_device import SendingDevice
from tests.support.stores import COLUMN_KEY

QUARTERS = 12


async def on_file(store: Store, device: RadioDevice) -> DeviceFile:
    async with store.read() as work:
        found = await load_device(work, device.eui, COLUMN_KEY)
    assert found is not None
    return found


async def send(intake: RunningIntake, device: RadioDevice, f_port: int, payload: bytes, number: int) -> str | None:
    at = slot_start(FIRST_SLOT) + timedelta(seconds=number)
    intake.clock.instant = max(intake.clock.instant, at)
    outcome = await intake.intake.take_in(heard("things_stack", device.eui, f_port, payload, at, number))
    return outcome.reason


async def test_the_key_comes_by_radio_and_its_first_statement_proves_it(sqlite_store: Store) -> None:
    store, device = sqlite_store, RadioDevice(data_rate=5, seed=3)
    await register_radio(store, device.identity, state="pending")
    async with store.begin() as work:
        await work.session.execute(delete(DeviceKeyRow))
    keys = RadioKeys(bytes.fromhex(device.eui), device.identity.secret)

    def registration(key: bytes, counter: int, extra: bytes = b"") -> bytes:
        plaintext = encode_registration(key, insecure=False) + extra
        return seal_frame(keys, Direction.UP, Port.KEY_REGISTRATION, 0, counter, plaintext)

    async with running_intake(store) as intake:
        key = device.identity.public_key
        assert await send(intake, device, 13, registration(key, 0, b"x"), 1) == Reason.MALFORMED
        assert not (await on_file(store, device)).keys
        number = 2
        for slot in range(FIRST_SLOT, FIRST_SLOT + QUARTERS // 2):
            for frame in device.quarter(slot):
                await send(intake, device, frame.f_port, frame.payload, number := number + 1)
        assert await send(intake, device, 13, registration(key, next_counter(device)), 300) is None
        (bound,) = (await on_file(store, device)).keys
        assert (bound.keyno, bound.public_key, bound.development_key) == (1, key, False)
        other = registration(SendingDevice().public_key, next_counter(device))
        assert await send(intake, device, 13, other, 301) == Reason.UNKNOWN_KEY
        reasons = set()
        for slot in range(FIRST_SLOT + QUARTERS // 2, FIRST_SLOT + QUARTERS):
            for frame in device.quarter(slot):
                reasons.add(await send_at(intake, device, frame))
        assert Reason.DEVICE_NOT_ACTIVE in reasons  # a statement verified: the proof of possession
        async with store.begin() as work:
            await onboarding.advance(work, "dev-house", intake.clock.now())
            assert await stage_of(work) == Stage.SIGNATURE_VERIFIED
            told = Told("op_anna", "compared on site", "command-0001")
            assert await onboarding.confirm_serial(work, "dev-house", "SN-house", told, intake.clock.now()) == Decided()
        assert await intake.readings("house", IMPORT) == []
        for entered in (1, 0):  # the second time nothing waits
            judge = Judge(COLUMN_KEY)
            assert await enter_what_came_by_radio(store, judge, intake.clock, device.eui) == entered
        assert await enter_what_came_by_radio(store, judge, intake.clock, "70b3d57ed00000ff") == 0
        assert [
            one for one in await intake.refused() if one.reason == Reason.DEVICE_NOT_ACTIVE and not one.resolved_at
        ] == []
        for frame in device.quarter(FIRST_SLOT + QUARTERS):
            await send_at(intake, device, frame)
        readings = await intake.readings("house", IMPORT)
        assert len(readings) >= QUARTERS // 2
        assert {wh for _, wh in readings} <= set(device.truth.values())


async def test_the_gateway_sends_its_key_and_remembers_the_airtime(tmp_path: Path) -> None:
    world = LoraWorld(tmp_path)
    sink = LorawanEcw1SinkSettings(str(tmp_path / "modem"), 5, 30)
    async with modem_at_work(world):
        await send_key(sink, IDENTITY, world.signer, world.spool, world.clock)
    (outcome,) = world.outcomes
    assert isinstance(outcome, TakenFrame) and world.ports == [13]
    assert parse_registration(outcome.opened.rest) == (world.signer.public_key(), True)
    assert (tmp_path / "spool.db.lorawan").exists()
    world.spool.close()


def next_counter(device: RadioDevice) -> int:
    device.simulated._counter += 1
    return device.simulated._counter


async def send_at(intake: RunningIntake, device: RadioDevice, frame: OnAir) -> str | None:
    intake.clock.instant = max(intake.clock.instant, frame.at)
    uplink = heard("things_stack", device.eui, frame.f_port, frame.payload, frame.at)
    return (await intake.intake.take_in(uplink)).reason


async def stage_of(work: Work) -> str:
    found = await work.session.execute(select(col(DeviceRow.onboarding)))
    return str(found.scalar_one())
