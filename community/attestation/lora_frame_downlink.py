"""What the backend tells a device over LoRaWAN (wire-format 2.3, fPort 20): acknowledgement, repair, clock, profiles.

Slots and counters are given by their low 16 bits; the device completes them from what it holds.
"""

from dataclasses import dataclass

from community.attestation import cbor
from community.attestation.lora_bits import MalformedFrame
from community.attestation.lora_frame import CHUNKS, OpenedFrame, Port, RadioKeys, open_frame, seal_frame
from community.attestation.sealing import Direction

RANGE_MAX = 256
PLAINTEXT_MAX = 40
"""What fits into the smallest frame of EU868 (51 bytes)."""

_STORED, _RANGE, _CHUNKS, _CLOCK, _PROFILES = 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class SlotRange:
    """Readings to send again: `slots` quarter-hours from the one with low bits `first_low`."""

    first_low: int
    slots: int

    def __post_init__(self) -> None:
        if not (cbor.is_uint(self.first_low, 16) and 1 <= self.slots <= RANGE_MAX):
            raise MalformedFrame("a range to send again is a slot modulo 2^16 and 1 to 256 slots")


@dataclass(frozen=True, slots=True)
class ChunkRequest:
    """Signature chunks to send again: bit i of `mask` stands for chunk i of the statement with low bits `ctr_low`."""

    ctr_low: int
    mask: int

    def __post_init__(self) -> None:
        if not (cbor.is_uint(self.ctr_low, 16) and 0 < self.mask < 1 << CHUNKS):
            raise MalformedFrame("a chunk request is a counter modulo 2^16 and a mask of 1 to 255")


@dataclass(frozen=True, slots=True)
class DownlinkCommands:
    """One downlink. Parts that are not given are not on the wire."""

    stored_up_to: int | None = None
    """Low bits of the slot up to which everything is stored and verified: the device may forget it."""
    ranges: tuple[SlotRange, ...] = ()
    chunks: tuple[ChunkRequest, ...] = ()
    clock_correction_s: int | None = None
    profiles: bytes | None = None

    def __post_init__(self) -> None:
        if self.stored_up_to is not None and not cbor.is_uint(self.stored_up_to, 16):
            raise MalformedFrame("the slot stored up to is given modulo 2^16")
        if self.clock_correction_s is not None and not -(1 << 15) <= self.clock_correction_s < 1 << 15:
            raise MalformedFrame("a clock correction is a number of seconds in 16 bits")
        if self.profiles is not None and not 1 <= len(self.profiles) <= PLAINTEXT_MAX:
            raise MalformedFrame(f"a profile table is 1 to {PLAINTEXT_MAX} bytes")

    @property
    def asks(self) -> bool:
        """Whether something is to be sent again."""
        return bool(self.ranges or self.chunks)


def encode_commands(commands: DownlinkCommands) -> bytes:
    """The plaintext of `commands`."""
    out = b""
    if commands.stored_up_to is not None:
        out += bytes((_STORED,)) + commands.stored_up_to.to_bytes(2, "big")
    for each in commands.ranges:
        out += bytes((_RANGE,)) + each.first_low.to_bytes(2, "big") + bytes((each.slots - 1,))
    for request in commands.chunks:
        out += bytes((_CHUNKS,)) + request.ctr_low.to_bytes(2, "big") + bytes((request.mask,))
    if commands.clock_correction_s is not None:
        out += bytes((_CLOCK,)) + commands.clock_correction_s.to_bytes(2, "big", signed=True)
    if commands.profiles is not None:
        out += bytes((_PROFILES, len(commands.profiles))) + commands.profiles
    return out


def decode_commands(plaintext: bytes) -> DownlinkCommands:
    """The commands in `plaintext`, in the order in which they are always written. Raises MalformedFrame."""
    stored: int | None = None
    clock: int | None = None
    profiles: bytes | None = None
    ranges: list[SlotRange] = []
    chunks: list[ChunkRequest] = []
    rest = plaintext
    while rest:
        number, sizes = rest[0], {_STORED: 3, _RANGE: 4, _CHUNKS: 4, _CLOCK: 3}
        if number == _PROFILES:
            size = 2 + (rest[1] if len(rest) > 1 else 1)
        elif number in sizes:
            size = sizes[number]
        else:
            raise MalformedFrame(f"command {number} is not known here; 1 to 5 are")
        if len(rest) < size:
            raise MalformedFrame(f"command {number} ends too early")
        body, rest = rest[1:size], rest[size:]
        match number:
            case 1:
                stored = int.from_bytes(body, "big")
            case 2:
                ranges.append(SlotRange(int.from_bytes(body[:2], "big"), body[2] + 1))
            case 3:
                chunks.append(ChunkRequest(int.from_bytes(body[:2], "big"), body[2]))
            case 4:
                clock = int.from_bytes(body, "big", signed=True)
            case _:
                profiles = body[1:]
    commands = DownlinkCommands(stored, tuple(ranges), tuple(chunks), clock, profiles)
    if encode_commands(commands) != plaintext:
        raise MalformedFrame("the commands are doubled or out of order")
    return commands


def seal_commands(keys: RadioKeys, generation: int, counter: int, commands: DownlinkCommands) -> bytes:
    """The frame of `commands` for FPort 20. Raises MalformedFrame."""
    return seal_frame(keys, Direction.DOWN, Port.REPAIR, generation, counter, encode_commands(commands))


def open_commands(
    keys: RadioKeys, frame: bytes, last_counter: int | None, f_port: int = Port.REPAIR
) -> tuple[OpenedFrame, DownlinkCommands]:
    """The commands in a frame that came on FPort 20, with its proven counter. Raises MalformedFrame, SealBroken."""
    if f_port != Port.REPAIR:
        raise MalformedFrame(f"commands come on port {int(Port.REPAIR)}, not {f_port}")
    opened = open_frame(keys, Direction.DOWN, f_port, frame, last_counter)
    return opened, decode_commands(opened.rest)
