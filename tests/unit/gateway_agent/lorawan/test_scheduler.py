"""What the scheduler sends at each data rate, what rides along, and what the governor holds back."""

import pytest

from community.attestation.lora_frame_downlink import ChunkRequest, DownlinkCommands, SlotRange
from community.attestation.statement import SlotReading
from gateway_agent.lorawan.airtime import PAYLOAD_MAX, airtime_us
from gateway_agent.lorawan.queue import SendQueue
from gateway_agent.lorawan.rate_plans import RATE_PLANS, due_statements
from gateway_agent.lorawan.scheduler import ChunkRun, LoraScheduler, NextFrame, WaitUntil

FIRST = 20_000 * 96


def held(count: int, first: int = FIRST, step: int = 60, channels: int = 1) -> dict[int, SlotReading]:
    return {first + at: SlotReading(first + at, 0, 1, (10**7 + step * at,) * channels) for at in range(count)}


def scheduler(queue: SendQueue | None = None, jitter_s: int = 0, budget_us: int = 30_000_000) -> LoraScheduler:
    return LoraScheduler(queue or SendQueue(FIRST - 1), lambda end: min(jitter_s, end - 1), daily_budget_us=budget_us)


def at(slot: int) -> int:
    return slot * 900


def frame_of(chosen: NextFrame | WaitUntil) -> NextFrame:
    assert isinstance(chosen, NextFrame)
    return chosen


@pytest.mark.parametrize("data_rate", range(6))
def test_as_many_readings_as_the_plan_says(data_rate: int) -> None:
    plan, ours = RATE_PLANS[data_rate], scheduler(jitter_s=7)
    wait = ours.next(at(FIRST), data_rate, PAYLOAD_MAX[data_rate], held(1))
    due_s = at(FIRST + plan.readings - 1) + 7
    assert wait == WaitUntil(due_s)
    readings = held(plan.readings)
    assert ours.next(due_s - 1, data_rate, PAYLOAD_MAX[data_rate], readings) == WaitUntil(due_s)
    frame = frame_of(ours.next(due_s, data_rate, PAYLOAD_MAX[data_rate], readings))
    assert [each.slot for each in frame.readings] == sorted(readings)
    assert frame.airtime_us == airtime_us(frame.size, data_rate)
    ours.sent(frame, due_s, data_rate)
    assert ours.queue.sent_up_to == max(readings)


def test_what_was_sent_before_is_shown_again() -> None:
    ours = scheduler(SendQueue(FIRST + 15))
    frame = frame_of(ours.next(at(FIRST + 19), 2, 51, held(20)))
    assert [each.slot for each in frame.readings] == list(range(FIRST + 12, FIRST + 20))
    frame = frame_of(scheduler(SendQueue(FIRST + 18)).next(at(FIRST + 19), 5, 242, held(20)))
    assert RATE_PLANS[5].shown_least <= len(frame.readings) <= RATE_PLANS[5].shown


def test_gaps_and_other_states_of_the_meter() -> None:
    readings = held(12)
    del readings[FIRST], readings[FIRST + 5]
    frame = frame_of(scheduler().next(at(FIRST + 11), 0, 51, readings))
    assert frame.first_slot == FIRST and len(frame.readings) == 10
    readings[FIRST + 8] = SlotReading(FIRST + 8, 0, 3, readings[FIRST + 8].registers)
    ours = scheduler()
    sent: list[list[int]] = []
    now = at(FIRST + 11)
    while ours.queue.sent_up_to != FIRST + 11:
        frame = frame_of(ours.next(now, 0, 51, readings))
        ours.sent(frame, now, 0)
        sent.append([each.slot - FIRST for each in frame.readings])
        now += 400
        if ours.queue.sent_up_to < FIRST + 11:
            readings |= {}
            now = max(now, at((ours.queue.sent_up_to or 0) + RATE_PLANS[0].readings))
    assert sent == [[1, 2, 3, 4, 6, 7], [8], [9, 10, 11]]


def test_a_short_answer_of_the_modem_makes_shorter_frames() -> None:
    ours = scheduler(SendQueue(FIRST - 1))
    ours.queue.line_up(1)
    frame = frame_of(ours.next(at(FIRST + 11), 0, 26, held(12)))
    assert frame.size <= 26 and frame.run is None and 1 <= len(frame.readings) < 12
    alone = frame_of(ours.next(at(FIRST + 11), 0, 24, held(1, FIRST, 60, 4)))
    assert alone.readings == () and alone.run == ChunkRun(1, 0, 1)
    assert isinstance(ours.next(at(FIRST + 11), 0, 12, held(12)), WaitUntil)


def test_a_whole_signature_rides_where_there_is_room() -> None:
    ours = scheduler()
    ours.queue.line_up(9)
    frame = frame_of(ours.next(at(FIRST + 3), 3, 115, held(4)))
    assert frame.run == ChunkRun(9, 0, 8)
    ours.sent(frame, at(FIRST + 3), 3)
    assert not ours.queue.chunks


def test_chunks_ride_over_a_day_at_the_lowest_rate() -> None:
    ours, now = scheduler(SendQueue(FIRST + 95)), 0
    ours.queue.line_up(1)
    readings, bare_us = held(192), 0
    for newest in range(FIRST + 96 + 11, FIRST + 192, 12):
        now = at(newest)
        frame = frame_of(ours.next(now, 0, 51, {slot: each for slot, each in readings.items() if slot <= newest}))
        bare_us += airtime_us(frame.size - (0 if frame.run is None else 2 + 8 * frame.run.count), 0)
        ours.sent(frame, now, 0)
    assert not ours.queue.chunks
    assert ours.queue.airtime.used_us(now) - bare_us < 16 * 163_840  # less than each chunk in a frame of its own costs


def test_what_is_asked_for_rides_in_front_or_goes_alone() -> None:
    ours = scheduler(SendQueue(FIRST + 15))
    readings = held(24)
    ours.ask(DownlinkCommands(None, (SlotRange(FIRST % 65536, 8),)), readings)
    frame = frame_of(ours.next(at(FIRST + 23), 1, 51, readings))
    assert [each.slot for each in frame.readings] == sorted(readings) and not frame.repair
    ours.sent(frame, at(FIRST + 23), 1)
    assert not ours.queue.repairs
    alone = scheduler(SendQueue(FIRST + 35), jitter_s=60)
    readings = held(48, step=700)
    alone.ask(DownlinkCommands(None, (SlotRange(FIRST % 65536, 12), SlotRange(5, 3))), readings)
    now = at(FIRST + 47) + 60
    frame = frame_of(alone.next(now, 0, 51, readings))
    assert len(frame.readings) == 12 and not frame.repair
    alone.sent(frame, now, 0)
    quiet = alone.next(now + 1, 0, 51, readings)
    assert isinstance(quiet, WaitUntil) and quiet.at_s >= now + frame.airtime_us // 10_000
    later = alone.next(quiet.at_s, 0, 51, readings)
    assert isinstance(later, WaitUntil) and later.at_s == quiet.at_s + 60
    repair = frame_of(alone.next(later.at_s, 0, 51, readings))
    assert [each.slot for each in repair.readings] == list(range(FIRST, FIRST + 12)) and repair.repair
    alone.sent(repair, later.at_s, 0)
    assert not alone.queue.repairs and alone.queue.sent_up_to == FIRST + 47


def test_a_silent_meter_holds_nothing_up() -> None:
    ours = scheduler(SendQueue(FIRST + 11))
    ours.queue.line_up(1)
    readings = held(12)
    ours.ask(DownlinkCommands(None, (SlotRange(FIRST % 65536, 4),)), readings)
    assert isinstance(ours.next(at(FIRST + 20), 0, 51, readings), WaitUntil)
    repair = frame_of(ours.next(at(FIRST + 60), 0, 51, readings))
    assert repair.repair and [each.slot for each in repair.readings] == list(range(FIRST, FIRST + 4))
    now = at(FIRST + 60)
    ours.sent(repair, now, 0)
    for _ in range(8):
        now += 1000
        if ours.queue.chunks:
            ours.sent(frame_of(ours.next(now, 0, 51, readings)), now, 0)
    assert not ours.queue.chunks and not ours.queue.repairs


def test_chunks_asked_for_are_sent_again() -> None:
    queue = SendQueue(FIRST - 1, known_ctr=70_000)
    ours = scheduler(queue)
    ours.ask(DownlinkCommands(None, (), (ChunkRequest(69_999 % 65536, 0b1111110),)), held(1))
    ours.ask(DownlinkCommands(None, (), (ChunkRequest(70_001 % 65536, 1),)), held(1))
    assert queue.chunks == {69_999: 0b1111110}
    assert frame_of(ours.next(at(FIRST + 3), 3, 115, held(4))).run == ChunkRun(69_999, 1, 6)


def test_the_governor_holds_back_but_for_repairs() -> None:
    queue = SendQueue(FIRST - 1)
    ours = scheduler(queue)
    now = at(FIRST + 20)
    queue.airtime.add(now - 80_000, 2_500_000)
    queue.airtime.add(now - 10, 26_000_000)
    readings = held(20)
    chosen = ours.next(now, 0, 51, readings)
    assert chosen == WaitUntil(now - 80_000 + 86_400)
    queue.sent_up_to = FIRST + 19
    queue.repairs = {FIRST + 1}
    assert isinstance(ours.next(now, 0, 51, readings), WaitUntil)
    queue.airtime.entries.pop(0)
    assert frame_of(ours.next(now, 0, 51, readings)).repair
    with pytest.raises(ValueError, match="reserve"):
        scheduler(budget_us=1000)


def test_frames_become_fewer_when_airtime_runs_short() -> None:
    queue = SendQueue(FIRST - 1)
    queue.airtime.add(at(FIRST), 21_000_000)
    chosen = scheduler(queue).next(at(FIRST + 11), 0, 51, held(12))
    assert chosen == WaitUntil(at(FIRST + RATE_PLANS[0].readings_when_tight - 1))


def test_the_queue_survives_a_restart() -> None:
    queue = SendQueue(FIRST, {3: 5}, {FIRST - 4}, known_ctr=7)
    queue.airtime.add(5, 6)
    assert SendQueue.from_json(queue.to_json()) == queue
    assert SendQueue.from_json(SendQueue().to_json()) == SendQueue()
    for text in ("{}", "[]", "x", '{"sent_up_to":[]}'):
        with pytest.raises(ValueError, match=r".+"):
            SendQueue.from_json(text)


def test_which_readings_share_a_signature() -> None:
    day = FIRST // 96 * 96
    readings = list(held(200, day).values())
    groups = due_statements(readings, RATE_PLANS[0], day + 199)
    assert [(each[0].slot - day, len(each)) for each in groups] == [(0, 96), (96, 96)]
    assert [len(each) for each in due_statements(readings[:9], RATE_PLANS[5], day + 8)] == [8]
    assert due_statements(readings[:95], RATE_PLANS[0], day + 94) == []
    fallen = [*readings[:10], *held(10, day + 10, 1).values()]
    apart = [*readings[:10], *list(held(10, day + 74, 60).values())]
    for each in (fallen, apart):
        assert [len(group) for group in due_statements(each, RATE_PLANS[0], day + 96)] == [10, 10]
