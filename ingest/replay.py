"""Judging kept frames again, from their own bytes, in the order in which they came.

What adoption of an unknown device and the replay of poison share. A frame that is admitted now is admitted once: its
digest and counters are what they were, so repeating the replay, or stopping it anywhere, changes nothing else.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from community.clock import Clock
from community.store.frames import Frame
from community.store.inbox import ReplayChoice, frames_to_replay
from community.store.unit_of_work import Store
from ingest.intake import Intake
from ingest.judging import Judge
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
                frames = await frames_to_replay(work, choice, after, PAGE)
            if not frames:
                return done
            for outcome in await asyncio.gather(*(intake.take_in(uplink_of(frame)) for frame in frames)):
                done.add(outcome)
            after = frames[-1]
            if progress is not None:
                progress(done.frames)
    finally:
        stop.set()
        await writing
