"""The statement: what a device signs over 1 to 256 quarter-hour readings, as COSE_Sign1 (RFC 9052, wire-format 2.2).

A slot is the number of a quarter-hour boundary (unix seconds / 900); a reading is the registers at that instant. The
root covers the leaves of the readings that exist, oldest first; span and count sign which of them are absent.
"""

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntFlag
from itertools import pairwise
from typing import Any

import cbor2

from community.attestation import cbor, merkle
from community.attestation.profiles import registers_of

VERSION = 1
SPAN_MAX = 256
CHANNELS_MAX = 4
OFFSET_UNKNOWN_S = 255
CONTENT_TYPE = "application/ecw1+cose"
PROTECTED = cbor.encode({1: -7, 16: CONTENT_TYPE})
"""alg = ES256, and the content type, so that the signature says what it is over."""

_SIGN1_TAG = 18
_ONLY_INTEGERS = {int}
_SALT_SIZE = 16
_LEAF_HEAD = _SALT_SIZE + 4 + 1 + 1
_REGISTER_SIZE = 8
_SLOT_OFF_STATUS = struct.Struct(">IBB")
_ONE_REGISTER = struct.Struct(">16sIBBQ")
# The fixed bytes of the one deterministic encoding: putting a statement together from them costs a tenth of general CBOR.
_PAYLOAD_HEAD = bytes((0x89, VERSION, 0x48))
_ROOT_HEAD = b"\x58\x20"
_SIGN1_HEAD = b"\xd2\x84" + cbor.head(2, len(PROTECTED)) + PROTECTED + b"\xa1\x04\x48"
_SIGNATURE_HEAD = b"\x58\x40"
_SIG_STRUCTURE_HEAD = b"\x84\x6aSignature1" + cbor.head(2, len(PROTECTED)) + PROTECTED + b"\x40"
_NUMBER = b"(" + cbor.UINT32 + b")"
_USUAL_SIGN1 = re.compile(
    re.escape(_SIGN1_HEAD)
    + rb"(.{8})\x58([\x18-\xff])("
    + re.escape(_PAYLOAD_HEAD)
    + rb"(.{8})"
    + 6 * _NUMBER
    + rb"\x58\x20(.{32}))\x58\x40(.{64})",
    re.DOTALL,
)


class MalformedStatement(ValueError):
    """Bytes that are no statement. The text says what is wrong with them."""


class ReadingStatus(IntFlag):
    """The status byte of a reading."""

    READ_OK = 1
    CLOCK_UNSYNCHRONISED = 2
    METER_ERROR = 4
    CASE_OPENED = 8
    POWER_FAILED = 16


BOUNDARY_TOLERANCE_S = 5
"""So far from its quarter-hour a reading still stands for it: 30 kW move 42 Wh meanwhile (MEA-9)."""


def is_boundary_inexact(off_s: int, status: int) -> bool:
    """Whether a reading is not known to be of its quarter-hour's very boundary.

    It was read further from it, at a moment that is not known (255), or by a clock that was not synchronised.
    """
    return abs(off_s) > BOUNDARY_TOLERANCE_S or bool(status & ReadingStatus.CLOCK_UNSYNCHRONISED)


@dataclass(frozen=True, slots=True)
class SlotReading:
    """The registers (counts, in the profile's order) at one quarter-hour boundary, as the meter gave them."""

    slot: int
    off_s: int
    """Seconds from the slot's instant to the meter's own time; 255 = unknown."""
    status: int
    registers: tuple[int, ...]

    def __post_init__(self) -> None:
        registers = self.registers
        if type(registers) is tuple and len(registers) == 1:  # the usual case, said once more in one breath
            slot, off_s, status, register = self.slot, self.off_s, self.status, registers[0]
            if (
                type(slot) is type(off_s) is type(status) is type(register) is int
                and 0 <= slot < 1 << 32
                and 0 <= off_s < 256
                and 0 <= status < 256
                and 0 <= register < 1 << 64
            ):
                return
        _check(cbor.is_uint(self.slot, 32), f"slot {self.slot} is outside 0 to 2^32-1")
        _check(cbor.is_uint(self.off_s, 8), f"offset {self.off_s} s is outside 0 to 255")
        _check(cbor.is_uint(self.status, 8), f"status {self.status} is outside 0 to 255")
        _check(type(self.registers) is tuple, "the registers must be a tuple")
        _check(1 <= len(self.registers) <= CHANNELS_MAX, f"a reading has 1 to 4 registers, not {len(self.registers)}")
        _check(all(cbor.is_uint(value, 64) for value in self.registers), "a register is outside 0 to 2^64-1")


@dataclass(frozen=True, slots=True)
class Statement:
    """What is signed: the device, its key, a gapless counter, the slots covered, and the root over their leaves."""

    device_id: bytes
    keyno: int
    ctr: int
    first_slot: int
    span: int
    count: int
    profile: int
    root: bytes

    def __post_init__(self) -> None:
        numbers = (self.keyno, self.ctr, self.first_slot, self.span, self.count, self.profile)
        if (
            type(self.device_id) is type(self.root) is bytes
            and (len(self.device_id), len(self.root)) == (8, merkle.HASH_SIZE)
            and set(map(type, numbers)) == _ONLY_INTEGERS
            and min(numbers) >= 0
            and max(self.keyno, self.ctr, self.first_slot + self.span - 1) < 1 << 32
            and 1 <= self.count <= self.span <= SPAN_MAX
            and self.profile < 256
        ):
            return  # the usual case, said once more in one breath
        _check(type(self.device_id) is bytes and len(self.device_id) == 8, "the device id must be 8 bytes")
        _check(cbor.is_uint(self.keyno, 32), f"key number {self.keyno} is outside 0 to 2^32-1")
        _check(cbor.is_uint(self.ctr, 32), f"statement counter {self.ctr} is outside 0 to 2^32-1")
        _check(cbor.is_uint(self.first_slot, 32), f"first slot {self.first_slot} is outside 0 to 2^32-1")
        _check(cbor.is_uint(self.span, 16) and 1 <= self.span <= SPAN_MAX, f"span {self.span} is outside 1 to 256")
        _check(
            cbor.is_uint(self.count, 16) and 1 <= self.count <= self.span, f"count {self.count} is outside 1 to span"
        )
        _check(cbor.is_uint(self.first_slot + self.span - 1, 32), "the span reaches beyond slot 2^32-1")
        _check(cbor.is_uint(self.profile, 8), f"profile {self.profile} is outside 0 to 255")
        _check(type(self.root) is bytes and len(self.root) == merkle.HASH_SIZE, "the root must be 32 bytes")

    @property
    def last_slot(self) -> int:
        """The newest slot covered, present or absent."""
        return self.first_slot + self.span - 1

    def payload(self) -> bytes:
        """The bytes that stand for this statement in the evidence, 56 to 59 with usual numbers."""
        numbers = (self.keyno, self.ctr, self.first_slot, self.span, self.count, self.profile)
        encoded = b"".join([cbor.head(0, number) for number in numbers])
        return b"".join((_PAYLOAD_HEAD, self.device_id, encoded, _ROOT_HEAD, self.root))


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement with its raw r | s signature (64 bytes) and the id of the key that made it (8 bytes)."""

    statement: Statement
    payload: bytes
    signature: bytes
    kid: bytes

    def __post_init__(self) -> None:
        _check(self.payload == self.statement.payload(), "the payload is not the statement's own encoding")
        _check(type(self.signature) is bytes and len(self.signature) == 64, "the signature must be 64 bytes, r | s")
        _check(type(self.kid) is bytes and len(self.kid) == 8, "the key id must be 8 bytes")

    def cose_sign1(self) -> bytes:
        """The evidence object: tag 18 [protected, {4: kid}, payload, signature]. Stored verbatim."""
        payload = cbor.head(2, len(self.payload)) + self.payload
        return b"".join((_SIGN1_HEAD, self.kid, payload, _SIGNATURE_HEAD, self.signature))

    def to_be_signed(self) -> bytes:
        """The bytes under the signature: those of `sig_structure`."""
        return sig_structure(self.payload)


def sig_structure(payload: bytes) -> bytes:
    """The Sig_structure of RFC 9052 4.4 around a statement's payload; ES256 signs its SHA-256."""
    return b"".join((_SIG_STRUCTURE_HEAD, cbor.head(2, len(payload)), payload))


def parse_payload(payload: bytes) -> Statement:
    """The statement that `payload` encodes. Raises MalformedStatement."""
    fields = _decoded(payload, "statement payload")
    if type(fields) is not list or len(fields) != 9:
        raise MalformedStatement("a statement payload is an array of nine fields")
    version, *rest = fields
    if type(version) is not int or version != VERSION:
        raise MalformedStatement(f"statement version {version!r} is not known here; version 1 is")
    return Statement(*rest)


def parse_cose_sign1(data: bytes) -> SignedStatement:
    """The signed statement that `data` encodes; its signature is *not* checked here. Raises MalformedStatement."""
    usual = _USUAL_SIGN1.fullmatch(data)
    if usual is not None and usual[2][0] == len(usual[3]):
        device_id, *numbers, root = usual.groups()[3:-1]
        keyno, ctr, first_slot, span, count, profile = map(cbor.uint_of, numbers)
        statement = Statement(device_id, keyno, ctr, first_slot, span, count, profile, root)
        return SignedStatement(statement, usual[3], usual[12], usual[1])
    tagged = _decoded(data, "signed statement")
    if type(tagged) is not cbor2.CBORTag or tagged.tag != _SIGN1_TAG:
        raise MalformedStatement("a signed statement is a COSE_Sign1: CBOR tag 18")
    if type(tagged.value) is not list or len(tagged.value) != 4:
        raise MalformedStatement("a COSE_Sign1 is an array of four fields")
    protected, unprotected, payload, signature = tagged.value
    if protected != PROTECTED:
        raise MalformedStatement(f"the protected header must say ES256 and {CONTENT_TYPE}, and nothing else")
    if type(unprotected) is not dict or set(unprotected) != {4}:
        raise MalformedStatement("the unprotected header must hold the key id (4), and nothing else")
    if type(payload) is not bytes:
        raise MalformedStatement("the payload must be a byte string inside the COSE_Sign1")
    return SignedStatement(parse_payload(payload), payload, signature, unprotected[4])


def leaf_input(salt: bytes, reading: SlotReading) -> bytes:
    """What is hashed for one reading: salt16 | u32 slot | u8 off | u8 status | u64 per register (30 bytes for one)."""
    if len(salt) != _SALT_SIZE:
        raise MalformedStatement(f"a slot's salt is 16 bytes, not {len(salt)}")
    head = salt + _SLOT_OFF_STATUS.pack(reading.slot, reading.off_s, reading.status)
    return head + b"".join([value.to_bytes(_REGISTER_SIZE) for value in reading.registers])


def parse_leaf_input(data: bytes) -> tuple[bytes, SlotReading]:
    """The salt and the reading of a leaf input. Raises MalformedStatement."""
    channels, rest = divmod(len(data) - _LEAF_HEAD, _REGISTER_SIZE)
    if rest or not 1 <= channels <= CHANNELS_MAX:
        raise MalformedStatement(f"a leaf input is 22 bytes and 8 per register, not {len(data)}")
    registers = tuple(
        int.from_bytes(data[at : at + _REGISTER_SIZE], "big") for at in range(_LEAF_HEAD, len(data), _REGISTER_SIZE)
    )
    slot = int.from_bytes(data[_SALT_SIZE : _SALT_SIZE + 4], "big")
    return data[:_SALT_SIZE], SlotReading(slot, data[_SALT_SIZE + 4], data[_SALT_SIZE + 5], registers)


def leaf_inputs_of(readings: Sequence[SlotReading], salt_of: Callable[[int], bytes]) -> tuple[bytes, ...]:
    """The leaf inputs of `readings`, with each slot's salt from `salt_of`."""
    return salted_leaf_inputs(readings, [salt_of(reading.slot) for reading in readings])


def salted_leaf_inputs(readings: Sequence[SlotReading], salts: Sequence[bytes]) -> tuple[bytes, ...]:
    """The leaf inputs of `readings`, each with its salt of 16 bytes; as `leaf_input`, a whole statement at once."""
    if not all(len(reading.registers) == 1 for reading in readings) or set(map(len, salts)) != {_SALT_SIZE}:
        return tuple([leaf_input(salt, reading) for reading, salt in zip(readings, salts, strict=True)])
    pack = _ONE_REGISTER.pack
    return tuple(
        [
            pack(salt, reading.slot, reading.off_s, reading.status, reading.registers[0])
            for reading, salt in zip(readings, salts, strict=True)
        ]
    )


def root_of(leaf_inputs: Sequence[bytes]) -> bytes:
    """The root that a statement over `leaf_inputs` carries."""
    return merkle.root(merkle.leaf_hashes(leaf_inputs))


def build_statement(
    device_id: bytes,
    keyno: int,
    ctr: int,
    profile: int,
    readings: Sequence[SlotReading],
    salt_of: Callable[[int], bytes],
    *,
    first_slot: int | None = None,
    span: int | None = None,
) -> tuple[Statement, tuple[bytes, ...]]:
    """The statement over `readings` (oldest first) and their leaf inputs.

    `first_slot` and `span` are given where slots at either end could not be read; else the readings' own ends count.
    Every slot of the span without a reading is thereby signed as absent. Raises MalformedStatement, UnknownProfile.
    """
    _check(bool(readings), "a statement needs at least one reading")
    begin = readings[0].slot if first_slot is None else first_slot
    length = readings[-1].slot - begin + 1 if span is None else span
    check_readings(readings, begin, length, profile)
    leaves = leaf_inputs_of(readings, salt_of)
    return Statement(device_id, keyno, ctr, begin, length, len(readings), profile, root_of(leaves)), leaves


def check_readings(readings: Sequence[SlotReading], first_slot: int, span: int, profile: int) -> None:
    """Raises unless `readings` ascend within the span and hold the profile's registers (MalformedStatement, UnknownProfile)."""
    channels = len(registers_of(profile))
    slots = [reading.slot for reading in readings]
    _check(all(a < b for a, b in pairwise(slots)), "readings must be oldest first, one per slot")
    _check(all(first_slot <= slot < first_slot + span for slot in slots), "a reading lies outside the statement's span")
    _check(
        all(len(reading.registers) == channels for reading in readings),
        f"profile {profile} asks for {channels} register(s) in every reading",
    )


def _decoded(data: bytes, what: str) -> Any:
    try:
        return cbor.decode(data)
    except cbor.MalformedCbor as error:
        raise MalformedStatement(f"the {what} is malformed: {error}") from error


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise MalformedStatement(sentence)
