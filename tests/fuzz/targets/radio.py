"""What comes over the radio: a modem's lines, frames and downlinks, and statements put together from frames."""

from collections.abc import Iterator
from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from community.attestation.device_record import DeviceKeyRecord
from community.attestation.lora_bits import MalformedFrame
from community.attestation.lora_frame import (
    FRAME_MAX,
    OVERHEAD,
    Port,
    RadioKeys,
    open_frame,
    seal_frame,
)
from community.attestation.lora_frame_downlink import decode_commands, encode_commands, open_commands
from community.attestation.lora_frame_readings import expand
from community.attestation.lora_reassembly import KnownDevice, Reassembly, RefusedFrame, TakenFrame
from community.attestation.lora_reassembly_slots import Anchor
from community.attestation.sealing import Direction, SealBroken
from community.attestation.signatures import kid_of
from community.attestation.statement import SlotReading
from gateway_agent.protocols import at_commands
from tests.fuzz.streams import stream_of
from tests.fuzz.target import Target, held_bytes
from tests.fuzz.targets.golden_messages import frames_of_golden_statements

KEYS = RadioKeys(bytes(range(8)), bytes(range(32)))
RECEIVED_SLOT = 1_994_400
_SEC1 = (
    ec.derive_private_key(0x1234567, ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
)
_KEY = DeviceKeyRecord(1, _SEC1, kid_of(_SEC1), 0)
_LINES = (
    "+JOIN: Network joined",
    "+JOIN: Done",
    "+JOIN: Join failed",
    "+ID: DevEui, 2C:F7:F1:20:24:90:03:63",
    "+DR: DR0 (ADR DR3)",
    "+LW: LEN, 51",
    "+RTC: 2026-11-17 00:45:03",
    '+MSGHEX: PORT: 20; RX: "0A1B"',
    "+MSGHEX: No free channel 2000ms",
    "+AT: ERROR(-1)",
)
_READINGS_PORTS = (Port.READINGS, Port.SIGNATURE, Port.STATUS, Port.KEY_REGISTRATION)


def at_commands_lines(data: bytes) -> None:
    """Any bytes of a modem, cut into lines the same whatever the pieces, and each line as every answer."""
    size, stream = stream_of(data)
    whole, cut = at_commands.LineBuffer(), at_commands.LineBuffer()
    lines = whole.feed(stream)
    in_pieces: list[str] = []
    for at in range(0, len(stream), size):
        in_pieces += cut.feed(stream[at : at + size])
        assert held_bytes(cut) <= 2 * at_commands.LINE_MAX
    assert in_pieces == lines
    commands = (at_commands.hello(), at_commands.join(), at_commands.device_eui(), at_commands.send(b"\x01"))
    parsers = [getattr(at_commands, name) for name in dir(at_commands) if name.startswith("parse_")]
    for line in lines[:50]:
        for command in commands:
            with suppress(at_commands.ModemFailure):
                assert isinstance(command.judge(line), at_commands.Answer)
        for parse in parsers:
            try:
                parse(line)
            except at_commands.ModemFailure:
                continue


def lora_frame(data: bytes) -> None:
    """Any frame, and any content of a frame that the device's own key sealed."""
    if not data:
        return
    direction = Direction(data[0] >> 7)
    port = data[0] & 0x1F
    for last in (None, 0, 70_000, (1 << 32) - 1):
        with suppress(MalformedFrame, SealBroken):
            open_frame(KEYS, direction, port, data[1:], last)
    with suppress(MalformedFrame, SealBroken):
        open_commands(KEYS, data[1:], 3)
    with suppress(MalformedFrame):
        assert encode_commands(decode_commands(data[1:])) == data[1:]
    _own_frame(data)


def _own_frame(data: bytes) -> None:
    for port in _READINGS_PORTS:
        frame = seal_frame(KEYS, Direction.UP, port, 1, 9, data[1 : FRAME_MAX - OVERHEAD], flags=data[0] & 15)
        try:
            opened = open_frame(KEYS, Direction.UP, port, frame, 8)
        except MalformedFrame:
            continue
        assert opened.counter == 9
        if opened.block is not None:
            with suppress(MalformedFrame):
                readings = expand(opened.block, RECEIVED_SLOT, opened.block.registers_low)
                assert len(readings) == len(opened.block.ages) <= opened.block.span
                assert [each.slot for each in readings] == sorted({each.slot for each in readings})


def lora_reassembly(data: bytes) -> None:
    """Any frames that the device sealed itself, one after the other: what is asked for fits, what is held is bounded."""
    anchor = Anchor(RECEIVED_SLOT - 200, (1000,)) if data and data[0] & 1 else None
    keys = (_KEY,) if data and data[0] & 0x0F == 0x0F else ()  # signatures to verify are slow
    device = KnownDevice(KEYS, keys, 1, 5 if anchor else 0, anchor)
    reassembly = Reassembly(device)
    at, counter, received = 1, 0, RECEIVED_SLOT
    while at + 3 <= len(data) and counter < 100:
        kind, step, size = data[at], data[at + 1], data[at + 2] % 120
        content = data[at + 3 : at + 3 + size]
        at, counter, received = at + 3 + size, counter + 1, received + step
        port = Port.READINGS if kind & 16 else Port.SIGNATURE
        frame = seal_frame(KEYS, Direction.UP, port, 0, counter, content, flags=kind & 15)
        match reassembly.take(port, frame, received):
            case TakenFrame(provisional=readings):
                assert all(isinstance(each, SlotReading) for each in readings)
            case RefusedFrame(broken=broken):
                assert not broken
            case repeated:
                raise AssertionError(f"a new counter is taken for {repeated}")
        encode_commands(reassembly.requests(slots_after=kind >> 5))
    assert held_bytes(reassembly) < 2_000_000


def _modem_seeds() -> Iterator[bytes]:
    yield b"\x03" + "\r\n".join(_LINES).encode() + b"\r\n"
    for line in _LINES:
        yield b"\x02" + line.encode() + b"\r\n"
    yield b"\x0f" + b"x" * 500
    yield b"\x02" + b"x" * 1100 + b"\r\n+AT: OK\r\n"
    yield b"\x03+LW: LEN, " + b"9" * 1000 + b"\r\n"


def _frame_seeds() -> Iterator[bytes]:
    for _port, flags, plaintext in frames_of_golden_statements():
        yield bytes((flags,)) + plaintext
        yield bytes((10,)) + seal_frame(KEYS, Direction.UP, 10, 0, 3, plaintext, flags=flags)
    yield b"\x94" + bytes.fromhex("01 0102 02 0304 05 03 0007 ff 04 ffff 05 02 abcd")


def _reassembly_seeds() -> Iterator[bytes]:
    chain = b"\x00"
    for port, flags, plaintext in frames_of_golden_statements():
        entry = bytes((flags | (16 if port == Port.READINGS else 0), 0, len(plaintext))) + plaintext
        yield b"\x01" + entry
        yield b"\x0f" + entry
        chain += entry
    yield chain[:2000]


TARGETS = {
    "at_commands": Target(at_commands_lines, _modem_seeds),
    "lora_frame": Target(lora_frame, _frame_seeds, size_max=256),
    "lora_reassembly": Target(lora_reassembly, _reassembly_seeds),
}
