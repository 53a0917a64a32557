"""The quarter-hour sampler: which sample is the reading of which boundary. A boundary without one stays a gap.

Pure but for the loops at the end, which only wait and hand over. What is noticed beside the last reading, and what a
falling register holds back, is decided in `readings_rules`.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import structlog

from community.attestation.profiles import registers_of
from community.attestation.statement import OFFSET_UNKNOWN_S
from community.clock import QUARTER_HOUR, QUARTER_HOUR_S, Clock, is_boundary, next_boundary, slot_at, slot_start
from community.errors import RetryableError
from gateway_agent.reading import MeterSample, ReadingFlag, RegisterReading, digest_of
from gateway_agent.readings_rules import LATE_S, ReadingEvent, status_of

log = structlog.get_logger(__name__)

STALE_S = 254
"""Beyond this the offset does not fit its byte and the sample says nothing about the boundary: a gap."""
POLL_PAUSES_S = (0.0, 0.05, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Before each attempt to read a polled meter: less than LATE_S in all, so that a late answer still counts."""
_PATIENCE_S = QUARTER_HOUR_S + 5.0
"""A boundary is never further away than this, unless the clock was set back while we slept."""
_ON_TIME = timedelta(seconds=30)

Take = Callable[[RegisterReading], Awaitable[None]]
Note = Callable[[ReadingEvent], None]


@runtime_checkable
class PollMeter(Protocol):
    """A meter that answers when asked."""

    async def read(self) -> MeterSample:
        """What it says now. Raises RetryableError if it does not answer or answers nonsense."""
        ...


@runtime_checkable
class PushMeter(Protocol):
    """A meter that sends telegrams on its own."""

    def samples(self) -> AsyncGenerator[MeterSample, None]:
        """Every valid telegram, as it comes, until the meter is closed."""
        ...


class HostClockState(Protocol):
    """What is known of our own clock."""

    @property
    def synchronised(self) -> bool | None:
        """Whether a time server confirms it; None = nobody knows."""
        ...


def _ignore(_event: ReadingEvent) -> None:
    """For whoever keeps no events."""


@dataclass(slots=True)
class BoundaryRules:
    """Makes readings of samples: at most one per boundary, in order."""

    profile: int
    clock_skew_max_s: int
    last_slot: int | None = None
    serial_expected: str | None = None
    meter_clock_trusted: bool = False
    """Whether the meter's clock agreed with ours at the last reading: it speaks for itself if ours is set back."""
    host_clock: HostClockState | None = None
    note: Note = _ignore
    _latest: datetime | None = field(default=None, init=False)
    """The latest our own clock ever was."""
    _meter_latest: datetime | None = field(default=None, init=False)
    _went_back: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.last_slot is not None:
            self._latest = slot_start(self.last_slot)

    def judge(
        self, sample: MeterSample, now: datetime, *, listening_since: datetime, asked_at: datetime | None = None
    ) -> RegisterReading | None:
        """The reading that `sample` is, or None if its boundary has one already or it is too far from it.

        `listening_since` is when the first sample could have been heard: one that comes later than LATE_S after its
        boundary is taken only if nothing earlier can have been missed. `asked_at` is the boundary at which a polled
        meter was asked.
        """
        if self.serial_expected is not None and sample.meter_serial != self.serial_expected:
            log.error("wrong_meter", expected=self.serial_expected, found=sample.meter_serial)
            return None
        slot, off_s, flags = self._placed(sample, now, asked_at)
        if self.last_slot is not None and slot <= self.last_slot:
            return None
        after_s = off_s if off_s != OFFSET_UNKNOWN_S else int((now - slot_start(slot)).total_seconds())
        if after_s > STALE_S or (after_s > LATE_S and listening_since > slot_start(slot)):
            return None
        if after_s > LATE_S:
            flags |= ReadingFlag.LATE
            log.warning("reading_late", slot=slot, off_s=after_s)
        return self._taken(sample, slot, off_s, flags, now)

    def stand_in(self, sample: MeterSample, slot: int, now: datetime) -> RegisterReading | None:
        """The newest telegram of before boundary `slot` as its late reading, if no other came and it is not stale."""
        if (self.last_slot is not None and slot <= self.last_slot) or sample.meter_at is None:
            return None
        age_s = (slot_start(slot) - sample.meter_at).total_seconds()
        if not 0 <= age_s <= STALE_S or abs((now - sample.meter_at).total_seconds()) > STALE_S + 2 * LATE_S:
            return None
        if self.serial_expected is not None and sample.meter_serial != self.serial_expected:
            return None
        log.warning("reading_late", slot=slot, before_s=int(age_s))
        flags = self._host_flags() | ReadingFlag.LATE | ReadingFlag.FROM_BEFORE
        return self._taken(sample, slot, OFFSET_UNKNOWN_S, flags, now)

    def missed(self, slot: int) -> None:
        """Boundary `slot` has no reading and gets none any more."""
        if self.last_slot is not None and slot <= self.last_slot:
            return
        first = slot if self.last_slot is None else self.last_slot + 1
        log.warning("gap", first_slot=first, slots=slot - first + 1)
        self.note(ReadingEvent("gap", first, f"{slot - first + 1} quarter-hour(s) without a reading"))

    def _taken(
        self, sample: MeterSample, slot: int, off_s: int, flags: ReadingFlag, now: datetime
    ) -> RegisterReading | None:
        codes = registers_of(self.profile)
        missing = [code for code in codes if code not in sample.registers_wh]
        if missing:
            log.error("register_missing", profile=self.profile, missing=missing)
            return None
        for said, flag in (
            (sample.meter_error, ReadingFlag.METER_ERROR),
            (sample.case_opened, ReadingFlag.CASE_OPENED),
            (sample.power_failed, ReadingFlag.POWER_FAILED),
        ):
            flags |= flag if said else ReadingFlag(0)
        reading = RegisterReading(
            slot,
            off_s,
            status_of(flags),
            tuple(sample.registers_wh[code] for code in codes),
            sample.meter_serial,
            sample.resolution_wh,
            sample.frame,
            flags=flags,
            raw=tuple(sample.raw_of(code) for code in codes),
            frame_sha256=digest_of(sample.frame),
            invocation_counter=sample.invocation_counter,
            meter_at=sample.meter_at,
            gateway_at=now,
            clock_synchronised=None if self.host_clock is None else self.host_clock.synchronised,
        )
        if self.last_slot is not None and slot > self.last_slot + 1:
            self.missed(slot - 1)
        self.last_slot = slot
        return reading

    def _placed(self, sample: MeterSample, now: datetime, asked_at: datetime | None) -> tuple[int, int, ReadingFlag]:
        """(slot, offset, what is wrong with the clocks). A meter whose clock is wrong is placed by ours.

        Ours was set back: a meter whose clock agreed with it until then is believed instead, and a meter without a clock
        is placed by the boundary at which it was asked, unless a time server says that ours is right now.
        """
        flags = self._host_flags()
        latest, self._latest = self._latest, max(now, self._latest or now)
        went_back = latest is not None and latest - now > timedelta(seconds=self.clock_skew_max_s)
        if went_back:
            flags |= ReadingFlag.HOST_CLOCK_WENT_BACK
            self._say_went_back(int((self._latest - now).total_seconds()), now)
        self._went_back = went_back
        ours = asked_at if went_back and asked_at is not None and not self.host_clock_confirmed else now
        if sample.meter_at is None:
            return slot_at(ours), OFFSET_UNKNOWN_S, flags
        agrees = abs(sample.meter_at - now) <= timedelta(seconds=self.clock_skew_max_s)
        if not agrees and not self._meter_is_right(sample.meter_at, flags, asked_at):
            return slot_at(ours), OFFSET_UNKNOWN_S, flags | ReadingFlag.METER_CLOCK_WRONG
        if agrees:
            self.meter_clock_trusted = True
        self._meter_latest = sample.meter_at
        if agrees and asked_at is not None and sample.meter_at < asked_at <= now:  # slow, but read after the boundary
            return slot_at(now), OFFSET_UNKNOWN_S, flags
        slot = slot_at(sample.meter_at)
        return slot, min(int((sample.meter_at - slot_start(slot)).total_seconds()), OFFSET_UNKNOWN_S), flags

    def _meter_is_right(self, meter_at: datetime, flags: ReadingFlag, asked_at: datetime | None) -> bool:
        """Whether the meter's clock, which differs from ours, is the better one."""
        if self._meter_latest is not None and meter_at < self._meter_latest:
            return False
        if ReadingFlag.HOST_CLOCK_WENT_BACK in flags and self.meter_clock_trusted and not self.host_clock_confirmed:
            self._latest = max(meter_at, self._latest or meter_at)  # ours is behind until it is where the meter is
            return True
        return ReadingFlag.HOST_CLOCK_UNSYNCHRONISED in flags and asked_at is None

    def _say_went_back(self, by_s: int, now: datetime) -> None:
        """Once, not with every telegram until it has caught up."""
        if not self._went_back:
            log.warning("clock_went_back", by_s=by_s)
            self.note(ReadingEvent("clock_went_back", slot_at(now), f"our clock was set back by {by_s} s"))

    @property
    def host_clock_confirmed(self) -> bool:
        """Whether a time server says that our clock is right."""
        return self.host_clock is not None and self.host_clock.synchronised is True

    def _host_flags(self) -> ReadingFlag:
        if self.host_clock is not None and self.host_clock.synchronised is False:
            return ReadingFlag.HOST_CLOCK_UNSYNCHRONISED
        return ReadingFlag(0)


async def sample_pushed(meter: PushMeter, rules: BoundaryRules, clock: Clock, take: Take) -> None:
    """Hand over the first telegram at or after each boundary, until the meter is closed."""
    listening_since: datetime | None = None
    newest: list[MeterSample] = []
    watch = asyncio.create_task(_watch_boundaries(rules, clock, take, newest), name="boundaries")
    try:
        async with contextlib.aclosing(meter.samples()) as samples:
            async for sample in samples:
                now = clock.now()
                if listening_since is None:
                    listening_since = min(now, sample.meter_at or now)
                reading = rules.judge(sample, now, listening_since=listening_since)
                newest[:] = [sample]
                if reading is not None:
                    await take(reading)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def _watch_boundaries(rules: BoundaryRules, clock: Clock, take: Take, newest: list[MeterSample]) -> None:
    """Look at each boundary a minute later, and once more when it is too late for it."""
    while True:
        boundary = next_boundary(clock.now())
        slot = slot_at(boundary)
        if await _woken_on_time(clock, boundary + timedelta(seconds=LATE_S)) and newest:
            reading = rules.stand_in(newest[0], slot, clock.now())
            if reading is not None:
                await take(reading)
        if await _woken_on_time(clock, boundary + timedelta(seconds=STALE_S + 1)):
            rules.missed(slot)


async def _woken_on_time(clock: Clock, instant: datetime) -> bool:
    """Sleep until `instant`. False if the clock has jumped far over it: then nobody can say what was missed."""
    await clock.sleep_until(instant)
    return clock.now() - instant < _ON_TIME


async def sample_polled(
    meter: PollMeter,
    rules: BoundaryRules,
    clock: Clock,
    take: Take,
    *,
    jitter_s: float = 0.0,
    patience_s: float = _PATIENCE_S,
) -> None:
    """Read the meter at every boundary, for ever. What fails at every attempt leaves a gap.

    `jitter_s` keeps several gateways on one bus apart. After `patience_s` the meter is read whatever our clock says: it
    must have been set back, and the quarter-hour has passed all the same.
    """
    start = clock.now()
    boundary = slot_start(slot_at(start)) if is_boundary(start) else next_boundary(start)
    while True:
        try:
            async with asyncio.timeout(patience_s):
                await clock.sleep_until(boundary)
        except TimeoutError:
            if rules.host_clock_confirmed:
                continue  # it was put right: these quarter-hours have their readings already
        if jitter_s:
            await asyncio.sleep(jitter_s)
        reading = await _read_at(meter, rules, clock, boundary)
        if reading is None:
            log.warning("boundary_missed", slot=slot_at(boundary))
            rules.missed(slot_at(boundary))
        else:
            await take(reading)
        boundary = max(boundary + QUARTER_HOUR, slot_start(slot_at(clock.now())))


async def _read_at(meter: PollMeter, rules: BoundaryRules, clock: Clock, boundary: datetime) -> RegisterReading | None:
    """The reading of `boundary`. Asks again while the meter's own clock has not quite reached it."""
    sample: MeterSample | None = None
    for attempt, pause_s in enumerate(POLL_PAUSES_S, start=1):
        await asyncio.sleep(pause_s)
        try:
            sample = await meter.read()
        except RetryableError as error:
            log.warning("meter_read_failed", attempt=attempt, reason=str(error))
            continue
        if sample.meter_at is None or sample.meter_at >= boundary:
            break
    if sample is None:
        return None
    return rules.judge(sample, clock.now(), listening_since=boundary, asked_at=boundary)
