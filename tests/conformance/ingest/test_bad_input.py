"""Whatever comes in is kept with a reason, and a good frame after it is taken in. On SQLite and PostgreSQL."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from community.attestation.reasons import Reason
from community.attestation.statement import SlotReading
from community.clock import slot_start
from community.store.outbox import changes_after
from community.store.tables.measuring import FrameRow, StatementRow
from community.store.unit_of_work import Store, Work
from ingest.plain_messages import PlainMessage, take_in_plain
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.sending_device import EUI, NOON, NOON_SLOT, SendingDevice, register


async def frame_of(intake: RunningIntake, payload: bytes, eui: str = EUI) -> tuple[bytes, str]:
    """The kept bytes and the verdict."""
    async with intake.store.read() as work:
        found = await work.session.execute(
            select(col(FrameRow.payload), col(FrameRow.verdict)).where(
                col(FrameRow.digest) == intake.uplink(payload, eui).digest
            )
        )
        row = found.one()
        return row.payload, row.verdict


async def expect_refused(intake: RunningIntake, payload: bytes, reason: Reason, verdict: str, eui: str = EUI) -> None:
    """The frame is refused as a whole, its bytes and its reason are kept and announced."""
    before = {entry.id for entry in await intake.refused()}
    outcome = await intake.send(payload, eui)
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert await frame_of(intake, payload, eui) == (payload, verdict)
    [entry] = [entry for entry in await intake.refused() if entry.id not in before]
    assert entry.reason == reason and len(entry.detail) > 20
    async with intake.store.read() as work:
        assert entry.id in [change.subject for change in await changes_after(work, 0) if change.topic == "quarantine"]
    again = await intake.send(payload, eui)  # delivered again: kept once, told once
    assert again.verdict in (verdict, "duplicate")
    assert len(await intake.refused()) == len(before) + 1


async def expect_good(intake: RunningIntake, device: SendingDevice, slot: int, wh: int) -> None:
    outcome = await intake.send(device.frame((slot, wh)))
    assert (outcome.verdict, outcome.readings_refused) == ("admitted", 0)
    assert (slot - NOON_SLOT, wh) in await intake.readings()


async def test_a_frame_that_does_not_decrypt(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        stranger = replace(device, secret=bytes(32))
        await expect_refused(intake, stranger.frame((NOON_SLOT, 1000)), Reason.UNDECRYPTABLE, "rejected")
        await expect_refused(intake, b"no CBOR at all", Reason.MALFORMED, "rejected")
        await expect_refused(intake, b"", Reason.MALFORMED, "rejected")
        await expect_good(intake, device, NOON_SLOT, 1000)


async def test_a_wrong_signature(store: Store) -> None:
    device, thief = SendingDevice(), SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        forged = device.seal(device.sign([SlotReading(NOON_SLOT, 0, 1, (5,))], ctr=0, key_of=thief))
        await expect_refused(intake, forged, Reason.BAD_SIGNATURE, "rejected")
        device.ctr = 0
        await expect_good(intake, device, NOON_SLOT, 1000)


async def test_an_unknown_device_is_taken_in_once_it_is_registered(store: Store) -> None:
    device, known = SendingDevice(eui="70b3d57ed0000099"), SendingDevice()
    await register(store, known)
    async with running_intake(store) as intake:
        payload = device.frame((NOON_SLOT, 7))
        await expect_refused(intake, payload, Reason.UNKNOWN_DEVICE, "quarantined", device.eui)
        await expect_good(intake, known, NOON_SLOT, 1000)
        await register(store, device, name="late")
        assert (await intake.send(payload, device.eui)).verdict == "admitted"
        assert await intake.readings("late") == [(0, 7)]
        assert [entry.resolved_at is not None for entry in await intake.refused()] == [True]


async def test_a_repeated_counter(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        first = device.frame((NOON_SLOT, 1000))
        assert (await intake.send(first)).verdict == "admitted"
        replayed = device.seal(device.sign([SlotReading(NOON_SLOT + 1, 0, 1, (1001,))]), counter=0)
        await expect_refused(intake, replayed, Reason.REPEATED_COUNTER, "rejected")
        device.ctr = 1
        await expect_good(intake, device, NOON_SLOT + 1, 1001)


async def test_the_same_bytes_again_are_a_duplicate_and_leave_no_trace(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        payload = device.frame((NOON_SLOT, 1000), (NOON_SLOT + 1, 1100))
        assert [(await intake.send(payload)).verdict for _ in range(3)] == ["admitted", "duplicate", "duplicate"]
        assert (await intake.send(payload)).acknowledge == 0  # acknowledged again: the first one may be lost
        assert await intake.refused() == []
        assert await intake.intervals() == [(0, 100)]


async def test_a_statement_sent_again_in_a_new_message_is_a_duplicate(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        message = device.sign([SlotReading(NOON_SLOT, 0, 1, (1000,))])
        assert (await intake.send(device.seal(message))).verdict == "admitted"
        again = await intake.send(device.seal(message))
        assert (again.verdict, again.acknowledge) == ("duplicate", 0)
        assert await intake.readings() == [(0, 1000)]
        assert await intake.refused() == []


async def test_two_statements_with_one_counter_are_both_kept(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        await intake.send(device.frame((NOON_SLOT, 1000), ctr=5))
        await expect_refused(intake, device.frame((NOON_SLOT, 2000), ctr=5), Reason.EQUIVOCATION, "quarantined")
        async with store.read() as work:
            kept = await work.session.execute(select(func.count()).select_from(StatementRow))
            assert kept.scalar_one() == 2
        assert await intake.readings() == [(0, 1000)]
        await expect_good(intake, device, NOON_SLOT + 1, 1001)


@pytest.mark.parametrize(
    ("wh", "reason"),
    [
        (950, Reason.REGISTER_REGRESSION),
        (10, Reason.RESET_SUSPECTED),
        (1000 + 9001, Reason.BEYOND_NAMEPLATE),  # 30 kW x 1.2 in a quarter-hour are 9000 Wh
        (10**9, Reason.UNKNOWN_REGISTER),
        (2**64 - 1, Reason.UNKNOWN_REGISTER),
    ],
)
async def test_a_register_that_cannot_be_right_is_refused_alone(store: Store, wh: int, reason: Reason) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        await intake.send(device.frame((NOON_SLOT, 1000)))
        outcome = await intake.send(device.frame((NOON_SLOT + 1, wh), (NOON_SLOT + 2, 1100)))
        assert (outcome.verdict, outcome.readings_refused) == ("admitted", 1)
        entry = (await intake.refused())[-1]
        assert (entry.reason, entry.at) == (reason, slot_start(NOON_SLOT + 1))
        assert await intake.readings() == [(0, 1000), (2, 1100)]
        assert (await intake.intervals(), await intake.gaps()) == ([], [(0, 2, 100)])
        await expect_good(intake, device, NOON_SLOT + 3, 1150)


async def test_just_what_the_nameplate_allows_is_taken_in(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        await intake.send(device.frame((NOON_SLOT, 1000)))
        await expect_good(intake, device, NOON_SLOT + 1, 10_000)
        assert await intake.intervals() == [(0, 9000)]


async def test_a_late_reading_must_fit_below_what_was_accepted_after_it(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        await intake.send(device.frame((NOON_SLOT, 1000)))
        await intake.send(device.frame((NOON_SLOT + 2, 1200)))
        outcome = await intake.send(device.frame((NOON_SLOT + 1, 1300)))
        assert outcome.readings_refused == 1
        entry = (await intake.refused())[-1]
        assert entry.reason == Reason.REGISTER_REGRESSION and "accepted before" in entry.detail
        await expect_good(intake, device, NOON_SLOT + 1, 1150)
        assert await intake.intervals() == [(0, 150), (1, 50)]
        assert await intake.gaps() == []


async def test_another_value_for_the_same_instant_is_a_conflict(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        await intake.send(device.frame((NOON_SLOT, 1000)))
        same = await intake.send(device.frame((NOON_SLOT, 1000)))
        assert (same.verdict, same.readings_refused) == ("admitted", 0)
        other = await intake.send(device.frame((NOON_SLOT, 1001)))
        assert (other.verdict, other.readings_refused) == ("admitted", 1)
        assert [entry.reason for entry in await intake.refused()] == [Reason.CONFLICTING_READING]
        assert await intake.readings() == [(0, 1000)]
        await expect_good(intake, device, NOON_SLOT + 1, 1100)


async def test_a_reading_from_the_future(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        intake.clock.instant = NOON
        await expect_refused(intake, device.frame((NOON_SLOT + 1, 1000)), Reason.FROM_THE_FUTURE, "quarantined")
        intake.clock.instant = NOON + timedelta(minutes=14, seconds=1)
        await expect_good(intake, device, NOON_SLOT + 1, 1000)  # within the minute that clocks may differ


async def test_a_reading_older_than_forty_days(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        await expect_refused(intake, device.frame((NOON_SLOT - 41 * 96, 1)), Reason.TOO_OLD, "quarantined")
        await expect_good(intake, device, NOON_SLOT, 1000)


async def test_a_pending_device_is_held_and_told_nothing(store: Store) -> None:
    device = SendingDevice()
    await register(store, device, state="pending")
    async with running_intake(store) as intake:
        message = device.sign([SlotReading(NOON_SLOT, 0, 1, (1,))])
        outcomes = [await intake.send(device.seal(message)) for _ in range(3)]
        assert {(one.verdict, one.reason, one.acknowledge) for one in outcomes} == {
            ("quarantined", Reason.DEVICE_NOT_ACTIVE, None)
        }
        assert len(await intake.refused()) == 1  # however often it asks
        assert await intake.readings() == []


async def test_bad_and_good_in_one_batch(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    good = [device.frame((NOON_SLOT + n, 1000 + n)) for n in range(20)]
    async with running_intake(store) as intake:
        outcomes = await asyncio.gather(
            *(intake.send(payload) for n in range(20) for payload in (good[n], b"bad %d" % n))
        )
        assert [one.verdict for one in outcomes] == ["admitted", "rejected"] * 20
        assert len(intake.batches) < 40  # they were committed in groups
        assert len(await intake.intervals()) == 19
        async with store.read() as work:
            told = [one.subject for one in await changes_after(work, 0) if one.topic == "measurement"]
        assert set(told) == {"mp_plant"} and len(told) <= len(intake.batches)  # once a batch


async def test_a_frame_that_breaks_the_intake_is_kept_and_stops_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = SendingDevice()
    await register(store, device)
    poison = device.frame((NOON_SLOT, 1))
    async with running_intake(store) as intake:
        judge = type(intake.intake._judge)
        take_in = judge.take_in

        async def failing(self: object, work: object, uplink: object, *more: object) -> object:
            outcome = await take_in(self, work, uplink, *more)  # type: ignore[arg-type]
            if uplink.payload == poison:  # type: ignore[attr-defined]
                raise LookupError("a bug")
            return outcome

        async def failing_together(
            work: Work, messages: Sequence[PlainMessage | None], now: datetime, *_: object
        ) -> object:
            outcomes = await take_in_plain(work, messages, now)
            if any(one is not None and one.uplink.payload == poison for one in messages):
                raise LookupError("a bug")
            return outcomes

        monkeypatch.setattr(judge, "take_in", failing)
        monkeypatch.setattr("ingest.intake.take_in_plain", failing_together)
        outcomes = await asyncio.gather(intake.send(poison), intake.send(device.frame((NOON_SLOT + 1, 1000))))
        assert [one.verdict for one in outcomes] == ["quarantined", "admitted"]
        assert await frame_of(intake, poison) == (poison, "quarantined")
        assert [(entry.reason, entry.detail) for entry in await intake.refused()] == [
            (Reason.INTAKE_FAILED, "LookupError: a bug")
        ]
        assert await intake.readings() == [(1, 1000)]  # what the failing one had written is undone
