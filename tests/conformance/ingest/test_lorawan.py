"""ECW1 over LoRaWAN through the real intake: the published frames, any order and path, restarts, and what is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cwt import COSE, COSEKey
from sqlalchemy import select
from sqlmodel import col

from community.attestation.reasons import Reason
from community.attestation.statement import parse_cose_sign1
from community.clock import slot_at, slot_start
from community.store.devices import load_device
from community.store.lora_frames import LoraProgress, progress_of, save_progress
from community.store.provisional_readings import provisional_readings
from community.store.tables.measuring import FrameRow, MeasurementRow, StatementRow
from community.store.unit_of_work import Store
from ingest.judging import Judge
from ingest.lorawan.folds import NotFoldable, statements_again
from ingest.uplinks import Uplink
from standalone.lora_month import FIRST_SLOT
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.golden import GOLDEN
from tests.support.legacy_gateway import IMPORT
from tests.support.lora_radio_books import PROFILES, OnAir, RadioDevice, RadioIdentity, heard, register_radio
from tests.support.stores import COLUMN_KEY
from tests.unit.community.attestation.builders import ECW1_MESSAGES, sec1_of_pem, vector

NETWORKS = ("things_stack", "chirpstack")


def identity_of(v: dict[str, Any]) -> RadioIdentity:
    return RadioIdentity(
        v["dev_eui"], bytes.fromhex(v["device_secret"]), sec1_of_pem(v["public_key_pem"]), v["keyno"], v["profile"]
    )


async def books_before(store: Store, v: dict[str, Any]) -> None:
    """The device of a vector, with its history up to the statement before."""
    await register_radio(store, identity_of(v))
    before = v["state_before"]
    progress = LoraProgress(
        v["statement_counter"] - 1, before["last_slot"], before["last_slot"], tuple(before["last_registers"]),
        before["last_message_counter"], 1, "before",
    )  # fmt: skip
    async with store.begin() as work:
        await save_progress(work, "dev-house", progress)


async def statements(store: Store) -> list[bytes]:
    async with store.read() as work:
        rows = await work.session.execute(select(col(StatementRow.signed)).order_by(col(StatementRow.ctr)))
        return list(rows.scalars())


async def measured(store: Store) -> dict[tuple[int, str], int]:
    async with store.read() as work:
        columns = (col(MeasurementRow.at), col(MeasurementRow.register_id), col(MeasurementRow.register_wh))
        rows = await work.session.execute(select(*columns))
        return {(slot_at(at), register.removeprefix("meter-house-")): wh for at, register, wh in rows}


async def send(intake: RunningIntake, uplink: Uplink) -> Any:
    intake.clock.instant = max(intake.clock.instant, uplink.received_at)
    return await intake.intake.take_in(uplink)


def frames_of(v: dict[str, Any], network: str) -> list[Uplink]:
    at = slot_start(v["first_slot"] + v["span"]) + timedelta(seconds=20)
    return [
        heard(network, v["dev_eui"], each["f_port"], bytes.fromhex(each["frame"]), at, n)
        for n, each in enumerate(v["lorawan_frames"])
    ]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", ECW1_MESSAGES)
async def test_published_frames_become_the_published_evidence(sqlite_store: Store, name: str, network: str) -> None:
    v = vector("ecw1", name)
    await books_before(sqlite_store, v)
    async with running_intake(sqlite_store) as intake:
        for uplink in frames_of(v, network):
            outcome = await send(intake, uplink)
            assert (outcome.verdict, outcome.readings_refused) == ("admitted", 0)
        assert (await send(intake, frames_of(v, network)[0])).verdict == "duplicate"
        assert await intake.refused() == []
    [evidence] = await statements(sqlite_store)
    assert evidence.hex() == v["cose_sign1"]
    public = COSEKey.from_pem(v["public_key_pem"], kid=bytes.fromhex(v["kid"]), alg="ES256")
    assert COSE.new().decode(evidence, public).hex() == v["statement_payload"]
    expected = {
        (row["slot"], obis): wh
        for row in v["readings"]
        for obis, wh in zip(PROFILES[v["profile"]], row["registers"], strict=True)
    }
    assert await measured(sqlite_store) == expected
    async with sqlite_store.read() as work:
        assert await provisional_readings(work, "dev-house") == []
        progress = await progress_of(work, "dev-house")
    assert progress is not None and progress.verified_ctr == v["statement_counter"]
    assert progress.covered_to == v["first_slot"] + v["span"] - 1


async def test_the_first_published_statement_by_both_network_servers_at_once(store: Store) -> None:
    v = json.loads((GOLDEN / "ecw1" / "statement-1.json").read_text())
    key = load_pem_public_key(v["public_key_pem"].encode())
    public_key = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    await register_radio(store, RadioIdentity(v["dev_eui"], bytes.fromhex(v["device_secret"]), public_key, 1, 1))
    async with store.begin() as work:
        progress = LoraProgress(76, v["first_slot"] - 1, v["first_slot"] - 1, (v["register_wh"][0],), 4442, 1, "x")
        await save_progress(work, "dev-house", progress)
    from ingest.sources import chirpstack_json, things_stack_json

    servers = GOLDEN / "network_servers"
    now = datetime(2026, 11, 17, 1, tzinfo=UTC)
    by_tts = things_stack_json.uplink_from_json((servers / "ecw1_tts_up.json").read_bytes(), now)
    by_chirpstack = chirpstack_json.uplink_from_json((servers / "ecw1_chirpstack_up.json").read_bytes(), now)
    async with running_intake(store) as intake:
        assert (await send(intake, by_chirpstack)).verdict == "admitted"
        assert (await send(intake, by_tts)).verdict == "duplicate"
        assert await intake.refused() == []
    assert [each.hex() for each in await statements(store)] == [v["cose_sign1"]]


async def test_every_order_of_arrival_with_restarts_gives_the_same_books(sqlite_store: Store) -> None:
    v = vector("ecw1", "day-eight-frames")
    uplinks = frames_of(v, "things_stack")
    order = list(permutations(range(len(uplinks))))[12345]
    await books_before(sqlite_store, v)
    for n in order:
        async with running_intake(sqlite_store) as intake:  # each time a process that remembers nothing
            assert (await send(intake, uplinks[n])).verdict == "admitted"
            assert (await send(intake, uplinks[order[0]])).verdict == "duplicate"
    assert [each.hex() for each in await statements(sqlite_store)] == [v["cose_sign1"]]
    assert len(await measured(sqlite_store)) == len(v["readings"])


async def test_readings_are_provisional_until_their_statement_verifies(sqlite_store: Store) -> None:
    v = vector("ecw1", "day-eight-frames")
    await books_before(sqlite_store, v)
    uplinks = frames_of(v, "things_stack")
    async with running_intake(sqlite_store) as intake:
        for uplink in uplinks[:-1]:
            await send(intake, uplink)
        async with sqlite_store.read() as work:
            shown = await provisional_readings(work, "dev-house")
        assert await measured(sqlite_store) == {} and await statements(sqlite_store) == []
        truth = {row["slot"]: tuple(row["registers"]) for row in v["readings"]}
        assert shown and all(truth[slot_at(each.at)] == each.registers for each in shown)
        await send(intake, uplinks[-1])
        assert len(await measured(sqlite_store)) == len(truth)


def sent(device: RadioDevice, slots: int) -> list[OnAir]:
    return [frame for slot in range(FIRST_SLOT, FIRST_SLOT + slots) for frame in device.quarter(slot)]


def up(device: RadioDevice, frame: OnAir, network: str = "things_stack") -> Uplink:
    return heard(network, device.eui, frame.f_port, frame.payload, frame.at)


async def test_two_processes_of_ingest_share_a_device(store: Store) -> None:
    device = RadioDevice(5, seed=3)
    await register_radio(store, device.identity)
    frames = sent(device, 30)
    async with running_intake(store) as one, running_intake(store) as other:
        for n, frame in enumerate(frames):
            assert (await send((one, other)[n % 2], up(device, frame))).verdict == "admitted"
            assert (await send((other, one)[n % 2], up(device, frame))).verdict == "duplicate"
    proven = await measured(store)
    assert len(proven) >= 24
    assert all(device.truth[slot] == wh for (slot, _obis), wh in proven.items())


async def test_a_unit_of_work_that_is_rolled_back_leaves_no_trace_in_memory(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = RadioDevice(5, seed=4)
    await register_radio(sqlite_store, device.identity)
    frames = sent(device, 12)
    from ingest.lorawan import frames as lorawan

    save = lorawan.lora_frames.save_progress
    failures: list[int] = []

    async def failing(*arguments: Any) -> None:
        await save(*arguments)
        if len(failures) < 2:
            failures.append(1)
            raise RuntimeError("in the middle")

    async with running_intake(sqlite_store) as intake:
        for frame in frames[:4]:
            await send(intake, up(device, frame))
        monkeypatch.setattr(lorawan.lora_frames, "save_progress", failing)
        for frame in frames[4:6]:
            assert (await send(intake, up(device, frame))).reason == Reason.INTAKE_FAILED
        for frame in frames[4:]:  # they come again, by the storage
            assert (await send(intake, up(device, frame))).verdict == "admitted"
        assert all(entry.resolved_at is not None for entry in await intake.refused())
    proven = await measured(sqlite_store)
    assert len(proven) >= 8 and all(device.truth[slot] == wh for (slot, _), wh in proven.items())


async def test_what_is_not_the_devices_is_kept_with_its_reason(sqlite_store: Store) -> None:
    device, stranger = RadioDevice(5, seed=7), RadioDevice(5, seed=8)
    await register_radio(sqlite_store, device.identity)
    frames, strange = sent(device, 6), sent(stranger, 1)[0]
    good = frames[0]
    cases: list[tuple[Uplink, str, Reason]] = [
        (heard("things_stack", device.eui, 1, good.payload, good.at), "rejected", Reason.MALFORMED),
        (heard("chirpstack", device.eui, 10, b"", good.at), "rejected", Reason.MALFORMED),
        (heard("chirpstack", device.eui, 10, strange.payload, good.at), "rejected", Reason.UNDECRYPTABLE),
        (heard("chirpstack", device.eui, 11, good.payload, good.at), "rejected", Reason.UNDECRYPTABLE),
        (heard("things_stack", stranger.eui, 10, strange.payload, good.at), "quarantined", Reason.UNKNOWN_DEVICE),
    ]
    async with running_intake(sqlite_store) as intake:
        for uplink, verdict, reason in cases:
            outcome = await send(intake, uplink)
            assert (outcome.verdict, outcome.reason) == (verdict, reason)
        assert (await send(intake, up(device, good))).verdict == "admitted"
        assert len(await intake.refused()) == len(cases)
    async with sqlite_store.read() as work:
        kept = (await work.session.execute(select(col(FrameRow.payload)))).scalars()
        assert {uplink.payload for uplink, _, _ in cases} <= set(kept)


async def test_a_device_that_forgot_its_counter_is_noticed(sqlite_store: Store) -> None:
    device = RadioDevice(5, seed=9)
    await register_radio(sqlite_store, device.identity)
    frames = sent(device, 6)
    device.simulated._counter = 2  # its memory is an older one
    again = sent(device, 0) or [
        frame for slot in range(FIRST_SLOT + 6, FIRST_SLOT + 9) for frame in device.quarter(slot)
    ]
    async with running_intake(sqlite_store) as intake:
        for frame in frames:
            await send(intake, up(device, frame))
        outcome = await send(intake, up(device, again[0]))
        assert (outcome.verdict, outcome.reason) == ("rejected", Reason.REPEATED_COUNTER)


async def test_weeks_of_stored_uplinks_may_come_after_the_newest(sqlite_store: Store) -> None:
    device = RadioDevice(5, seed=11)
    await register_radio(sqlite_store, device.identity)
    frames = sent(device, 20)
    device.simulated._counter += 3000  # three weeks that ingest did not hear, and that the storage gives later
    newest = list(device.quarter(FIRST_SLOT + 20))
    async with running_intake(sqlite_store) as intake:
        assert (await send(intake, up(device, newest[0]))).verdict == "admitted"
        for frame in frames:
            assert (await send(intake, up(device, frame))).verdict == "admitted"
    assert len(await measured(sqlite_store)) >= 16


async def test_the_books_can_be_derived_again_from_the_frames(sqlite_store: Store) -> None:
    device = RadioDevice(5, seed=13)
    await register_radio(sqlite_store, device.identity)
    frames = sent(device, 24)
    async with running_intake(sqlite_store) as intake:
        for frame in frames[::-1]:
            await send(intake, up(device, frame))
    stored = await statements(sqlite_store)
    async with sqlite_store.read() as work:
        loaded = await load_device(work, device.eui, COLUMN_KEY)
        assert loaded is not None
        again = await statements_again(work, loaded)
        with pytest.raises(NotFoldable, match="secret"):
            await statements_again(work, replace(loaded, secret=None))
    assert len(stored) >= 5
    assert [message.signed.cose_sign1() for _frame, message in again] == stored
    readings = {each.slot: each.registers[0] for _frame, message in again for each in message.readings}
    assert readings == {slot: wh for (slot, _obis), wh in (await measured(sqlite_store)).items()}


async def test_what_lies_before_a_later_statement_is_not_stored_by_it(sqlite_store: Store) -> None:
    """Nothing is acknowledged beyond a statement that is missing, also not by a process that begins with the later one."""
    device = RadioDevice(5, seed=17)
    await register_radio(sqlite_store, device.identity)
    frames = sent(device, 16)
    for frame in frames[6:14]:
        async with running_intake(sqlite_store) as intake:
            assert (await send(intake, up(device, frame))).verdict == "admitted"
    stored = [parse_cose_sign1(each).statement.ctr for each in await statements(sqlite_store)]
    assert stored and 1 not in stored
    async with sqlite_store.read() as work:
        progress = await progress_of(work, "dev-house")
    assert progress is not None and progress.anchor_slot is not None
    assert (progress.verified_ctr, progress.covered_to) == (0, None)


async def test_a_judge_loads_what_it_needs(sqlite_store: Store) -> None:
    device = RadioDevice(5, seed=12)
    await register_radio(sqlite_store, device.identity)
    async with sqlite_store.read() as work:
        loaded = await load_device(work, device.eui, COLUMN_KEY)
    assert loaded is not None and loaded.secret == device.identity.secret and IMPORT in PROFILES[1]
    assert Judge(COLUMN_KEY).folds is not Judge(COLUMN_KEY).folds
