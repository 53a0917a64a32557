"""What travels inside the seal (wire-format 2.5): a signed statement with its readings up, acknowledgements down."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from community.attestation import cbor
from community.attestation.profiles import UnknownProfile
from community.attestation.sealing import slot_salts
from community.attestation.statement import (
    MalformedStatement,
    SignedStatement,
    SlotReading,
    check_readings,
    parse_cose_sign1,
    root_of,
    salted_leaf_inputs,
)

RESEND_RANGES_MAX = 64
_BYTE = rb"([\x00-\x17]|\x18[\x18-\xff])"
_USUAL_MESSAGE = re.compile(rb"\x82(?:\x58([\x18-\xff])|\x59([\x01-\xff].))", re.DOTALL)
_USUAL_ROW = re.compile(rb"\x83" + _BYTE + _BYTE + b"(" + cbor.UINT64 + rb")|\xf6", re.DOTALL)
"""A reading with one register, or none, in its one deterministic form."""


class MalformedMessage(ValueError):
    """A plaintext that is no message of this format, or whose readings are not those of its statement."""


@dataclass(frozen=True, slots=True)
class DeviceMessage:
    """A signed statement and all its present readings, oldest first; they fit its span, count and profile."""

    signed: SignedStatement
    readings: tuple[SlotReading, ...]

    def __post_init__(self) -> None:
        statement = self.signed.statement
        if len(self.readings) != statement.count:
            raise MalformedMessage(f"{len(self.readings)} readings came, but the statement counts {statement.count}")
        try:
            check_readings(self.readings, statement.first_slot, statement.span, statement.profile)
        except (MalformedStatement, UnknownProfile) as error:
            raise MalformedMessage(str(error)) from error

    def leaf_inputs(self, salt_key: bytes) -> tuple[bytes, ...]:
        """The leaf inputs of the readings: with them the root is checkable by anyone."""
        return salted_leaf_inputs(self.readings, slot_salts(salt_key, [reading.slot for reading in self.readings]))

    def matches_root(self, salt_key: bytes) -> bool:
        """Whether the readings are those under the signature."""
        return root_of(self.leaf_inputs(salt_key)) == self.signed.statement.root


def encode_up(message: DeviceMessage) -> bytes:
    """The plaintext [COSE_Sign1, [[off, status, reg, ...] or null for an absent slot, ...]], one entry per slot."""
    by_slot = {reading.slot: [reading.off_s, reading.status, *reading.registers] for reading in message.readings}
    statement = message.signed.statement
    rows = [by_slot.get(slot) for slot in range(statement.first_slot, statement.last_slot + 1)]
    return cbor.encode([message.signed.cose_sign1(), rows])


def parse_up(plaintext: bytes) -> DeviceMessage:
    """The message that `plaintext` encodes. Neither signature nor root is checked here. Raises MalformedMessage."""
    usual = _usual_message(plaintext)
    if usual is not None:
        return usual
    fields = _decoded(plaintext)
    if type(fields) is not list or len(fields) != 2 or type(fields[0]) is not bytes or type(fields[1]) is not list:
        raise MalformedMessage("a message is an array of a COSE_Sign1 in a byte string and a list of readings")
    try:
        signed = parse_cose_sign1(fields[0])
        statement = signed.statement
        if len(fields[1]) != statement.span:
            raise MalformedMessage(f"{len(fields[1])} slots came, but the statement spans {statement.span}")
        readings = tuple(
            _reading(statement.first_slot + at, row) for at, row in enumerate(fields[1]) if row is not None
        )
    except MalformedStatement as error:
        raise MalformedMessage(str(error)) from error
    return DeviceMessage(signed, readings)


@dataclass(frozen=True, slots=True)
class BackendMessage:
    """What the backend tells a device. Empty parts are left out on the wire."""

    acked_ctr: int | None = None
    """Every statement up to this counter is stored: the device may forget them."""
    resend: tuple[tuple[int, int], ...] = ()
    """(slot, number of slots from it) that are missing."""
    config: dict[str, int | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.acked_ctr is not None and not cbor.is_uint(self.acked_ctr, 32):
            raise MalformedMessage(f"acknowledged counter {self.acked_ctr} is outside 0 to 2^32-1")
        if len(self.resend) > RESEND_RANGES_MAX:
            raise MalformedMessage(f"at most {RESEND_RANGES_MAX} ranges can be asked for at once")
        if not all(cbor.is_uint(slot, 32) and cbor.is_uint(n, 16) and n > 0 for slot, n in self.resend):
            raise MalformedMessage("a range to send again is a slot and a number of 1 to 65535")
        if not all(type(key) is str and _is_setting(value) for key, value in self.config.items()):
            raise MalformedMessage("a configuration maps names to integers of 64 bits or texts")


def encode_down(message: BackendMessage) -> bytes:
    """The plaintext map {1: acked_ctr, 2: [[slot, n], ...], 3: config}."""
    parts: dict[int, Any] = {}
    if message.acked_ctr is not None:
        parts[1] = message.acked_ctr
    if message.resend:
        parts[2] = [list(pair) for pair in message.resend]
    if message.config:
        parts[3] = message.config
    return cbor.encode(parts)


def parse_down(plaintext: bytes) -> BackendMessage:
    """The message that `plaintext` encodes. Raises MalformedMessage."""
    parts = _decoded(plaintext)
    if type(parts) is not dict or not set(parts) <= {1, 2, 3}:
        raise MalformedMessage("a message to a device is a map with keys 1, 2 and 3")
    ranges, config = parts.get(2, []), parts.get(3, {})
    if type(ranges) is not list or not all(type(pair) is list and len(pair) == 2 for pair in ranges):
        raise MalformedMessage("the ranges to send again are a list of pairs")
    if type(config) is not dict:
        raise MalformedMessage("the configuration is a map")
    if 1 in parts and parts[1] is None:
        raise MalformedMessage("an acknowledged counter is a number")
    return BackendMessage(parts.get(1), tuple((pair[0], pair[1]) for pair in ranges), config)


def _usual_message(plaintext: bytes) -> DeviceMessage | None:
    """The message, if it has one register and its one deterministic form; anything else is read, or refused, at length."""
    head = _USUAL_MESSAGE.match(plaintext)
    if head is None:
        return None
    end = head.end() + int.from_bytes(head[1] or head[2])
    try:
        signed = parse_cose_sign1(plaintext[head.end() : end])
    except MalformedStatement:
        return None
    first_slot, span = signed.statement.first_slot, signed.statement.span
    rows_head = cbor.head(4, span)
    if plaintext[end : end + len(rows_head)] != rows_head:
        return None
    encoded = plaintext[end + len(rows_head) :]
    rows = _USUAL_ROW.findall(encoded)
    if len(rows) != span or sum([1 + len(off) + len(status) + len(wh) for off, status, wh in rows]) != len(encoded):
        return None
    readings = tuple(
        [
            SlotReading(first_slot + at, off[-1], status[-1], (cbor.uint_of(wh),))
            for at, (off, status, wh) in enumerate(rows)
            if wh
        ]
    )
    return DeviceMessage(signed, readings)


def _is_setting(value: object) -> bool:
    return type(value) is str or (type(value) is int and -(1 << 64) <= value < 1 << 64)


def _reading(slot: int, row: Sequence[Any]) -> SlotReading:
    if type(row) is not list or len(row) < 3:
        raise MalformedMessage("a reading is a list of offset, status and registers, or null")
    return SlotReading(slot, row[0], row[1], tuple(row[2:]))


def _decoded(plaintext: bytes) -> Any:
    try:
        return cbor.decode(plaintext)
    except cbor.MalformedCbor as error:
        raise MalformedMessage(f"the message is malformed: {error}") from error
