"""The LoRaWAN frame (wire-format 2.3): header, counter and AES-128-CCM around a signature block and a readings block.

Pure: the counter is the caller's, and must never be used twice with one key generation in one direction.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from community.attestation import cbor
from community.attestation.lora_bits import MalformedFrame
from community.attestation.lora_frame_readings import (
    SLOT_MODULUS,
    BlockFlags,
    ReadingsBlock,
    decode_block,
    encode_block,
)
from community.attestation.sealing import GENERATION_MAX, Direction, SealBroken, derive_aead_key
from community.attestation.statement import SPAN_MAX, SignedStatement, SlotReading

HEAD_SIZE = 3
TAG_SIZE = 8
OVERHEAD = HEAD_SIZE + TAG_SIZE
FRAME_MAX = 242
CHUNK_SIZE = 8
CHUNKS = 8
CTR_MODULUS = 1 << 10
COUNTER_MODULUS = 1 << 16

_SIGNATURE, _STATUS, _OFFSETS, _GAPS = 8, 4, 2, 1
_FIRST_SIGHT_ROUNDS = 16
"""How many times 2^16 the counter of a device never heard before may have gone round."""


class Port(IntEnum):
    """FPorts of the format."""

    READINGS = 10
    SIGNATURE = 11
    STATUS = 12
    KEY_REGISTRATION = 13
    REPAIR = 20
    CONFIGURATION = 21


_PORTS_OF = {Direction.UP: (10, 11, 12, 13), Direction.DOWN: (20, 21)}


@dataclass(frozen=True, slots=True)
class RadioKeys:
    """What seals and opens the frames of one device."""

    dev_eui: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class SignatureRun:
    """Consecutive 8-byte chunks of a statement's signature; with chunk 0 the slots that the statement covers."""

    ctr_low: int
    """The statement counter modulo 1024."""
    first_chunk: int
    chunks: tuple[bytes, ...]
    first_slot_low: int | None = None
    span: int | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.ctr_low < CTR_MODULUS and 0 <= self.first_chunk < CHUNKS):
            raise MalformedFrame("a signature block names a counter below 1024 and a chunk of 0 to 7")
        if not 1 <= len(self.chunks) <= CHUNKS - self.first_chunk:
            raise MalformedFrame("a signature has 8 chunks; the block goes beyond them")
        if any(len(chunk) != CHUNK_SIZE for chunk in self.chunks):
            raise MalformedFrame(f"a chunk is {CHUNK_SIZE} bytes")
        given = self.first_slot_low is not None and self.span is not None
        if given != (self.first_chunk == 0) or (self.first_slot_low is None) != (self.span is None):
            raise MalformedFrame("the covered slots come with chunk 0, and only with it")
        if self.first_slot_low is not None and not 0 <= self.first_slot_low < SLOT_MODULUS:
            raise MalformedFrame("the first slot is given modulo 2^16")
        if self.span is not None and not 1 <= self.span <= SPAN_MAX:
            raise MalformedFrame("a statement spans 1 to 256 slots")


@dataclass(frozen=True, slots=True)
class OpenedFrame:
    """A frame that the device's key opened: port, generation, direction and counter are proven."""

    f_port: int
    generation: int
    counter: int
    signature: SignatureRun | None
    block: ReadingsBlock | None
    rest: bytes
    """The plaintext of ports that carry neither block: status, key registration, downlinks."""


def run_of(signed: SignedStatement, first_chunk: int, count: int) -> SignatureRun:
    """Chunks `first_chunk` to `first_chunk + count - 1` of the statement's signature. Raises MalformedFrame."""
    chunks = tuple(signed.signature[at : at + CHUNK_SIZE] for at in range(0, CHUNKS * CHUNK_SIZE, CHUNK_SIZE))
    statement = signed.statement
    covered = (statement.first_slot % SLOT_MODULUS, statement.span) if first_chunk == 0 else (None, None)
    return SignatureRun(
        statement.ctr % CTR_MODULUS, first_chunk, chunks[first_chunk : first_chunk + count], covered[0], covered[1]
    )


def run_size(first_chunk: int, count: int) -> int:
    """Bytes of a signature block."""
    return 2 + (3 if first_chunk == 0 else 0) + CHUNK_SIZE * count


def seal_uplink(
    keys: RadioKeys,
    generation: int,
    counter: int,
    readings: Sequence[SlotReading] = (),
    signature: SignatureRun | None = None,
    first_slot: int | None = None,
) -> tuple[int, bytes]:
    """(FPort, frame) with `readings` (oldest first), or without any for a frame of signature chunks only.

    Raises MalformedFrame for what no frame can hold.
    """
    if not readings and signature is None:
        raise MalformedFrame("a frame carries readings, a signature, or both")
    plaintext = b"" if signature is None else _encode_run(signature)
    header = 0 if signature is None else _SIGNATURE
    if readings:
        flags, block = encode_block(readings, first_slot)
        header |= flags.status * _STATUS | flags.offsets * _OFFSETS | flags.gaps * _GAPS
        plaintext += block
    port = Port.READINGS if readings else Port.SIGNATURE
    return port, seal_frame(keys, Direction.UP, port, generation, counter, plaintext, flags=header)


def seal_frame(
    keys: RadioKeys,
    direction: Direction,
    f_port: int,
    generation: int,
    counter: int,
    plaintext: bytes,
    *,
    flags: int = 0,
) -> bytes:
    """`plaintext` in the envelope that all ports share. Raises MalformedFrame, ValueError."""
    if not cbor.is_uint(counter, 32):
        raise MalformedFrame(f"message counter {counter} is outside 0 to 2^32-1")
    if f_port not in _PORTS_OF[direction] or not 0 <= generation <= GENERATION_MAX:
        raise MalformedFrame(f"port {f_port} or key generation {generation} is none of this direction")
    head = bytes((generation << 4 | flags,)) + (counter % COUNTER_MODULUS).to_bytes(2, "big")
    key = derive_aead_key(keys.secret, keys.dev_eui, generation, "lorawan")
    nonce = _nonce(keys, direction, counter)
    return head + AESCCM(key, TAG_SIZE).encrypt(nonce, plaintext, bytes((f_port,)) + head)


def open_frame(
    keys: RadioKeys, direction: Direction, f_port: int, frame: bytes, last_counter: int | None
) -> OpenedFrame:
    """Open `frame` that came on `f_port`. `last_counter` is the highest one known of this direction, if any.

    Raises MalformedFrame for a wrong shape, SealBroken if the device's key does not open it.
    """
    if f_port not in _PORTS_OF[direction]:
        raise MalformedFrame(f"port {f_port} carries no frame of this format")
    if not OVERHEAD <= len(frame) <= FRAME_MAX:
        raise MalformedFrame(f"a frame has {OVERHEAD} to {FRAME_MAX} bytes, not {len(frame)}")
    header = frame[0]
    if header >> 6:
        raise MalformedFrame(f"frame version {header >> 6} is not known here; version 0 is")
    generation = header >> 4 & GENERATION_MAX
    cipher = AESCCM(derive_aead_key(keys.secret, keys.dev_eui, generation, "lorawan"), TAG_SIZE)
    associated = bytes((f_port,)) + frame[:HEAD_SIZE]
    for counter in counter_candidates(int.from_bytes(frame[1:HEAD_SIZE], "big"), last_counter):
        try:
            plaintext = cipher.decrypt(_nonce(keys, direction, counter), frame[HEAD_SIZE:], associated)
        except InvalidTag:
            continue
        return _opened(f_port, generation, counter, header, plaintext)
    raise SealBroken("the device's key does not open this frame: altered, of another device, or a counter far away")


def counter_candidates(low: int, last_counter: int | None) -> Iterator[int]:
    """Counters with low bits `low`, most plausible first: the nearest to the last one, then a round further or back."""
    if last_counter is None:
        yield from (low + rounds * COUNTER_MODULUS for rounds in range(_FIRST_SIGHT_ROUNDS))
        return
    half = COUNTER_MODULUS // 2
    nearest = last_counter - half + (low - last_counter + half) % COUNTER_MODULUS
    for counter in (nearest, nearest + COUNTER_MODULUS, nearest - COUNTER_MODULUS, nearest + 2 * COUNTER_MODULUS):
        if cbor.is_uint(counter, 32):
            yield counter


def _opened(f_port: int, generation: int, counter: int, header: int, plaintext: bytes) -> OpenedFrame:
    if f_port not in {Port.READINGS, Port.SIGNATURE}:
        if header & 15:
            raise MalformedFrame(f"the frame's flags say nothing on port {f_port}")
        return OpenedFrame(f_port, generation, counter, None, None, plaintext)
    signature, rest = _decode_run(plaintext) if header & _SIGNATURE else (None, plaintext)
    if f_port == Port.SIGNATURE:
        if signature is None or rest or header & (_STATUS | _OFFSETS | _GAPS):
            raise MalformedFrame("a frame on the signature port carries a signature block and nothing else")
        return OpenedFrame(f_port, generation, counter, signature, None, b"")
    flags = BlockFlags(bool(header & _STATUS), bool(header & _OFFSETS), bool(header & _GAPS))
    return OpenedFrame(f_port, generation, counter, signature, decode_block(flags, rest), b"")


def _encode_run(run: SignatureRun) -> bytes:
    head = (run.ctr_low << 6 | run.first_chunk << 3 | len(run.chunks) - 1).to_bytes(2, "big")
    if run.first_slot_low is not None and run.span is not None:
        head += run.first_slot_low.to_bytes(2, "big") + bytes((run.span - 1,))
    return head + b"".join(run.chunks)


def _decode_run(plaintext: bytes) -> tuple[SignatureRun, bytes]:
    head = int.from_bytes(plaintext[:2], "big")
    first_chunk, count = head >> 3 & 7, (head & 7) + 1
    size = run_size(first_chunk, count)
    if len(plaintext) < size:
        raise MalformedFrame("the signature block ends too early")
    begin = size - count * CHUNK_SIZE
    chunks = tuple(plaintext[at : at + CHUNK_SIZE] for at in range(begin, size, CHUNK_SIZE))
    covered = (int.from_bytes(plaintext[2:4], "big"), plaintext[4] + 1) if first_chunk == 0 else (None, None)
    return SignatureRun(head >> 6, first_chunk, chunks, covered[0], covered[1]), plaintext[size:]


def _nonce(keys: RadioKeys, direction: Direction, counter: int) -> bytes:
    return bytes((direction,)) + keys.dev_eui + counter.to_bytes(4, "big")
