"""Which frame a LoRaWAN device sends next, and when (wire-format 2.4). No clock and no radio: times are given.

The dear part of a frame is its preamble and header, not a few more bytes. So chunks of signatures ride along where they
cost least, and readings asked for again ride in front of new ones if they fit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from community.attestation.lora_frame import CHUNK_SIZE, CHUNKS, COUNTER_MODULUS, OVERHEAD, run_size
from community.attestation.lora_frame_downlink import DownlinkCommands
from community.attestation.lora_frame_readings import SLOT_MODULUS, SPAN_MAX, can_follow, encode_block
from community.attestation.statement import SlotReading
from community.clock import QUARTER_HOUR_S
from gateway_agent.lorawan.airtime import airtime_us, bits_per_block, block_us
from gateway_agent.lorawan.queue import SendQueue
from gateway_agent.lorawan.rate_plans import RATE_PLANS

DAILY_BUDGET_US = 30_000_000
"""The fair-use policy of The Things Network; elsewhere 1 % of a sub-band, which the modem itself keeps."""
REPAIR_RESERVE_US = 1_500_000
JITTER_MAX_S = 600
TIGHT_PARTS = 3
"""With less than one of three parts of the day's airtime left, frames become fewer and fuller."""
PAYLOAD_LIMIT = 222
"""Designed for this much even where the data rate would carry more, so that MAC answers find room."""
DUTY_CYCLE = 100
"""A sub-band may be used for one part in so many."""
SIGNATURE_ALONE_FROM = CHUNKS + CHUNKS // 2
"""Chunks in line that no longer wait for readings to ride with."""


@dataclass(frozen=True, slots=True)
class ChunkRun:
    """Chunks of one statement's signature for one frame."""

    ctr: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class NextFrame:
    """What to put into the frame that goes now. Without readings it carries a signature only."""

    readings: tuple[SlotReading, ...]
    first_slot: int | None
    """The oldest slot covered; slots without a reading are thereby said to have none."""
    run: ChunkRun | None
    size: int
    airtime_us: int
    repair: bool


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Nothing to send before `at_s`, unless something new comes."""

    at_s: int


@dataclass(frozen=True, slots=True)
class _Window:
    readings: tuple[SlotReading, ...]
    first_slot: int
    size: int
    """Of the block."""


class LoraScheduler:
    """Decides over a `SendQueue`; whoever drives it sends and calls `sent`, then keeps the queue on disk."""

    def __init__(
        self,
        queue: SendQueue,
        randbelow: Callable[[int], int],
        *,
        daily_budget_us: int = DAILY_BUDGET_US,
        repair_reserve_us: int = REPAIR_RESERVE_US,
        jitter_max_s: int = JITTER_MAX_S,
    ) -> None:
        if not 0 <= repair_reserve_us < daily_budget_us:
            raise ValueError("the reserve for repairs must be a part of the day's airtime")
        self.queue = queue
        self._randbelow = randbelow
        self._budget_us = daily_budget_us
        self._reserve_us = repair_reserve_us
        self._jitter_max_s = jitter_max_s
        self._jitter: dict[int, int] = {}
        self._quiet_until_s = 0
        self._repair_from_s = 0
        self._may_ride = False

    def next(
        self, now_s: int, data_rate: int, payload_max: int, held: Mapping[int, SlotReading]
    ) -> NextFrame | WaitUntil:
        """The frame to send at `now_s`, or until when there is none.

        `payload_max` is what the modem says it takes now; `held` are the readings not yet acknowledged, by slot.
        """
        limit = min(payload_max, PAYLOAD_LIMIT)
        if now_s < self._quiet_until_s:
            return WaitUntil(self._quiet_until_s)
        due_s, window = self._new_readings(now_s, data_rate, limit, held)
        if due_s <= now_s:
            if window is None:  # not even one reading fits beside the MAC answers: the next frame carries them away
                return self._signature_alone(now_s, data_rate, limit)
            return self._governed(now_s, self._frame(window, data_rate, limit, held, repair=False))
        if now_s < self._repair_from_s:
            return WaitUntil(min(due_s, self._repair_from_s))
        silent = self._is_silent(now_s, data_rate, held)
        frame = None if self._may_ride and not silent else self._repair(data_rate, limit, held)
        if frame is None and self.queue.chunks_waiting() >= (1 if silent else SIGNATURE_ALONE_FROM):
            alone = self._signature_alone(now_s, data_rate, limit)
            return alone if isinstance(alone, NextFrame) else WaitUntil(min(alone.at_s, due_s))
        if frame is None:
            return WaitUntil(due_s)
        governed = self._governed(now_s, frame)
        return governed if isinstance(governed, NextFrame) else WaitUntil(min(governed.at_s, due_s))

    def sent(self, frame: NextFrame, now_s: int, data_rate: int) -> None:
        """`frame` went out, whether or not anyone heard it."""
        queue, us = self.queue, airtime_us(frame.size, data_rate)
        queue.airtime.add(now_s, us)
        self._quiet_until_s = now_s + us * DUTY_CYCLE // 1_000_000 + 1
        self._repair_from_s = self._quiet_until_s + self._randbelow(self._jitter_max_s + 1)
        if frame.readings:
            newest = frame.readings[-1].slot
            if not frame.repair:
                self._may_ride = False
                queue.sent_up_to = newest if queue.sent_up_to is None else max(newest, queue.sent_up_to)
                self._jitter = {slot: s for slot, s in self._jitter.items() if slot > newest}
            first = frame.readings[0].slot if frame.first_slot is None else frame.first_slot
            first = 0 if frame.repair else first  # older ones without a reading cannot be said in one frame
            queue.repairs = {slot for slot in queue.repairs if not first <= slot <= newest}
        if frame.run is not None:
            mask = queue.chunks.get(frame.run.ctr, 0) & ~((1 << frame.run.count) - 1 << frame.run.first)
            queue.chunks.pop(frame.run.ctr, None)
            if mask:
                queue.chunks[frame.run.ctr] = mask

    def ask(self, commands: DownlinkCommands, held: Mapping[int, SlotReading]) -> None:
        """Put in line what the backend misses. What is asked for rides with the next new readings if it fits."""
        if not held:
            return
        for each in commands.ranges:
            first = nearest(each.first_low, max(held), SLOT_MODULUS)
            asked = set(range(max(first, min(held)), min(first + each.slots, max(held) + 1)))
            following = next((slot for slot in sorted(held) if asked and slot >= max(asked)), None)
            asked |= set() if following is None else {following}
            self._may_ride = self._may_ride or bool(asked - self.queue.repairs)
            self.queue.repairs |= asked
        for request in commands.chunks:
            ctr = nearest(request.ctr_low, self.queue.known_ctr, COUNTER_MODULUS)
            if 0 < ctr <= self.queue.known_ctr:
                self.queue.chunks[ctr] = self.queue.chunks.get(ctr, 0) | request.mask

    def _new_readings(
        self, now_s: int, data_rate: int, limit: int, held: Mapping[int, SlotReading]
    ) -> tuple[int, _Window | None]:
        """When the new readings are due, and how they go."""
        plan, slot_now = RATE_PLANS[data_rate], now_s // QUARTER_HOUR_S
        sent = self.queue.sent_up_to
        waiting = sorted(slot for slot in held if sent is None or slot > sent)
        begin = waiting[0] if waiting and sent is None else (sent or slot_now) + 1
        tight = self.queue.airtime.used_us(now_s) * TIGHT_PARTS > self._budget_us * (TIGHT_PARTS - 1)
        due_slot = begin + (plan.readings_when_tight if tight else plan.readings) - 1
        if not waiting or slot_now < due_slot:
            return (max(due_slot, slot_now + 1) * QUARTER_HOUR_S) + self._jitter_of(max(due_slot, slot_now + 1)), None
        due_s = due_slot * QUARTER_HOUR_S + self._jitter_of(due_slot)
        if due_s > now_s:
            return due_s, None
        oldest = held[waiting[0]]
        last = oldest
        window: _Window | None = None
        if oldest.slot - begin >= SPAN_MAX:  # a gap too long to be said: the statements around it say it
            begin = oldest.slot
        taken: list[SlotReading] = []
        for slot in waiting:
            reading = held[slot]
            if taken and not can_follow(last, reading):
                break
            wider = _window((*taken, reading), begin)
            if wider is None or OVERHEAD + wider.size > limit:
                break
            taken.append(reading)
            window, last = wider, reading
        return due_s, window

    def _frame(
        self, window: _Window, data_rate: int, limit: int, held: Mapping[int, SlotReading], *, repair: bool
    ) -> NextFrame:
        if not repair:
            window = self._with_repairs(self._repeating(window, data_rate, limit, held), data_rate, limit, held)
        run = self._run(window, data_rate, limit)
        size = OVERHEAD + window.size + (run_size(run.first, run.count) if run else 0)
        return NextFrame(window.readings, window.first_slot, run, size, airtime_us(size, data_rate), repair)

    def _repeating(self, window: _Window, data_rate: int, limit: int, held: Mapping[int, SlotReading]) -> _Window:
        """`window` with readings in front that were sent before, as the plan wants and as they fit."""
        plan, newest = RATE_PLANS[data_rate], window.readings[-1].slot
        while window.first_slot > newest - plan.shown + 1:
            wider = _back_to(window, window.first_slot - 1, held)
            if wider is None or OVERHEAD + wider.size > limit:
                break
            costs = airtime_us(OVERHEAD + wider.size, data_rate) > airtime_us(OVERHEAD + window.size, data_rate)
            if costs and window.first_slot <= newest - plan.shown_least + 1:
                break
            window = wider
        return window

    def _with_repairs(self, window: _Window, data_rate: int, limit: int, held: Mapping[int, SlotReading]) -> _Window:
        """`window` reaching back over slots asked for, if that costs less airtime than a frame of their own."""
        best, alone_us = window, airtime_us(OVERHEAD + 10, data_rate)
        for slot in sorted((slot for slot in self.queue.repairs if slot < window.first_slot), reverse=True):
            wider = _back_to(window, slot, held)
            if wider is None or OVERHEAD + wider.size > limit:
                break
            more = airtime_us(OVERHEAD + wider.size, data_rate) - airtime_us(OVERHEAD + window.size, data_rate)
            if more < alone_us + block_us(data_rate):
                best = wider
        return best

    def _repair(self, data_rate: int, limit: int, held: Mapping[int, SlotReading]) -> NextFrame | None:
        """A frame of slots asked for that could not ride with new ones: as many as fit, oldest first."""
        asked = sorted(slot for slot in self.queue.repairs if held and min(held) <= slot <= max(held))
        self.queue.repairs = set(asked)
        window: _Window | None = None
        for slot in asked:
            if slot not in held:
                continue  # it has no reading: the frame of the next one that has says so
            begin = asked[0] if slot - asked[0] < SPAN_MAX or window is not None else slot
            wider = _window(tuple(held[each] for each in range(begin, slot + 1) if each in held), begin)
            if wider is None or OVERHEAD + wider.size > limit:
                break
            window = wider
        if window is None or OVERHEAD + window.size > limit:
            return None
        return self._frame(window, data_rate, limit, held, repair=True)

    def _run(self, window: _Window, data_rate: int, limit: int) -> ChunkRun | None:
        """The chunks that ride along: those that cost least each; none if they would cost more than they weigh."""
        head = self._next_chunks()
        if head is None:
            return None
        ctr, first, longest = head
        base = OVERHEAD + window.size
        bare_us = airtime_us(base, data_rate)
        costs = {
            count: airtime_us(base + run_size(first, count), data_rate) - bare_us
            for count in range(1, longest + 1)
            if base + run_size(first, count) <= limit
        }
        if not costs:
            return None
        if longest in costs and longest > CHUNKS // 2:
            return ChunkRun(ctr, first, longest)
        count = min(costs, key=lambda each: (costs[each] / each, -each))
        fair_us = -(-CHUNK_SIZE * 8 * block_us(data_rate) // bits_per_block(data_rate))
        frames_left = self._frames_left(window.readings[-1].slot, data_rate)
        if costs[count] > fair_us * count and self.queue.chunks_waiting() < frames_left:
            return None
        return ChunkRun(ctr, first, count)

    def _next_chunks(self) -> tuple[int, int, int] | None:
        """(statement, first chunk, how many in a row) at the head of the line."""
        if not self.queue.chunks:
            return None
        ctr = min(self.queue.chunks)
        mask = self.queue.chunks[ctr]
        first = (mask & -mask).bit_length() - 1
        longest = 1
        while mask >> first + longest & 1:
            longest += 1
        return ctr, first, longest

    def _frames_left(self, slot: int, data_rate: int) -> int:
        """Frames with readings before the next statement is signed."""
        plan = RATE_PLANS[data_rate]
        return (plan.statement - (slot + 1) % plan.statement) // plan.readings

    def _is_silent(self, now_s: int, data_rate: int, held: Mapping[int, SlotReading]) -> bool:
        """Whether the meter has given nothing for so long that nothing should wait to ride with its readings."""
        sent = self.queue.sent_up_to
        if sent is None or any(slot > sent for slot in held):
            return False
        return now_s // QUARTER_HOUR_S - sent > 2 * RATE_PLANS[data_rate].readings_when_tight

    def _signature_alone(self, now_s: int, data_rate: int, limit: int) -> NextFrame | WaitUntil:
        head = self._next_chunks()
        fitting = 0 if head is None else (limit - OVERHEAD - run_size(head[1], 0)) // CHUNK_SIZE
        if head is None or fitting < 1:
            return WaitUntil(now_s + QUARTER_HOUR_S)
        run = ChunkRun(head[0], head[1], min(head[2], fitting))
        size = OVERHEAD + run_size(run.first, run.count)
        return self._governed(now_s, NextFrame((), None, run, size, airtime_us(size, data_rate), repair=False))

    def _governed(self, now_s: int, frame: NextFrame) -> NextFrame | WaitUntil:
        """`frame` if the day's airtime has room for it, else when it will have."""
        budget = self._budget_us if frame.repair else self._budget_us - self._reserve_us
        at_s = self.queue.airtime.free_at(now_s, frame.airtime_us, budget)
        return frame if at_s <= now_s else WaitUntil(at_s)

    def _jitter_of(self, slot: int) -> int:
        """Seconds after `slot` at which its frame goes: drawn once, so that asking again changes nothing."""
        return self._jitter.setdefault(slot, self._randbelow(self._jitter_max_s + 1))


def nearest(low: int, reference: int, modulus: int) -> int:
    """The number with low part `low` that is nearest to `reference`."""
    return reference - modulus // 2 + (low - reference + modulus // 2) % modulus


def _window(readings: tuple[SlotReading, ...], first_slot: int) -> _Window | None:
    """The block over `readings`, or None if no single frame can hold them."""
    if readings[-1].slot - first_slot >= SPAN_MAX:
        return None
    if not all(can_follow(older, newer) for older, newer in pairwise(readings)):
        return None
    if len({each.off_s for each in readings}) > 1 and max(each.off_s for each in readings) > 63:
        return None
    _flags, block = encode_block(readings, first_slot)
    return _Window(readings, first_slot, len(block))


def _back_to(window: _Window, first_slot: int, held: Mapping[int, SlotReading]) -> _Window | None:
    """`window` from `first_slot` on, or None if that cannot be one frame.

    Slots before the oldest held one were acknowledged: they must not be declared absent, and end the reach.
    """
    if first_slot < min(held):
        return None
    earlier = tuple(held[slot] for slot in range(first_slot, window.first_slot) if slot in held)
    return _window((*earlier, *window.readings), first_slot)
