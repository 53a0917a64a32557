"""Judging kept frames again, from their own bytes, in the order in which they came.

What adoption of an unknown device and the replay of poison share. A frame that is admitted now is admitted once: its
digest and counters are what they were, so repeating the replay, or stopping it anywhere, changes nothing else.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from community.clock import Clock
from community.store import frames, lora_frames, outbox
from community.store.frames import Frame
from community.store.inbox import ReplayChoice, frames_to_replay
from community.store.unit_of_work import Store
from ingest.cases import Case
from ingest.intake import Intake
from ingest.judging import Judge
from ingest.lorawan.frames import enter_waiting
from ingest.outcomes import Outcome
from ingest.sources.chirpstack_json import uplink_from_json as chirpstack_uplink
from ingest.sources.things_stack_json import uplink_from_json as things_stack_uplink
from ingest.uplinks import Uplink

PAGE = 200
Progress = Callable[[int], None]


@dataclass(slots=True)
class Replayed:
    """What became of the frames: how many of each verdict, and why those were refused that still are."""

    frames: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    readings_refused: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one frame."""
        self.frames += 1
        self.verdicts[outcome.verdict] += 1
        self.readings_refused += outcome.readings_refused
        if outcome.reason is not None:
            self.reasons[outcome.reason] += 1


def uplink_of(frame: Frame) -> Uplink:
    """The uplink that a kept frame came as; a network server's is read anew from its JSON."""
    if frame.envelope is not None:
        raw = frame.envelope.encode()
        read = chirpstack_uplink if frame.source == "chirpstack" else things_stack_uplink
        again = read(raw, frame.received_at)
        if again.digest == frame.digest:
            return again
    return Uplink(frame.source, frame.device_eui, frame.payload, frame.received_at, envelope=frame.envelope)


async def replay(
    store: Store, judge: Judge, clock: Clock, choice: ReplayChoice, progress: Progress | None = None
) -> Replayed:
    """Judge the frames of `choice` again. Raises NotTakenIn, StoreUnavailable; what was done until then stays."""
    intake = Intake(store, judge, clock)
    stop = asyncio.Event()
    writing = asyncio.create_task(intake.run(stop))
    done, after = Replayed(), None
    try:
        while True:
            async with store.read() as work:
                page = await frames_to_replay(work, choice, after, PAGE)
            if not page:
                return done
            for outcome in await asyncio.gather(*(intake.take_in(uplink_of(frame)) for frame in page)):
                done.add(outcome)
            after = page[-1]
            if progress is not None:
                progress(done.frames)
    finally:
        stop.set()
        await writing


async def enter_what_came_by_radio(store: Store, judge: Judge, clock: Clock, eui: str) -> int:
    """Enter the statements of a LoRaWAN device that were put together before the registry let them in.

    Its frames are opened already, so judging them again says nothing new. Returns at how many metering points
    something was entered. Raises NotFoldable, StoreUnavailable.
    """
    async with store.begin() as work:
        await frames.lock_intake(work)
        device = await judge.load(work, eui)
        if device is None or await lora_frames.progress_of(work, device.id) is None:
            return 0
        now = clock.now()
        # what refers to a frame refers to the one that made its statement whole, never to this empty one
        case = Case(work, Uplink("things_stack", eui, b"", now), device, None, now)
        outcome = await enter_waiting(case, device, judge.folds)
        for point in sorted(outcome.metering_points):
            await outbox.announce(work, "measurement", point, now)
    return len(outcome.metering_points)
