"""Frames: what fits them, what is refused, how truncated numbers are completed, and the commands that come down."""

import pytest

from community.attestation.lora_bits import BitReader, BitWriter, MalformedFrame, best_parameter, read_rice, write_rice
from community.attestation.lora_frame import (
    OVERHEAD,
    RadioKeys,
    SignatureRun,
    counter_candidates,
    open_frame,
    run_of,
    run_size,
    seal_frame,
    seal_uplink,
)
from community.attestation.lora_frame_downlink import (
    ChunkRequest,
    DownlinkCommands,
    SlotRange,
    decode_commands,
    encode_commands,
    open_commands,
    seal_commands,
)
from community.attestation.lora_frame_readings import (
    BlockFlags,
    complete_above,
    complete_below,
    complete_slot,
    decode_block,
    encode_block,
    expand,
)
from community.attestation.sealing import Direction, SealBroken
from community.attestation.statement import SlotReading
from tests.unit.community.attestation.builders import EUI, FIRST_SLOT, SECRET, DeviceKey, message_of, some_readings

RADIO = RadioKeys(EUI, SECRET)


def household(count: int, channels: int = 1, offs: tuple[int, ...] = (0,)) -> tuple[SlotReading, ...]:
    """Readings with increments as a household has them: most small, one large."""
    steps = (31, 62, 45, 90, 38, 130, 55, 27, 70, 400, 33, 48)
    registers = [12_000_000 + sum(steps[:at]) for at in range(count)]
    return tuple(
        SlotReading(FIRST_SLOT + at, offs[at % len(offs)], 1, (registers[at],) * channels) for at in range(count)
    )


@pytest.mark.parametrize(("count", "size"), [(1, 17), (4, 21), (8, 25), (12, 29)])
def test_frames_have_the_sizes_of_the_specification(count: int, size: int) -> None:
    _port, frame = seal_uplink(RADIO, 0, 1, household(count))
    assert abs(len(frame) - size) <= 1
    signed = message_of(DeviceKey(), household(4)).signed
    whole = seal_uplink(RADIO, 0, 1, household(count), run_of(signed, 0, 8))[1]
    assert len(whole) == len(frame) + run_size(0, 8) == len(frame) + 69
    assert len(seal_uplink(RADIO, 0, 1, household(count), run_of(signed, 3, 1))[1]) == len(frame) + 10


def test_offsets_of_their_own_cost_six_bits_each() -> None:
    same, varying = household(12), household(12, offs=(2, 3, 5))
    assert len(encode_block(varying)[1]) - len(encode_block(same)[1]) == 9
    flags, block = encode_block(varying)
    assert flags == BlockFlags(offsets=True)
    assert expand(decode_block(flags, block), varying[-1].slot, varying[-1].registers) == varying


def test_status_and_offsets_together() -> None:
    readings = tuple(SlotReading(each.slot, at, 3, each.registers) for at, each in enumerate(household(5)))
    flags, block = encode_block(readings)
    assert flags == BlockFlags(status=True, offsets=True)
    assert expand(decode_block(flags, block), readings[-1].slot, readings[-1].registers) == readings


@pytest.mark.parametrize(
    "readings",
    [
        (),
        (SlotReading(5, 0, 1, (1,)), SlotReading(5, 0, 1, (2,))),
        (SlotReading(5, 0, 1, (1,)), SlotReading(69, 0, 1, (2,))),
        (SlotReading(5, 0, 1, (2,)), SlotReading(6, 0, 1, (1,))),
        (SlotReading(5, 0, 1, (1,)), SlotReading(6, 0, 3, (2,))),
        (SlotReading(5, 0, 1, (1,)), SlotReading(6, 0, 1, (1 + (1 << 20),))),
        (SlotReading(5, 0, 1, (1,)), SlotReading(6, 255, 1, (2,))),
        (SlotReading(5, 255, 1, (1,)), SlotReading(6, 0, 1, (2,))),
        (SlotReading(5, 0, 1, (1,)), SlotReading(6, 0, 1, (2, 3))),
    ],
)
def test_what_no_frame_can_hold_is_refused(readings: tuple[SlotReading, ...]) -> None:
    with pytest.raises(MalformedFrame):
        encode_block(readings)


@pytest.mark.parametrize("delta", [0, 1, 14, 15, 16, 1000, (1 << 20) - 1])
@pytest.mark.parametrize("parameter", [0, 3, 15])
def test_rice_codes_come_back(delta: int, parameter: int) -> None:
    out = BitWriter()
    write_rice(out, delta, parameter)
    source = BitReader(out.to_bytes())
    assert read_rice(source, parameter) == delta
    source.finish()


def test_an_escape_for_a_short_number_is_refused() -> None:
    out = BitWriter()
    out.write((1 << 15) - 1, 15)
    out.write(3, 20)
    with pytest.raises(MalformedFrame, match="escaped"):
        read_rice(BitReader(out.to_bytes()), 0)
    with pytest.raises(MalformedFrame):
        write_rice(out, 1 << 20, 4)
    assert best_parameter([0, 0, 0]) == 0
    assert best_parameter([100, 120, 90]) in {6, 7}


def test_a_block_says_nothing_after_its_end() -> None:
    flags, block = encode_block(household(3))
    with pytest.raises(MalformedFrame, match="more after"):
        decode_block(flags, block + b"\0")
    with pytest.raises(MalformedFrame, match="too early"):
        decode_block(flags, block[:-1])
    with pytest.raises(MalformedFrame, match="below zero"):
        expand(decode_block(flags, block), 1, household(3)[-1].registers)


def test_truncated_numbers_are_completed() -> None:
    now = FIRST_SLOT + 1000
    assert complete_slot(FIRST_SLOT % 65536, now) == FIRST_SLOT
    assert complete_slot((now + 96) % 65536, now) == now + 96
    assert complete_slot((now + 97) % 65536, now) == now + 97 - 65536
    assert complete_above(5, (1 << 24) + 6) == (2 << 24) + 5
    assert complete_above(6, (1 << 24) + 6) == (1 << 24) + 6
    assert complete_below(7, (1 << 24) + 6) == 7
    assert complete_below(7, 6) < 0
    assert next(counter_candidates(2, 65_530)) == 65_538
    assert next(counter_candidates(65_530, 65_538)) == 65_530
    assert list(counter_candidates(5, None))[:2] == [5, 65_541]


def test_counters_are_opened_far_ahead_and_back() -> None:
    for counter, last in ((70_000, None), (70_000, 69_999), (70_000 + 65_536, 69_999), (70_000, 70_000 + 65_536)):
        frame = seal_frame(RADIO, Direction.UP, 12, 2, counter, b"ok")
        opened = open_frame(RADIO, Direction.UP, 12, frame, last)
        assert (opened.counter, opened.generation, opened.rest) == (counter, 2, b"ok")


def test_other_ports_directions_and_shapes_are_refused() -> None:
    _port, frame = seal_uplink(RADIO, 0, 1, household(2))
    for port in (11, 12):
        with pytest.raises(SealBroken):
            open_frame(RADIO, Direction.UP, port, frame, None)
    with pytest.raises(MalformedFrame, match="port"):
        open_frame(RADIO, Direction.DOWN, 10, frame, None)
    with pytest.raises(MalformedFrame, match="version 1"):
        open_frame(RADIO, Direction.UP, 10, bytes((frame[0] | 64,)) + frame[1:], None)
    with pytest.raises(MalformedFrame, match="bytes"):
        open_frame(RADIO, Direction.UP, 10, frame[:10], None)
    with pytest.raises(MalformedFrame, match="nothing else"):
        open_frame(RADIO, Direction.UP, 11, seal_frame(RADIO, Direction.UP, 11, 0, 1, b"x"), None)
    with pytest.raises(MalformedFrame, match="flags"):
        open_frame(RADIO, Direction.UP, 12, seal_frame(RADIO, Direction.UP, 12, 0, 1, b"x", flags=1), None)
    with pytest.raises(MalformedFrame):
        seal_uplink(RADIO, 0, 1)
    with pytest.raises(MalformedFrame):
        seal_uplink(RADIO, 0, 1 << 32, household(1))
    assert len(seal_frame(RADIO, Direction.UP, 12, 0, 1, b"")) == OVERHEAD


@pytest.mark.parametrize(
    "fields",
    [
        (1024, 0, (bytes(8),), 1, 1),
        (1, 8, (bytes(8),), None, None),
        (1, 7, (bytes(8), bytes(8)), None, None),
        (1, 1, (bytes(7),), None, None),
        (1, 0, (bytes(8),), None, None),
        (1, 1, (bytes(8),), 1, 1),
        (1, 0, (bytes(8),), 1, 257),
        (1, 0, (bytes(8),), 65536, 1),
    ],
)
def test_a_signature_run_is_checked(fields: tuple[int, int, tuple[bytes, ...], int | None, int | None]) -> None:
    with pytest.raises(MalformedFrame):
        SignatureRun(*fields)


def test_commands_come_back() -> None:
    commands = DownlinkCommands(7, (SlotRange(9, 256),), (ChunkRequest(65535, 255),), -30, b"\x01\x02")
    assert decode_commands(encode_commands(commands)) == commands
    opened, found = open_commands(RADIO, seal_commands(RADIO, 1, 12, commands), 11)
    assert (found, opened.counter, opened.generation) == (commands, 12, 1)
    assert commands.asks and not DownlinkCommands(7).asks
    with pytest.raises(SealBroken):
        open_commands(RadioKeys(bytes(8), SECRET), seal_commands(RADIO, 1, 12, commands), 11)
    with pytest.raises(MalformedFrame, match="port 20"):
        open_commands(RADIO, seal_commands(RADIO, 1, 12, commands), 11, 21)


@pytest.mark.parametrize("text", ["06", "0100", "020001", "0100020100", "010002010003", "03000100", "0502ff"])
def test_commands_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(MalformedFrame):
        decode_commands(bytes.fromhex(text if len(text) % 2 == 0 else text + "0"))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SlotRange(65536, 1),
        lambda: SlotRange(0, 257),
        lambda: ChunkRequest(0, 0),
        lambda: ChunkRequest(0, 256),
        lambda: DownlinkCommands(65536),
        lambda: DownlinkCommands(clock_correction_s=40_000),
        lambda: DownlinkCommands(profiles=b""),
    ],
)
def test_commands_are_checked(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(MalformedFrame):
        wrong()


def test_readings_that_follow_each_other_make_one_frame() -> None:
    readings = some_readings(count=64)
    assert len(decode_block(*encode_block(readings)).ages) == 64
    with pytest.raises(MalformedFrame, match="1 to 64"):
        encode_block(some_readings(count=65))
