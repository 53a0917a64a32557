"""LoRaWAN frames and the registry: what waits until it lets them in, what no key made, and devices that came another way before."""

from sqlalchemy import update

from community.attestation.device_message import DeviceMessage, encode_up
from community.attestation.reasons import Reason
from community.attestation.sealing import Direction, seal_message
from community.attestation.signatures import kid_of
from community.attestation.statement import SlotReading, parse_cose_sign1
from community.clock import slot_start
from community.store.lora_frames import progress_of
from community.store.tables.identity import DeviceKeyRow, DeviceRow
from community.store.unit_of_work import Store
from standalone.lora_month import FIRST_SLOT
from tests.conformance.ingest.intakes import running_intake
from tests.conformance.ingest.test_lorawan import measured, send, sent, statements, up
from tests.support.lora_radio_books import RadioDevice, register_radio


async def test_a_pending_device_is_entered_with_its_history_once_it_is_active(sqlite_store: Store) -> None:
    device = RadioDevice(5, seed=5)
    await register_radio(sqlite_store, device.identity, state="pending")
    frames = sent(device, 20)
    async with running_intake(sqlite_store) as intake:
        outcomes = [await send(intake, up(device, frame)) for frame in frames[:12]]
        waited = [outcome for outcome in outcomes if outcome.reason == Reason.DEVICE_NOT_ACTIVE]
        assert len(waited) >= 2 and await measured(sqlite_store) == {} and await statements(sqlite_store) == []
    async with sqlite_store.begin() as work:
        await work.session.execute(update(DeviceRow).values(state="active"))
    async with running_intake(sqlite_store) as intake:
        for frame in frames[12:]:
            assert (await send(intake, up(device, frame))).verdict == "admitted"
        assert all(entry.resolved_at is not None for entry in await intake.refused())
    assert len(await measured(sqlite_store)) >= 16
    assert len(await statements(sqlite_store)) >= 4


async def test_a_key_whose_validity_is_corrected_lets_its_statements_in(sqlite_store: Store) -> None:
    device = RadioDevice(5, seed=6)
    await register_radio(sqlite_store, device.identity)
    frames = sent(device, 16)
    async with sqlite_store.begin() as work:
        await work.session.execute(update(DeviceKeyRow).values(valid_from=slot_start(FIRST_SLOT + 900)))
    async with running_intake(sqlite_store) as intake:
        for frame in frames[:10]:
            await send(intake, up(device, frame))
        assert {entry.reason for entry in await intake.refused()} == {Reason.KEY_NOT_VALID}
        async with sqlite_store.begin() as work:
            await work.session.execute(update(DeviceKeyRow).values(valid_from=slot_start(FIRST_SLOT - 9)))
        for frame in frames[10:]:
            assert (await send(intake, up(device, frame))).verdict == "admitted"
        assert all(entry.resolved_at is not None for entry in await intake.refused())
    assert len(await measured(sqlite_store)) >= 12


async def test_without_secret_or_profile_the_frames_wait(sqlite_store: Store) -> None:
    device = RadioDevice(5, seed=10)
    await register_radio(sqlite_store, device.identity)
    frames = sent(device, 6)
    async with sqlite_store.begin() as work:
        await work.session.execute(update(DeviceRow).values(profile=None))
    async with running_intake(sqlite_store) as intake:
        outcome = await send(intake, up(device, frames[0]))
        assert (outcome.verdict, outcome.reason) == ("quarantined", Reason.UNDECRYPTABLE)
        [entry] = await intake.refused()
        assert "profile" in entry.detail and "record it" in entry.detail
        async with sqlite_store.begin() as work:
            await work.session.execute(update(DeviceRow).values(profile=1))
        for frame in frames:
            assert (await send(intake, up(device, frame))).verdict == "admitted"
        [entry] = await intake.refused()
        assert entry.resolved_at is not None
    assert await measured(sqlite_store)


async def test_a_whole_statement_that_no_key_made_is_told_to_a_person(sqlite_store: Store) -> None:
    device, stranger = RadioDevice(5, seed=15), RadioDevice(5, seed=16)
    await register_radio(sqlite_store, device.with_state(public_key=stranger.identity.public_key))
    frames = sent(device, 8)
    async with running_intake(sqlite_store) as intake:
        for frame in frames[:7]:
            assert (await send(intake, up(device, frame))).verdict == "admitted"
        [entry] = await intake.refused()
        assert (entry.reason, entry.resolved_at) == (Reason.BAD_SIGNATURE, None) and "statement 1 " in entry.detail
        assert await measured(sqlite_store) == {}
        public_key = device.identity.public_key
        async with sqlite_store.begin() as work:
            await work.session.execute(update(DeviceKeyRow).values(public_key=public_key, kid=kid_of(public_key).hex()))
        await send(intake, up(device, frames[7]))
        [entry] = await intake.refused()
        assert entry.resolved_at is not None
    assert len(await measured(sqlite_store)) >= 4


async def test_a_device_that_sent_by_mqtt_before_goes_on_by_radio(sqlite_store: Store) -> None:
    device = RadioDevice(5, seed=14)
    await register_radio(sqlite_store, device.identity)
    frames = sent(device, 30)
    async with running_intake(sqlite_store) as intake:
        for ctr, signed in sorted(device.simulated.statements.items()):
            if ctr <= 4:
                first = signed.statement.first_slot
                readings = tuple(
                    SlotReading(slot, 0, 1, (device.truth[slot],))
                    for slot in range(first, first + signed.statement.span)
                )
                by_mqtt = seal_message(
                    device.identity.secret, bytes.fromhex(device.eui), 0, Direction.UP, ctr,
                    encode_up(DeviceMessage(signed, readings)),
                )  # fmt: skip
                intake.clock.instant = max(intake.clock.instant, slot_start(first + 9))
                assert (await intake.send(by_mqtt, device.eui)).verdict == "admitted"
        for frame in frames[18:]:
            assert (await send(intake, up(device, frame))).verdict == "admitted"
    stored = [parse_cose_sign1(each).statement.ctr for each in await statements(sqlite_store)]
    assert stored == list(range(1, len(stored) + 1)) and len(stored) >= 6
    async with sqlite_store.read() as work:
        progress = await progress_of(work, "dev-house")
    assert progress is not None and progress.verified_ctr == len(stored)
