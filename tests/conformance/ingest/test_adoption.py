"""Frames of a device that nobody knew wait, and are adopted in order, once, however often it is asked; poison likewise."""

import json
from datetime import timedelta
from pathlib import Path

from community.attestation.reasons import Reason
from community.store import onboarding
from community.store.devices import device_id_by_eui, end_installation
from community.store.frames import Frame, keep_frame
from community.store.inbox import INBOX_KEPT, REGISTRY_BEHIND, ReplayChoice, waiting
from community.store.onboarding import Told
from community.store.quarantine import Refusal, quarantine
from community.store.unit_of_work import Store
from ingest.judging import Judge
from ingest.replay import replay, uplink_of
from ingest.sources.chirpstack_json import uplink_from_json as chirpstack
from ingest.sources.things_stack_json import uplink_from_json as things_stack
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.sending_device import EUI, NOON, NOON_SLOT, SendingDevice, register
from tests.support.stores import COLUMN_KEY

BEHIND = tuple(reason.value for reason in REGISTRY_BEHIND)
STRANGER = "70b3d57ed00000ff"


async def again(intake: RunningIntake, choice: ReplayChoice) -> tuple[dict[str, int], dict[str, int]]:
    done = await replay(intake.store, Judge(COLUMN_KEY), intake.clock, choice)
    return dict(done.verdicts), dict(done.reasons)


async def test_an_unknown_device_is_adopted_with_its_history(store: Store) -> None:
    device = SendingDevice()
    async with running_intake(store) as intake:
        frames = [device.frame((NOON_SLOT + number, 1000 + 10 * number)) for number in range(4)]
        for number in (2, 0, 1):  # out of order: the order of arrival is kept, the books are the same
            assert (await intake.send(frames[number])).reason == Reason.UNKNOWN_DEVICE
            intake.clock.instant += timedelta(minutes=1)
        await intake.send(b"noise", STRANGER)
        async with store.read() as work:
            inbox = {(one.device_eui, one.reason): one for one in await waiting(work, intake.clock.now())}
            assert await waiting(work, intake.clock.now() + INBOX_KEPT + timedelta(minutes=1)) == []
        assert set(inbox) == {(EUI, "unknown_device"), (STRANGER, "unknown_device")}
        mine = inbox[EUI, "unknown_device"]
        assert (mine.frames, mine.device_name, mine.bytes) == (3, None, sum(map(len, frames[:3])))
        assert mine.adoptable_until == mine.first_at + INBOX_KEPT

        await register(store, device)
        assert await intake.readings() == []
        choice = ReplayChoice(device_eui=EUI, reasons=BEHIND)
        assert await again(intake, choice) == ({"admitted": 3}, {})
        books = (await intake.readings(), await intake.intervals(), await intake.gaps())
        assert books == ([(0, 1000), (1, 1010), (2, 1020)], [(0, 10), (1, 10)], [])
        assert await again(intake, choice) == ({}, {})  # nothing waits any more
        assert (await intake.send(frames[0])).verdict == "duplicate"
        assert (await intake.send(frames[3])).verdict == "admitted"
        assert [one.reason for one in await intake.refused() if one.resolved_at is None] == ["unknown_device"]
        async with store.read() as work:
            assert [one.device_eui for one in await waiting(work, intake.clock.now())] == [STRANGER]


async def test_what_waits_for_a_confirmation_is_adopted_after_it(sqlite_store: Store) -> None:
    device = SendingDevice()
    await register(sqlite_store, device, state="pending")
    async with running_intake(sqlite_store) as intake:
        for number in range(2):
            refused = await intake.send(device.frame((NOON_SLOT + number, 1000 + 10 * number)))
            assert refused.reason == Reason.DEVICE_NOT_ACTIVE
        async with sqlite_store.begin() as work:
            told = Told("op_anna", "compared on site", "command-0001")
            await onboarding.confirm_serial(work, "dev-plant", "SN-plant", told, intake.clock.now())
        assert await again(intake, ReplayChoice(device_eui=EUI, reasons=BEHIND)) == ({"admitted": 2}, {})
        assert await intake.readings() == [(0, 1000), (1, 1010)]


async def test_poison_is_judged_again_when_its_cause_is_mended(sqlite_store: Store) -> None:
    device = SendingDevice()
    await register(sqlite_store, device)
    async with running_intake(sqlite_store) as intake:
        uplink = intake.uplink(device.frame((NOON_SLOT, 1000), (NOON_SLOT + 1, 1010)))
        async with sqlite_store.begin() as work:  # as the intake keeps what it failed on
            frame = Frame(uplink.digest, uplink.source, EUI, uplink.payload, None, uplink.received_at)
            await keep_frame(work, frame, "quarantined")
            failed = Refusal(Reason.INTAKE_FAILED, "RuntimeError: a defect of ours")
            await quarantine(work, uplink.digest, None, failed, uplink.received_at)
        other = ReplayChoice(reasons=(Reason.MALFORMED.value,))
        assert await again(intake, other) == ({}, {})
        assert await again(intake, ReplayChoice(digest=uplink.digest)) == ({"admitted": 1}, {})
        assert await intake.readings() == [(0, 1000), (1, 1010)]
        assert [one.resolved_at is None for one in await intake.refused()] == [False]


async def test_what_is_still_wrong_stays_where_it_is(sqlite_store: Store) -> None:
    device = SendingDevice()
    async with running_intake(sqlite_store) as intake:
        await intake.send(device.frame((NOON_SLOT, 1000)))
        await register(sqlite_store, SendingDevice(secret=bytes(32)))  # with another secret than the device's
        choice = ReplayChoice(device_eui=EUI, reasons=BEHIND)
        for _again in range(2):
            assert await again(intake, choice) == ({"rejected": 1}, {"undecryptable": 1})
        assert {one.reason for one in await intake.refused()} == {"unknown_device", "undecryptable"}


async def test_a_reading_before_the_installation_waits_for_its_record(sqlite_store: Store) -> None:
    device = SendingDevice()
    await register(sqlite_store, device)
    async with sqlite_store.begin() as work:
        assert await device_id_by_eui(work, EUI) == "dev-plant"
        await end_installation(work, "inst-plant", NOON)
    async with running_intake(sqlite_store) as intake:
        outcome = await intake.send(device.frame((NOON_SLOT, 1000), (NOON_SLOT + 1, 1010)))
        assert outcome.verdict == "admitted" and outcome.readings_refused == 1
        assert [one.reason for one in await intake.refused()] == [Reason.NOT_INSTALLED]


def test_a_network_servers_frame_is_read_anew_from_its_json() -> None:
    folder = Path(__file__).parents[2] / "golden" / "network_servers"
    read = 0
    for path in sorted(folder.rglob("*.json")):
        content = json.loads(path.read_text())
        for reader, source in ((chirpstack, "chirpstack"), (things_stack, "things_stack")):
            uplink = reader(json.dumps(content).encode(), NOON)
            if uplink.fault is None and uplink.source == source:
                frame = Frame(
                    uplink.digest, source, uplink.device_eui, uplink.payload, uplink.envelope, uplink.received_at
                )
                assert uplink_of(frame) == uplink
                read += 1
    assert read
