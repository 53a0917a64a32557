"""Clocks that are wrong, set back or unconfirmed; boundaries without a telegram; what the samples say of themselves."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from community.attestation.statement import ReadingStatus
from community.clock import QUARTER_HOUR, slot_at
from gateway_agent import sampler
from gateway_agent.reading import MeterSample, RawRegister, ReadingFlag, RegisterReading
from gateway_agent.readings_rules import ReadingEvent
from gateway_agent.sampler import BoundaryRules, sample_polled, sample_pushed
from tests.support.agents import until
from tests.support.manual_clock import ManualClock

BOUNDARY = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
SLOT = slot_at(BOUNDARY)
EARLIER = BOUNDARY - timedelta(hours=1)
HOUR = timedelta(hours=1)
UNSURE = ReadingStatus.READ_OK | ReadingStatus.CLOCK_UNSYNCHRONISED


def sample(at: datetime | None, wh: int = 1000) -> MeterSample:
    return MeterSample({"1-0:1.8.0": wh}, "A1", at)


@dataclass
class HostClock:
    """A host clock about which as much is known as a test says."""

    synchronised: bool | None = None


@dataclass
class Watch:
    """Boundary rules, and what they noted."""

    events: list[ReadingEvent] = field(default_factory=list)
    host: HostClock = field(default_factory=HostClock)

    def rules(self, last_slot: int | None = None, *, trusted: bool = False) -> BoundaryRules:
        return BoundaryRules(
            1, 60, last_slot, meter_clock_trusted=trusted, host_clock=self.host, note=self.events.append
        )


def test_a_pushing_meter_that_was_right_is_believed_when_our_clock_is_set_back() -> None:
    watch = Watch()
    rules = watch.rules()
    for step in range(9):  # our clock is an hour behind from the third on, and right again at the seventh
        meter_at = BOUNDARY + step * QUARTER_HOUR
        ours = meter_at - HOUR if 2 <= step < 6 else meter_at
        reading = rules.judge(sample(meter_at), ours, listening_since=EARLIER)
        assert reading is not None
        assert (reading.slot, reading.off_s) == (SLOT + step, 0)
        went_back = ReadingFlag.HOST_CLOCK_WENT_BACK in reading.flags
        assert went_back is (2 <= step < 6)
        assert reading.status == (UNSURE if went_back else ReadingStatus.READ_OK)
    assert [event.kind for event in watch.events] == ["clock_went_back"]  # said once


def test_a_time_server_overrules_a_meter_that_was_as_wrong_as_we_were() -> None:
    watch = Watch()
    rules = watch.rules()
    assert rules.judge(sample(BOUNDARY), BOUNDARY, listening_since=EARLIER) is not None
    watch.host.synchronised = True
    for step in range(1, 6):
        meter_at = BOUNDARY + step * QUARTER_HOUR
        reading = rules.judge(sample(meter_at), meter_at - HOUR, listening_since=EARLIER)
        assert (reading is not None) is (step == 5)  # the quarter-hours before have their readings
    assert reading is not None and (reading.slot, reading.status) == (SLOT + 1, UNSURE)


def test_after_a_start_with_an_old_clock_the_meter_speaks_for_itself() -> None:
    reading = (
        Watch().rules(SLOT - 1, trusted=True).judge(sample(BOUNDARY), BOUNDARY - 9 * HOUR, listening_since=EARLIER)
    )
    assert reading is not None and reading.slot == SLOT
    stranger = Watch().rules(SLOT - 1)  # this one never agreed with us
    assert stranger.judge(sample(BOUNDARY), BOUNDARY - 9 * HOUR, listening_since=EARLIER) is None


def test_an_unconfirmed_clock_gives_way_to_the_clock_of_a_pushing_meter() -> None:
    watch = Watch(host=HostClock(False))
    reading = watch.rules().judge(sample(BOUNDARY), BOUNDARY - 9 * HOUR, listening_since=EARLIER - 9 * HOUR)
    assert reading is not None and (reading.slot, reading.off_s) == (SLOT, 0)
    assert reading.flags == ReadingFlag.HOST_CLOCK_UNSYNCHRONISED and reading.status == UNSURE
    assert reading.clock_synchronised is False


@pytest.mark.parametrize(("skew_s", "wrong"), [(60, False), (61, True), (-60, False), (-61, True)])
def test_a_minute_of_skew_is_the_limit(skew_s: int, wrong: bool) -> None:
    now = BOUNDARY + timedelta(seconds=120)
    meter_at = now + timedelta(seconds=skew_s)
    reading = Watch(host=HostClock(True)).rules().judge(sample(meter_at), now, listening_since=EARLIER)
    assert reading is not None
    assert (ReadingFlag.METER_CLOCK_WRONG in reading.flags) is wrong
    assert reading.clock_synchronised is True
    assert (reading.meter_at, reading.gateway_at) == (meter_at, now)


def test_a_reading_keeps_what_the_sample_said_of_itself() -> None:
    given = MeterSample(
        {"1-0:1.8.0": 1234},
        "A1",
        BOUNDARY,
        10,
        True,
        frame=b"telegram",
        raw={"1-0:1.8.0": RawRegister(123_456, -2, "Wh")},
        invocation_counter=77,
        case_opened=True,
        power_failed=True,
    )
    reading = Watch().rules().judge(given, BOUNDARY, listening_since=EARLIER)
    assert reading is not None
    assert reading.raw == (RawRegister(123_456, -2, "Wh"),)
    assert (reading.invocation_counter, reading.resolution_wh) == (77, 10)
    assert reading.frame_sha256 == hashlib.sha256(b"telegram").digest()
    assert reading.status == 1 | 4 | 8 | 16
    assert sorted(reading.flags.names) == ["case_opened", "meter_error", "power_failed"]


def test_every_gap_is_noted_with_its_length() -> None:
    watch = Watch()
    rules = watch.rules(SLOT - 4)
    rules.missed(SLOT - 3)
    rules.missed(SLOT - 2)
    assert rules.judge(sample(BOUNDARY), BOUNDARY, listening_since=EARLIER) is not None
    assert {(event.kind, event.slot) for event in watch.events} == {("gap", SLOT - 3)}
    assert watch.events[-1].detail == "3 quarter-hour(s) without a reading"
    rules.missed(SLOT)  # it has its reading
    assert len(watch.events) == 3


class Head:
    """A meter that says what a test hands it."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[MeterSample] = asyncio.Queue()

    async def samples(self) -> AsyncGenerator[MeterSample, None]:
        while True:
            yield await self.said.get()


async def settled(clock: ManualClock) -> None:
    """Everything that the clock woke has gone to sleep again."""
    for _ in range(50):
        await asyncio.sleep(0)
    await until(lambda: clock.sleepers == 1, "asleep")


async def test_the_newest_telegram_stands_in_after_a_minute_and_then_there_is_a_gap() -> None:
    watch, head, taken = Watch(), Head(), list[RegisterReading]()
    clock = ManualClock(BOUNDARY - timedelta(seconds=20))
    rules = watch.rules()

    async def take(reading: RegisterReading) -> None:
        taken.append(reading)

    task = asyncio.create_task(sample_pushed(head, rules, clock, take))
    try:
        head.said.put_nowait(sample(clock.now() - QUARTER_HOUR, 900))
        await until(lambda: len(taken) == 0 and head.said.empty() and clock.sleepers == 1, "the watch")
        head.said.put_nowait(sample(clock.now(), 1000))
        await until(head.said.empty, "the telegram before the boundary")
        await clock.move_to(BOUNDARY + timedelta(seconds=61))
        await until(lambda: len(taken) == 1, "the stand-in")
        await clock.move_to(BOUNDARY + timedelta(seconds=256))
        await settled(clock)  # the watch at the next boundary
        await clock.move_to(BOUNDARY + QUARTER_HOUR + timedelta(seconds=61))
        await settled(clock)  # nothing to stand in
        await clock.move_to(BOUNDARY + QUARTER_HOUR + timedelta(seconds=256))
        await until(lambda: len(watch.events) == 1, "the gap")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (reading,) = taken
    assert (reading.slot, reading.registers, reading.off_s) == (SLOT, (1000,), 255)
    assert reading.flags == ReadingFlag.LATE | ReadingFlag.FROM_BEFORE
    assert watch.events == [ReadingEvent("gap", SLOT + 1, "1 quarter-hour(s) without a reading")]


@pytest.mark.parametrize("has_clock", [True, False])
@pytest.mark.parametrize("confirmed", [None, True])
async def test_a_polled_meter_is_read_on_time_although_our_clock_went_back_an_hour(
    monkeypatch: pytest.MonkeyPatch, has_clock: bool, confirmed: bool | None
) -> None:
    monkeypatch.setattr(sampler, "POLL_PAUSES_S", (0.0,))
    watch, taken = Watch(host=HostClock(confirmed)), list[RegisterReading]()
    clock = ManualClock(BOUNDARY)
    truth = [BOUNDARY]

    class Meter:
        async def read(self) -> MeterSample:
            return sample(truth[0] if has_clock else None)

    async def take(reading: RegisterReading) -> None:
        taken.append(reading)
        truth[0] += QUARTER_HOUR
        if len(taken) == 1:
            await clock.move_to(BOUNDARY - HOUR)

    task = asyncio.create_task(sample_polled(Meter(), watch.rules(), clock, take, patience_s=0.05))
    try:
        if confirmed:  # the time server says that it is right now: these quarter-hours have passed before
            await until(lambda: len(taken) == 1, "the first reading")
            await asyncio.sleep(0.2)
            await clock.move_to(BOUNDARY + QUARTER_HOUR)
            await until(lambda: len(taken) == 2, "the next one when its time has come")
        else:
            await until(lambda: len(taken) >= 4, "readings by the quarter-hours that really pass")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [reading.slot for reading in taken] == [SLOT + n for n in range(len(taken))]
    assert len(taken) == 2 if confirmed else all(reading.status == UNSURE for reading in taken[1:])
