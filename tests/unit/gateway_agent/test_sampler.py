"""Which sample is the reading of which boundary."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from community.attestation.statement import ReadingStatus
from community.clock import QUARTER_HOUR, slot_at
from community.errors import RetryableError
from gateway_agent import sampler
from gateway_agent.reading import MeterSample, RegisterReading
from gateway_agent.sampler import LATE_S, POLL_PAUSES_S, BoundaryRules, sample_polled
from tests.support.agents import until
from tests.support.manual_clock import ManualClock

BOUNDARY = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
SLOT = slot_at(BOUNDARY)
EARLIER = BOUNDARY - timedelta(hours=1)


def sample(at: datetime | None, wh: int = 1000, serial: str = "A1") -> MeterSample:
    return MeterSample({"1-0:1.8.0": wh}, serial, at)


def rules(**changes: object) -> BoundaryRules:
    return BoundaryRules(**{"profile": 1, "clock_skew_max_s": 60} | changes)  # type: ignore[arg-type]


def judged(given: BoundaryRules, at: datetime, wh: int = 1000, since: datetime = EARLIER) -> RegisterReading | None:
    return given.judge(sample(at, wh), at, listening_since=since)


@pytest.mark.parametrize("late_s", [0, 1, 60])
def test_the_first_sample_after_a_boundary_is_its_reading(late_s: int) -> None:
    given = rules()
    reading = judged(given, BOUNDARY + timedelta(seconds=late_s), since=BOUNDARY + timedelta(seconds=late_s))
    assert reading is not None
    assert (reading.slot, reading.off_s, reading.status) == (SLOT, late_s, ReadingStatus.READ_OK)
    assert judged(given, BOUNDARY + timedelta(seconds=late_s + 1)) is None


def test_who_begins_to_listen_in_the_middle_waits_for_the_next_boundary() -> None:
    given = rules()
    assert judged(given, BOUNDARY + timedelta(seconds=61), since=BOUNDARY + timedelta(seconds=61)) is None
    reading = judged(given, BOUNDARY + QUARTER_HOUR, since=BOUNDARY + timedelta(seconds=61))
    assert reading is not None and reading.slot == SLOT + 1


def test_a_late_sample_says_how_late_and_a_stale_one_leaves_a_gap() -> None:
    given = rules(last_slot=SLOT - 1)
    late = judged(given, BOUNDARY + timedelta(seconds=200))
    assert late is not None and late.off_s == 200
    assert judged(given, BOUNDARY + QUARTER_HOUR + timedelta(seconds=255)) is None
    following = judged(given, BOUNDARY + 2 * QUARTER_HOUR)
    assert following is not None and following.slot == SLOT + 2


def test_a_wrong_meter_clock_is_marked_and_ours_decides() -> None:
    given = rules()
    reading = given.judge(sample(BOUNDARY + timedelta(days=900)), BOUNDARY, listening_since=EARLIER)
    assert reading is not None
    assert (reading.slot, reading.off_s) == (SLOT, 255)
    assert reading.status == ReadingStatus.READ_OK | ReadingStatus.CLOCK_UNSYNCHRONISED


def test_a_meter_without_clock_has_an_unknown_offset() -> None:
    reading = rules().judge(sample(None), BOUNDARY, listening_since=EARLIER)
    assert reading is not None and (reading.slot, reading.off_s, reading.status) == (SLOT, 255, 1)


def test_a_polled_meter_whose_clock_is_slow_is_read_after_the_boundary_all_the_same() -> None:
    given = rules()
    slow = sample(BOUNDARY - timedelta(seconds=20))
    reading = given.judge(slow, BOUNDARY, listening_since=BOUNDARY, asked_at=BOUNDARY)
    assert reading is not None and (reading.slot, reading.off_s, reading.status) == (SLOT, 255, 1)


def test_another_meter_than_expected_gives_nothing() -> None:
    assert judged(rules(serial_expected="B2"), BOUNDARY) is None


def test_a_meter_without_the_register_gives_nothing() -> None:
    assert judged(rules(profile=2), BOUNDARY) is None


class FlakyMeter:
    """Answers with the clock's time, after as many failures as were asked for."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.failures = 0
        self.reads = 0

    async def read(self) -> MeterSample:
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise RetryableError("no answer")
        return sample(self.clock.now(), wh=1000 + self.reads)


async def test_polling_tries_again_and_then_leaves_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "POLL_PAUSES_S", (0.0, 0.01, 0.02))
    clock = ManualClock(BOUNDARY - timedelta(seconds=5))
    meter, taken = FlakyMeter(clock), list[RegisterReading]()

    async def take(reading: RegisterReading) -> None:
        taken.append(reading)

    task = asyncio.create_task(sample_polled(meter, rules(), clock, take))
    try:
        await until(lambda: clock.sleepers == 1, "the sampler asleep")
        assert meter.reads == 0
        meter.failures = 2
        await clock.move_to(BOUNDARY)
        await until(lambda: len(taken) == 1, "a reading at the third attempt")
        meter.failures = 3
        await clock.move_to(BOUNDARY + QUARTER_HOUR)
        await until(lambda: meter.reads == 6 and clock.sleepers == 1, "three failures")
        await clock.move_to(BOUNDARY + 2 * QUARTER_HOUR)
        await until(lambda: len(taken) == 2, "the next reading")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [reading.slot for reading in taken] == [SLOT, SLOT + 2]


async def test_a_sampler_that_wakes_late_reads_at_once_what_is_still_near_its_boundary() -> None:
    clock = ManualClock(BOUNDARY - timedelta(seconds=5))
    meter, taken = FlakyMeter(clock), list[RegisterReading]()

    async def take(reading: RegisterReading) -> None:
        taken.append(reading)
        if len(taken) == 1:  # this took long: three boundaries have gone by
            await clock.move_to(BOUNDARY + 3 * QUARTER_HOUR + timedelta(seconds=30))

    task = asyncio.create_task(sample_polled(meter, rules(), clock, take))
    try:
        await until(lambda: clock.sleepers == 1, "the sampler asleep")
        await clock.move_to(BOUNDARY)
        await until(lambda: len(taken) == 2, "the reading of the newest boundary")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [(reading.slot, reading.off_s) for reading in taken] == [(SLOT, 0), (SLOT + 3, 30)]


def test_all_attempts_fit_into_the_time_in_which_a_reading_is_not_late() -> None:
    assert sum(POLL_PAUSES_S) < LATE_S
    assert len(POLL_PAUSES_S) >= 3


async def test_polling_waits_for_a_meter_whose_clock_is_a_little_slow() -> None:
    clock = ManualClock(BOUNDARY)
    taken = list[RegisterReading]()

    class SlowMeter(FlakyMeter):
        async def read(self) -> MeterSample:
            self.reads += 1
            return sample(BOUNDARY - timedelta(seconds=2 - self.reads))

    async def take(reading: RegisterReading) -> None:
        taken.append(reading)

    meter = SlowMeter(clock)
    task = asyncio.create_task(sample_polled(meter, rules(), clock, take))
    try:
        await until(lambda: len(taken) == 1, "the reading")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (meter.reads, taken[0].slot, taken[0].off_s) == (2, SLOT, 0)
