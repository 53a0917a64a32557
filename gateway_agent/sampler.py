"""The quarter-hour sampler: which sample is the reading of which boundary. A boundary without one stays a gap.

Pure but for the two loops at the end, which only wait and hand over.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from community.attestation.profiles import registers_of
from community.attestation.statement import OFFSET_UNKNOWN_S, ReadingStatus
from community.clock import QUARTER_HOUR, Clock, is_boundary, next_boundary, slot_at, slot_start
from community.errors import RetryableError
from gateway_agent.reading import MeterSample, RegisterReading

log = structlog.get_logger(__name__)

LATE_S = 60
STALE_S = 254
"""Beyond this the offset does not fit its byte and the sample says nothing about the boundary: a gap."""
POLL_PAUSES_S = (0.0, 0.05, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Before each attempt to read a polled meter: less than LATE_S in all, so that a late answer still counts."""

Take = Callable[[RegisterReading], Awaitable[None]]


class PollMeter(Protocol):
    """A meter that answers when asked."""

    async def read(self) -> MeterSample:
        """What it says now. Raises RetryableError if it does not answer or answers nonsense."""
        ...


class PushMeter(Protocol):
    """A meter that sends telegrams on its own."""

    def samples(self) -> AsyncGenerator[MeterSample, None]:
        """Every valid telegram, as it comes, until the meter is closed."""
        ...


@dataclass(slots=True)
class BoundaryRules:
    """Makes readings of samples: at most one per boundary, in order."""

    profile: int
    clock_skew_max_s: int
    last_slot: int | None = None
    last_registers: tuple[int, ...] | None = None
    serial_expected: str | None = None

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
        slot, off_s, synchronised = self._placed(sample, now, asked_at)
        if self.last_slot is not None and slot <= self.last_slot:
            return None
        after_s = off_s if off_s != OFFSET_UNKNOWN_S else int((now - slot_start(slot)).total_seconds())
        if after_s > STALE_S or (after_s > LATE_S and listening_since > slot_start(slot)):
            return None
        if after_s > LATE_S:
            log.warning("reading_late", slot=slot, off_s=after_s)
        registers = self._ordered(sample)
        if registers is None:
            return None
        reading = RegisterReading(
            slot,
            off_s,
            self._status(sample, registers, synchronised),
            registers,
            sample.meter_serial,
            sample.resolution_wh,
            sample.frame,
        )
        if self.last_slot is not None and slot > self.last_slot + 1:
            log.warning("gap", first_slot=self.last_slot + 1, slots=slot - self.last_slot - 1)
        self.last_slot, self.last_registers = slot, registers
        return reading

    def _placed(self, sample: MeterSample, now: datetime, asked_at: datetime | None) -> tuple[int, int, bool]:
        """(slot, offset, whether the meter's clock is right). A meter whose clock is wrong is placed by ours."""
        if sample.meter_at is None:
            return slot_at(now), OFFSET_UNKNOWN_S, True
        if abs(sample.meter_at - now) > timedelta(seconds=self.clock_skew_max_s):
            return slot_at(now), OFFSET_UNKNOWN_S, False
        if asked_at is not None and sample.meter_at < asked_at <= now:  # a slow clock: it was read after the boundary
            return slot_at(now), OFFSET_UNKNOWN_S, True
        slot = slot_at(sample.meter_at)
        return slot, min(int((sample.meter_at - slot_start(slot)).total_seconds()), OFFSET_UNKNOWN_S), True

    def _ordered(self, sample: MeterSample) -> tuple[int, ...] | None:
        codes = registers_of(self.profile)
        missing = [code for code in codes if code not in sample.registers_wh]
        if missing:
            log.error("register_missing", profile=self.profile, missing=missing)
            return None
        return tuple(sample.registers_wh[code] for code in codes)

    def _status(self, sample: MeterSample, registers: tuple[int, ...], synchronised: bool) -> int:
        status = ReadingStatus.READ_OK
        if not synchronised:
            status |= ReadingStatus.CLOCK_UNSYNCHRONISED
        falls = self.last_registers is not None and any(
            new < old for new, old in zip(registers, self.last_registers, strict=True)
        )
        if falls:
            log.error("register_falls", before=self.last_registers, after=registers)
        if sample.meter_error or falls:
            status |= ReadingStatus.METER_ERROR
        return int(status)


async def sample_pushed(meter: PushMeter, rules: BoundaryRules, clock: Clock, take: Take) -> None:
    """Hand over the first telegram at or after each boundary, until the meter is closed."""
    listening_since: datetime | None = None
    async with contextlib.aclosing(meter.samples()) as samples:
        async for sample in samples:
            now = clock.now()
            if listening_since is None:
                listening_since = min(now, sample.meter_at or now)
            reading = rules.judge(sample, now, listening_since=listening_since)
            if reading is not None:
                await take(reading)


async def sample_polled(meter: PollMeter, rules: BoundaryRules, clock: Clock, take: Take) -> None:
    """Read the meter at every boundary, for ever. What fails at every attempt leaves a gap."""
    start = clock.now()
    boundary = slot_start(slot_at(start)) if is_boundary(start) else next_boundary(start)
    while True:
        await clock.sleep_until(boundary)
        reading = await _read_at(meter, rules, clock, boundary)
        if reading is None:
            log.warning("boundary_missed", slot=slot_at(boundary))
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
