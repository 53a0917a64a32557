"""LoRaWAN laws: round trips, no damaged frame is taken, and whatever is lost, repair ends with the same evidence."""

import random
from itertools import pairwise

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from community.attestation.device_record import DeviceKeyRecord
from community.attestation.lora_bits import MalformedFrame
from community.attestation.lora_frame import RadioKeys, open_frame, run_of, seal_uplink
from community.attestation.lora_frame_downlink import (
    ChunkRequest,
    DownlinkCommands,
    SlotRange,
    decode_commands,
    encode_commands,
)
from community.attestation.lora_frame_readings import can_follow, decode_block, encode_block, expand
from community.attestation.lora_reassembly import KnownDevice, Reassembly, RefusedFrame, TakenFrame
from community.attestation.sealing import Direction, SealBroken
from community.attestation.statement import SlotReading
from gateway_agent.lorawan.airtime import PAYLOAD_MAX
from gateway_agent.lorawan.queue import SendQueue
from gateway_agent.lorawan.rate_plans import RATE_PLANS, due_statements
from gateway_agent.lorawan.scheduler import LoraScheduler, NextFrame
from tests.unit.community.attestation.builders import EUI, FIRST_SLOT, SECRET, DeviceKey, message_of

RADIO = RadioKeys(EUI, SECRET)
KEY = DeviceKey()
RECORD = DeviceKeyRecord(1, KEY.public_key, KEY.kid, 0)


@st.composite
def frame_readings(draw: st.DrawFn) -> tuple[SlotReading, ...]:
    """Readings that one frame can hold: any gaps, channels, status, offsets and increments."""
    channels = draw(st.integers(1, 4))
    slots = sorted(draw(st.sets(st.integers(0, 63), min_size=1)))
    deltas = st.one_of(st.integers(0, 300), st.integers(0, (1 << 20) - 1))
    offs = draw(st.one_of(st.tuples(st.integers(0, 255)), st.lists(st.integers(0, 63), min_size=2, max_size=5)))
    registers = [draw(st.integers(0, 1 << 40)) for _ in range(channels)]
    status = draw(st.integers(0, 255))
    found = []
    for at, slot in enumerate(slots):
        found.append(SlotReading(FIRST_SLOT + slot, offs[at % len(offs)], status, tuple(registers)))
        registers = [value + draw(deltas) for value in registers]
    return tuple(found)


@given(frame_readings())
def test_a_readings_block_comes_back(readings: tuple[SlotReading, ...]) -> None:
    assert all(can_follow(older, newer) for older, newer in pairwise(readings))
    flags, block = encode_block(readings)
    assert expand(decode_block(flags, block), readings[-1].slot, readings[-1].registers) == readings


@given(st.binary(max_size=80), st.integers(0, 7))
def test_no_bytes_crash_the_block_reader(data: bytes, bits: int) -> None:
    flags = encode_block((SlotReading(1, 0, 1, (1,)),))[0]
    flags = type(flags)(bool(bits & 4), bool(bits & 2), bool(bits & 1))
    try:
        block = decode_block(flags, data)
    except MalformedFrame:
        return
    assert 1 <= len(block.ages) <= block.span <= 64


@given(frame_readings(), st.integers(0, (1 << 32) - 1), st.integers(1, 8), st.integers(0, 3), st.data())
def test_any_damaged_frame_is_refused(
    readings: tuple[SlotReading, ...], counter: int, count: int, generation: int, data: st.DataObject
) -> None:
    signed = message_of(KEY, (SlotReading(FIRST_SLOT, 0, 1, (1,)),)).signed
    port, frame = seal_uplink(RADIO, generation, counter, readings, run_of(signed, 0, count))
    if len(frame) > 242:
        return
    opened = open_frame(RADIO, Direction.UP, port, frame, counter)
    assert (opened.counter, opened.generation, opened.signature) == (counter, generation, run_of(signed, 0, count))
    bit = data.draw(st.integers(0, len(frame) * 8 - 1))
    damaged = bytearray(frame)
    damaged[bit // 8] ^= 1 << bit % 8
    for wrong in (bytes(damaged), frame[:-1], frame + b"\0"):
        try:
            open_frame(RADIO, Direction.UP, port, wrong, counter)
        except (SealBroken, MalformedFrame):
            continue
        raise AssertionError("a damaged frame was opened")


@given(
    st.none() | st.integers(0, 65535),
    st.lists(st.builds(SlotRange, st.integers(0, 65535), st.integers(1, 256)), max_size=4),
    st.lists(st.builds(ChunkRequest, st.integers(0, 65535), st.integers(1, 255)), max_size=4),
    st.none() | st.integers(-32768, 32767),
    st.none() | st.binary(min_size=1, max_size=10),
)
def test_commands_come_back(
    stored: int | None, ranges: list[SlotRange], chunks: list[ChunkRequest], clock: int | None, profiles: bytes | None
) -> None:
    commands = DownlinkCommands(stored, tuple(ranges), tuple(chunks), clock, profiles)
    assert decode_commands(encode_commands(commands)) == commands


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.integers(0, 5),
    st.sets(st.integers(0, 79), max_size=30),
    st.lists(st.integers(0, 79), max_size=3),
    st.integers(0, 1 << 32),
    st.integers(1, 2),
)
def test_any_loss_is_repaired(data_rate: int, absent: set[int], restarts: list[int], seed: int, channels: int) -> None:
    """Frames are lost at random, a fifth comes twice, the device restarts; with repairs all evidence is the same."""
    draw = random.Random(seed)
    plan, now = RATE_PLANS[data_rate], 0
    registers, held, unsigned, signed, day = [1 << 24] * channels, {}, [], {}, FIRST_SLOT // 96 * 96
    queue = SendQueue(day - 1)
    backend = Reassembly(KnownDevice(RADIO, (RECORD,), channels))
    proven: dict[int, SlotReading] = {}
    counter = 0
    for slot in range(day, day + 300):
        if slot - day in restarts:
            queue = SendQueue.from_json(queue.to_json())
        sending = LoraScheduler(queue, draw.randrange, daily_budget_us=10**12, repair_reserve_us=0, jitter_max_s=0)
        registers = [value + draw.choice((0, 7, 60, 3000)) for value in registers]
        if slot - day not in absent and slot < day + 120:
            held[slot] = reading = SlotReading(slot, 0, 1, tuple(registers))
            unsigned.append(reading)
        for group in due_statements(unsigned, plan, slot):
            ctr = len(signed) + 1
            signed[ctr] = message_of(KEY, tuple(group), ctr=ctr, profile=channels).signed
            queue.line_up(ctr)
            del unsigned[: len(group)]
        sending.ask(backend.requests(), held)
        now = slot * 900
        while isinstance(chosen := sending.next(now, data_rate, PAYLOAD_MAX[data_rate], held), NextFrame):
            counter += 1
            run = None if chosen.run is None else run_of(signed[chosen.run.ctr], chosen.run.first, chosen.run.count)
            port, frame = seal_uplink(RADIO, 0, counter, chosen.readings, run, chosen.first_slot)
            assert len(frame) == chosen.size <= PAYLOAD_MAX[data_rate]
            sending.sent(chosen, now, data_rate)
            now += 1
            if slot < day + 90 and draw.random() < 0.4:
                continue
            outcome = backend.take(port, frame, slot)
            assert isinstance(outcome, TakenFrame)
            proven |= {each.slot: each for message in outcome.verified for each in message.readings}
            if draw.random() < 0.2:
                assert not isinstance(backend.take(port, frame, slot), TakenFrame | RefusedFrame)
    assert not unsigned
    assert proven == held
    assert backend.verified_ctr == len(signed) and not backend.requests().asks
