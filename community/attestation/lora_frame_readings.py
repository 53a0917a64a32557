"""The readings block of a LoRaWAN frame (wire-format 2.3): up to 64 quarter-hours as differences, packed bit by bit.

The block itself knows only the low bits of slot and registers. `expand` completes them from what the backend knows; a
wrong completion cannot verify under the statement's signature.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from community.attestation.lora_bits import (
    DELTA_MAX,
    BitReader,
    BitWriter,
    MalformedFrame,
    best_parameter,
    read_rice,
    write_rice,
)
from community.attestation.statement import CHANNELS_MAX, ReadingStatus, SlotReading

SPAN_MAX = 64
SLOT_MODULUS = 1 << 16
REGISTER_MODULUS = 1 << 24
DEFAULT_OFFSET_S = 0
DEFAULT_STATUS = int(ReadingStatus.READ_OK)
OFFSET_EACH_MAX_S = 63
"""The largest offset that flag V can give each reading of its own."""

_SLOT_BITS, _SPAN_BITS, _CHANNEL_BITS, _REGISTER_BITS, _PARAMETER_BITS, _OFFSET_BITS = 16, 6, 2, 24, 4, 6


@dataclass(frozen=True, slots=True)
class BlockFlags:
    """The three flags of the frame's header that say what is in its readings block."""

    status: bool = False
    """O: offset and status are given; else 0 s and read-ok."""
    offsets: bool = False
    """V: an offset for each reading."""
    gaps: bool = False
    """G: a bitmap says which slots have a reading."""


@dataclass(frozen=True, slots=True)
class ReadingsBlock:
    """A decoded block, newest reading first, with truncated slot and registers."""

    slot_low: int
    """The newest reading's slot modulo 2^16."""
    span: int
    """Slots covered, the newest included: those without a reading are thereby known to have none."""
    ages: tuple[int, ...]
    """How many slots before the newest each reading is; starts with 0."""
    offsets_s: tuple[int, ...]
    status: int
    registers_low: tuple[int, ...]
    """The newest registers modulo 2^24, one per channel."""
    drops: tuple[tuple[int, ...], ...]
    """Per reading and channel, how much lower than the newest."""


def can_follow(older: SlotReading, newer: SlotReading) -> bool:
    """Whether `newer` may stand next to `older` in one frame: same status and channels, no fall, no huge step."""
    return (
        older.status == newer.status
        and len(older.registers) == len(newer.registers)
        and all(0 <= new - old <= DELTA_MAX for old, new in zip(older.registers, newer.registers, strict=True))
        and (older.off_s == newer.off_s or max(older.off_s, newer.off_s) <= OFFSET_EACH_MAX_S)
    )


def encode_block(readings: Sequence[SlotReading], first_slot: int | None = None) -> tuple[BlockFlags, bytes]:
    """The block of `readings` (oldest first) and its flags. Raises MalformedFrame for what no block can hold.

    `first_slot` is given where the slots before the oldest reading are to be declared without one as well.
    """
    if not readings:
        raise MalformedFrame("a readings block needs at least one reading")
    newest = readings[-1]
    begin = readings[0].slot if first_slot is None else first_slot
    span = newest.slot - begin + 1
    if not 1 <= span <= SPAN_MAX or begin > readings[0].slot:
        raise MalformedFrame(f"a frame covers 1 to {SPAN_MAX} slots, not {span}")
    if not all(older.slot < newer.slot and can_follow(older, newer) for older, newer in pairwise(readings)):
        raise MalformedFrame("the readings of a frame ascend and have one status")
    each_offset = len({reading.off_s for reading in readings}) > 1
    if each_offset and max(reading.off_s for reading in readings) > OFFSET_EACH_MAX_S:
        raise MalformedFrame(f"offsets that differ must not exceed {OFFSET_EACH_MAX_S} s")
    plain = newest.status == DEFAULT_STATUS and (each_offset or newest.off_s == DEFAULT_OFFSET_S)
    flags = BlockFlags(not plain, each_offset, len(readings) < span)
    out = BitWriter()
    out.write(newest.slot % SLOT_MODULUS, _SLOT_BITS)
    out.write(span - 1, _SPAN_BITS)
    out.write(len(newest.registers) - 1, _CHANNEL_BITS)
    if flags.status:
        out.write(newest.off_s, 8)
        out.write(newest.status, 8)
    if flags.gaps:
        present = {reading.slot for reading in readings}
        for slot in range(newest.slot - 1, begin - 1, -1):
            out.write(slot in present, 1)
    if flags.offsets:
        for reading in reversed(readings):
            out.write(reading.off_s, _OFFSET_BITS)
    _write_registers(out, readings)
    return flags, out.to_bytes()


def _write_registers(out: BitWriter, readings: Sequence[SlotReading]) -> None:
    for value in readings[-1].registers:
        out.write(value % REGISTER_MODULUS, _REGISTER_BITS)
    if len(readings) == 1:
        return
    deltas = [
        [newer.registers[channel] - older.registers[channel] for older, newer in pairwise(readings)][::-1]
        for channel in range(len(readings[-1].registers))
    ]
    parameters = [best_parameter(each) for each in deltas]
    for parameter in parameters:
        out.write(parameter, _PARAMETER_BITS)
    for parameter, each in zip(parameters, deltas, strict=True):
        for delta in each:
            write_rice(out, delta, parameter)


def decode_block(flags: BlockFlags, data: bytes) -> ReadingsBlock:
    """The block in `data`. Raises MalformedFrame."""
    source = BitReader(data)
    slot_low, span = source.read(_SLOT_BITS), source.read(_SPAN_BITS) + 1
    channels = source.read(_CHANNEL_BITS) + 1
    offset, status = (source.read(8), source.read(8)) if flags.status else (DEFAULT_OFFSET_S, DEFAULT_STATUS)
    ages = (0, *(age for age in range(1, span) if not flags.gaps or source.read(1)))
    offsets = tuple(source.read(_OFFSET_BITS) for _ in ages) if flags.offsets else (offset,) * len(ages)
    registers = tuple(source.read(_REGISTER_BITS) for _ in range(channels))
    parameters = [source.read(_PARAMETER_BITS) for _ in range(channels)] if len(ages) > 1 else [0] * channels
    falls: list[list[int]] = []
    for parameter in parameters:
        below = [0]
        for _ in ages[1:]:
            below.append(below[-1] + read_rice(source, parameter))
        falls.append(below)
    source.finish()
    return ReadingsBlock(slot_low, span, ages, offsets, status, registers, tuple(zip(*falls, strict=True)))


def expand(block: ReadingsBlock, newest_slot: int, newest_registers: Sequence[int]) -> tuple[SlotReading, ...]:
    """The readings of `block`, oldest first, with its newest slot and registers complete. Raises MalformedFrame.

    A register that would fall below zero shows that the completion is wrong.
    """
    readings: list[SlotReading] = []
    for age, off_s, drops in zip(block.ages, block.offsets_s, block.drops, strict=True):
        registers = tuple(value - drop for value, drop in zip(newest_registers, drops, strict=True))
        if min(registers) < 0 or newest_slot < age:
            raise MalformedFrame("the frame's differences lead below zero")
        readings.append(SlotReading(newest_slot - age, off_s, block.status, registers))
    return tuple(reversed(readings))


def complete_slot(slot_low: int, received_slot: int) -> int:
    """The slot with low bits `slot_low` that is nearest before a day after `received_slot` (when the frame came)."""
    latest = received_slot + 96
    return latest - (latest - slot_low) % SLOT_MODULUS


def complete_above(register_low: int, floor: int) -> int:
    """The smallest value of at least `floor` with low bits `register_low`."""
    return floor + (register_low - floor) % REGISTER_MODULUS


def complete_below(register_low: int, ceiling: int) -> int:
    """The largest value of at most `ceiling` with low bits `register_low`; negative if there is none."""
    return ceiling - (ceiling - register_low) % REGISTER_MODULUS


assert 1 << _CHANNEL_BITS == CHANNELS_MAX and 1 << _SPAN_BITS == SPAN_MAX
