"""What is missing is found, asked for within the pace, and comes: over both transports, with real frames and a real store."""

import random
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from community.attestation.device_message import parse_down
from community.attestation.evidence_gaps import GapKind, GapState
from community.attestation.sealing import Direction, open_message
from community.attestation.statement import SlotReading
from community.clients.mqtt import BrokerUnavailable
from community.clock import slot_at, slot_start
from community.store.downlinks import downlinks_since, reports_of
from community.store.evidence_gaps import gap_id_of, gaps_not_ended, history_of
from community.store.tables.measuring import MeasurementRow
from community.store.tables.radio import DownlinkRow, LoraFrameRow
from community.store.tables.repairing import EvidenceGapChangeRow
from community.store.unit_of_work import Store
from community.store.views.evidence_gaps import gaps_to_repair
from ingest.intake import Intake
from ingest.judging import Judge
from ingest.lorawan.downlinks import downlink_uuid
from ingest.network_events import DownlinkReport, DownlinkState
from ingest.outcomes import Outcome
from ingest.repairs import Repairs, Ways
from ingest.statement_gaps import between
from ingest.uplinks import DownlinkFrame
from standalone.lora_month import FIRST_SLOT
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.lora_radio_books import OnAir, RadioDevice, heard, register_radio
from tests.support.sending_device import EUI, NOON, NOON_SLOT, SendingDevice, StandingClock, register
from tests.support.stores import COLUMN_KEY

QUARTER = timedelta(minutes=15)


class RadioBackend:
    """Intake and repairs over one store; downlinks go to the device unless the air loses them."""

    def __init__(self, store: Store, device: RadioDevice, network: str, loss: float, seed: int) -> None:
        self.store, self.device, self.network = store, device, network
        self.clock = StandingClock(slot_start(FIRST_SLOT))
        self.loss, self.draw = loss, random.Random(seed)
        self.handed: list[tuple[datetime, DownlinkFrame]] = []
        self.backfilled: list[datetime] = []
        self.verdicts: Counter[str] = Counter()
        self.restart()

    def restart(self) -> None:
        """A new process, which knows nothing but the books."""
        judge = Judge(COLUMN_KEY)
        ways = Ways({self.network: self.hand}, None, self.backfilled.append)
        self.repairs = Repairs(self.store, judge.load, judge.folds, ways, self.clock)
        self.intake = Intake(self.store, judge, self.clock)

    async def committed(self, outcomes: list[Outcome]) -> None:
        self.verdicts.update(outcome.verdict for outcome in outcomes)
        await self.repairs.committed(outcomes)

    async def hand(self, eui: str, envelope: str, frame: DownlinkFrame) -> bool:
        assert eui == self.device.eui and envelope and frame.f_port == 20
        self.handed.append((self.clock.now(), frame))
        if self.draw.random() >= self.loss:
            self.device.hear(frame.payload)
        return True

    async def hear(self, frame: OnAir, at: datetime | None = None) -> None:
        self.clock.instant = max(self.clock.instant, at or frame.at)
        uplink = heard(self.network, self.device.eui, frame.f_port, frame.payload, frame.at)
        await self.committed(await self.intake._commit([uplink], together=False))

    async def hear_together(self, frames: list[OnAir]) -> None:
        """Take in what has gathered in one unit of work."""
        self.clock.instant = max(self.clock.instant, frames[-1].at)
        uplinks = [heard(self.network, self.device.eui, each.f_port, each.payload, each.at) for each in frames]
        frames.clear()
        await self.committed(await self.intake._commit(uplinks, together=True))


async def measured(store: Store) -> dict[int, int]:
    async with store.read() as work:
        rows = await work.session.execute(select(col(MeasurementRow.at), col(MeasurementRow.register_wh)))
        return {slot_at(at): wh for at, wh in rows}


async def run_quarters(backend: RadioBackend, slots: int, *, restarts: frozenset[int] = frozenset()) -> None:
    """The device lives; what the air does not lose reaches ingest; repairs look after each frame."""
    for slot in range(FIRST_SLOT, FIRST_SLOT + slots):
        if slot - FIRST_SLOT in restarts:
            backend.restart()
        for frame in backend.device.quarter(slot):
            if backend.draw.random() < backend.loss:
                continue
            await backend.hear(frame)
            await backend.repairs.look()


@pytest.mark.parametrize(("data_rate", "slots", "network"), [(0, 192, "things_stack"), (5, 40, "chirpstack")])
async def test_with_a_fifth_of_all_frames_lost_everything_is_verified(
    sqlite_store: Store, data_rate: int, slots: int, network: str
) -> None:
    device = RadioDevice(data_rate, seed=21)
    await register_radio(sqlite_store, device.identity)
    backend = RadioBackend(sqlite_store, device, network, 0.2, seed=5)
    await run_quarters(backend, slots, restarts=frozenset({30, 100}))
    backend.loss = 0.0
    for slot in range(FIRST_SLOT + slots, FIRST_SLOT + slots + (192 if data_rate == 0 else 32)):
        for frame in device.quarter(slot):
            await backend.hear(frame)
            await backend.repairs.look()
    proven = await measured(sqlite_store)
    assert all(device.truth[slot] == wh for slot, wh in proven.items())
    assert set(range(FIRST_SLOT, FIRST_SLOT + slots)) <= set(proven)
    assert backend.verdicts["rejected"] == backend.verdicts["quarantined"] == 0
    async with sqlite_store.read() as work:
        assert await gaps_not_ended(work, "dev-house") == []
        changes = (await work.session.execute(select(col(EvidenceGapChangeRow.state)))).scalars().all()
        assert "closed" in changes
        told = await downlinks_since(work, "dev-house", slot_start(0))
    assert [each.id for each in told] == [frame.id for _at, frame in backend.handed]
    assert len({each.counter for each in told}) == len(told) >= 1
    acknowledged = [each.acknowledged for each in told if each.acknowledged is not None]
    assert acknowledged == sorted(acknowledged)
    assert data_rate or max(acknowledged) >= FIRST_SLOT + slots - 1  # alone it goes once a day
    instants = [at for at, _frame in backend.handed]
    assert all(later - earlier >= timedelta(hours=4) for earlier, later in pairwise(instants))
    for at in instants:
        assert sum(at - timedelta(days=1) < each <= at for each in instants) <= 6
    assert not device.simulated.held or min(device.simulated.held) > FIRST_SLOT  # the device could forget


async def test_a_gap_has_an_age_a_state_and_a_history(sqlite_store: Store) -> None:
    device = RadioDevice(0, seed=22)
    await register_radio(sqlite_store, device.identity)
    backend = RadioBackend(sqlite_store, device, "things_stack", 0.0, seed=1)
    frames = [frame for slot in range(FIRST_SLOT, FIRST_SLOT + 84) for frame in device.quarter(slot)]
    for n, frame in enumerate(frames):
        if n not in (2, 3):
            await backend.hear(frame)
    backend.loss = 1.0  # downlinks are lost
    await backend.repairs.look()
    async with sqlite_store.read() as work:
        [gap] = await gaps_not_ended(work, "dev-house")
        [shown] = await gaps_to_repair(work)
    assert (gap.kind, gap.state, gap.asked) == (GapKind.SLOTS, GapState.ASKED, 1)
    assert gap.last - gap.first + 1 == 24 and backend.backfilled == [slot_start(gap.first)]
    assert (shown.device_eui, shown.state, shown.age(backend.clock.now())) == (device.eui, GapState.ASKED, timedelta())
    assert shown.last_asked_at == backend.clock.now()
    backend.restart()  # a process that was killed before the storage answered: the next one asks again, once
    await backend.repairs.remember_silent()
    await backend.repairs.remember_silent()
    assert backend.backfilled == [slot_start(gap.first)] * 2
    await backend.hear(frames[2], backend.clock.now() + timedelta(hours=1))  # one of the two comes by the storage
    await backend.repairs.look()
    async with sqlite_store.read() as work:
        [rest] = await gaps_not_ended(work, "dev-house")
        first = await history_of(work, gap_id_of("dev-house", gap))
    assert (rest.since_at, rest.asked, rest.state) == (gap.since_at, 1, GapState.ASKED)
    assert rest.last - rest.first + 1 == 12
    assert [state for _at, state, _cause in first] == [GapState.OPEN, GapState.ASKED, GapState.CLOSED]
    await backend.hear(frames[3], backend.clock.now() + timedelta(hours=1))
    await backend.repairs.look()
    async with sqlite_store.read() as work:
        assert await gaps_not_ended(work, "dev-house") == []
        ended = await gaps_to_repair(work, ended=True)
    assert {each.state for each in ended} == {GapState.CLOSED} and len(ended) == 2
    assert len(backend.handed) == 1  # within four hours nothing is asked twice


async def test_the_gaps_of_a_silent_device_grow_old(sqlite_store: Store) -> None:
    device = RadioDevice(0, seed=28)
    await register_radio(sqlite_store, device.identity)
    backend = RadioBackend(sqlite_store, device, "things_stack", 0.0, seed=1)
    backend.repairs.ways = Ways()
    lost = range(FIRST_SLOT + 12, FIRST_SLOT + 26)
    for slot in range(FIRST_SLOT, FIRST_SLOT + 60):
        for frame in device.quarter(slot):
            if slot not in lost:
                await backend.hear(frame)
    await backend.repairs.look()
    states = []
    for days in (1, 3, 44):
        backend.restart()
        backend.clock.instant = slot_start(FIRST_SLOT + 60) + timedelta(days=days)
        await backend.repairs.remember_silent()
        await backend.repairs.look()
        async with sqlite_store.read() as work:
            states.append({each.state for each in await gaps_to_repair(work, ended=True) if each.kind is GapKind.SLOTS})
    assert states == [{GapState.ASKED}, {GapState.HANDED_OVER}, {GapState.LOST}]
    assert len(backend.handed) == 1  # who is not heard cannot be asked again: the first request still waits


async def test_two_processes_ask_once(store: Store) -> None:
    device = RadioDevice(0, seed=23)
    await register_radio(store, device.identity)
    one = RadioBackend(store, device, "things_stack", 0.0, seed=1)
    other = RadioBackend(store, device, "things_stack", 0.0, seed=1)
    for slot in range(FIRST_SLOT, FIRST_SLOT + 60):
        for n, frame in enumerate(device.quarter(slot)):
            if slot not in range(FIRST_SLOT + 12, FIRST_SLOT + 26):
                await (one, other)[n % 2].hear(frame)
    other.clock.instant = one.clock.instant = max(one.clock.instant, other.clock.instant)
    await one.repairs.look_at(device.eui)
    await other.repairs.look_at(device.eui)
    assert len(one.handed) + len(other.handed) == 1


async def test_a_slow_clock_is_told_once_a_week(sqlite_store: Store) -> None:
    device = RadioDevice(5, seed=24)
    await register_radio(sqlite_store, device.identity)
    backend = RadioBackend(sqlite_store, device, "things_stack", 0.0, seed=1)
    late = timedelta(seconds=700)
    frames: list[OnAir] = []
    for slot in range(FIRST_SLOT, FIRST_SLOT + 150):
        frames += [OnAir(frame.at + late, frame.f_port, frame.payload) for frame in device.quarter(slot)]
        if slot % 22 == 0:
            await backend.hear_together(frames)
            await backend.repairs.look()
    async with sqlite_store.read() as work:
        told = await downlinks_since(work, "dev-house", slot_start(0))
        delays = (await work.session.execute(select(col(LoraFrameRow.delay_s)))).scalars().all()
    assert min(each for each in delays if each is not None) >= 700
    assert sum(each.corrects_clock for each in told) == 1


async def test_what_the_network_says_of_a_downlink_is_kept(sqlite_store: Store) -> None:
    device = RadioDevice(0, seed=25)
    await register_radio(sqlite_store, device.identity)
    backend = RadioBackend(sqlite_store, device, "things_stack", 0.0, seed=1)
    for slot in range(FIRST_SLOT, FIRST_SLOT + 200):
        for frame in device.quarter(slot):
            await backend.hear(frame)
    await backend.repairs.look()
    [(at, frame)] = backend.handed
    for state in (DownlinkState.QUEUED, DownlinkState.SENT, DownlinkState.SENT):
        await backend.repairs.take_report(DownlinkReport("things_stack", device.eui, frame.id, state, at, "x"))
    stranger = downlink_uuid(device.eui, 0, 12345)
    for downlink_id in (None, stranger):
        await backend.repairs.take_report(
            DownlinkReport("things_stack", device.eui, downlink_id, DownlinkState.FAILED, at)
        )
    async with sqlite_store.read() as work:
        assert [state for state, _at, _detail in await reports_of(work, frame.id)] == ["queued", "sent"]
        assert await reports_of(work, stranger) == []


async def test_what_cannot_be_asked_is_handed_to_a_person(sqlite_store: Store) -> None:
    device = RadioDevice(0, seed=26)
    await register_radio(sqlite_store, device.identity)
    backend = RadioBackend(sqlite_store, device, "chirpstack", 0.0, seed=1)
    backend.repairs.ways = Ways()  # uplinks come by webhook only
    lost = range(FIRST_SLOT + 12, FIRST_SLOT + 26)
    for slot in range(FIRST_SLOT, FIRST_SLOT + 300):
        for frame in device.quarter(slot):
            if slot not in lost:
                await backend.hear(frame)
                await backend.repairs.look()
    async with sqlite_store.read() as work:
        [gap] = [each for each in await gaps_to_repair(work) if each.kind is GapKind.SLOTS]
        assert (await work.session.execute(select(col(DownlinkRow.id)))).scalars().all() == []
    assert (gap.state, gap.asked, gap.last_asked_at) == (GapState.HANDED_OVER, 0, None)


async def test_a_downlink_that_did_not_get_out_counts_as_sent_and_the_next_has_another_counter(
    sqlite_store: Store,
) -> None:
    """As when the process is killed between the commit and the network."""
    device = RadioDevice(0, seed=27)
    await register_radio(sqlite_store, device.identity)
    backend = RadioBackend(sqlite_store, device, "things_stack", 0.0, seed=1)

    async def dies(*_handed: Any) -> bool:
        raise BrokerUnavailable("killed")

    backend.repairs.ways = Ways({"things_stack": dies})
    lost = range(FIRST_SLOT + 12, FIRST_SLOT + 26)
    for slot in range(FIRST_SLOT, FIRST_SLOT + 60):
        for frame in device.quarter(slot):
            if slot not in lost:
                await backend.hear(frame)
    await backend.repairs.look()
    backend.restart()
    await backend.repairs.look_at(device.eui)
    assert backend.handed == []  # it counts as sent
    backend.clock.instant += timedelta(hours=4)
    await backend.repairs.look_at(device.eui)
    assert backend.handed == []  # the device was not heard since: the first one would still wait for it
    for slot in range(FIRST_SLOT + 60, FIRST_SLOT + 90):
        for frame in device.quarter(slot):
            await backend.hear(frame)
    await backend.repairs.look_at(device.eui)
    assert len(backend.handed) == 1
    async with sqlite_store.read() as work:
        told = await downlinks_since(work, "dev-house", slot_start(0))
        [gap] = [each for each in await gaps_not_ended(work, "dev-house") if each.kind is GapKind.SLOTS]
    assert len({each.counter for each in told}) == len(told) == 2
    assert gap.asked == 2


class BrokerBackend:
    """Repairs of a device at the device broker; what it is told is kept."""

    def __init__(self, intake: RunningIntake, device: SendingDevice) -> None:
        self.told: list[tuple[tuple[int, int], ...]] = []
        self.counters: list[int] = []
        judge = Judge(COLUMN_KEY)
        self.repairs = Repairs(intake.store, judge.load, judge.folds, Ways(sealed=self.send), intake.clock)
        intake.intake._committed = self.repairs.committed
        self._device = device

    async def send(self, eui: str, sealed: bytes) -> None:
        assert eui == EUI
        opened = open_message(sealed, self._device.secret, bytes.fromhex(EUI), Direction.DOWN)
        self.counters.append(opened.counter)
        self.told.append(parse_down(opened.plaintext).resend)


async def test_a_device_at_the_broker_is_asked_for_the_slots_between(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    message = [
        device.sign([SlotReading(NOON_SLOT + 4 * n + k, 0, 1, (1000 + n * 40 + k * 10,)) for k in range(4)])
        for n in range(6)
    ]
    async with running_intake(store) as intake:
        backend = BrokerBackend(intake, device)
        for n in (0, 1, 4):
            assert (await intake.send(device.seal(message[n]))).verdict == "admitted"
        await backend.repairs.look()
        assert backend.told == [((NOON_SLOT + 8, 8),)]
        async with store.read() as work:
            [gap] = await gaps_not_ended(work, "dev-plant")
        assert (gap.kind, gap.first, gap.last, gap.state) == (GapKind.STATEMENTS, 2, 3, GapState.ASKED)
        intake.clock.instant += timedelta(hours=1)
        await intake.send(device.seal(message[5]))
        await backend.repairs.look()
        assert len(backend.told) == 1  # not within four hours
        intake.clock.instant += timedelta(hours=3)
        await intake.send(device.seal(message[2]))
        await backend.repairs.look()
        assert backend.told[1:] == [((NOON_SLOT + 12, 4),)]
        assert backend.counters == sorted(set(backend.counters))
        intake.clock.instant += timedelta(hours=4)
        await intake.send(device.seal(message[3]))
        await backend.repairs.look()
        assert len(backend.told) == 2
        async with store.read() as work:
            assert await gaps_not_ended(work, "dev-plant") == []


def test_two_statements_with_one_counter_leave_nothing_missing() -> None:
    spans: list[Any] = [Span(1, NOON, 4), Span(1, NOON, 4), Span(2, NOON + 4 * QUARTER, 4)]
    assert between(spans) == ([], [])
    close = [Span(1, NOON, 4), Span(4, NOON + 4 * QUARTER, 4)]
    assert between(close) == ([(GapKind.STATEMENTS, 2, 3)], [])  # no slot lies between: nothing can be named


def Span(ctr: int, first_at: datetime, span: int) -> Any:  # noqa: N802 - stands for the class
    from community.store.statements import StatementSpan

    return StatementSpan(ctr, first_at, span)
