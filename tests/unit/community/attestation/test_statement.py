"""What a statement refuses: one case per rule, so that no rule can go missing unseen."""

from dataclasses import replace
from typing import Any

import cbor2
import pytest

from community.attestation import cbor
from community.attestation.profiles import UnknownProfile, registers_of
from community.attestation.statement import (
    PROTECTED,
    MalformedStatement,
    SignedStatement,
    SlotReading,
    Statement,
    build_statement,
    is_boundary_inexact,
    leaf_input,
    parse_cose_sign1,
    parse_leaf_input,
    parse_payload,
    salted_leaf_inputs,
)
from tests.unit.community.attestation.builders import EUI, FIRST_SLOT, DeviceKey, message_of, salt_of, some_readings

READING = SlotReading(FIRST_SLOT, 0, 1, (1000,))
STATEMENT = Statement(EUI, 1, 7, FIRST_SLOT, 4, 3, 1, bytes(32))
SIGNED = message_of(DeviceKey(), some_readings()).signed


@pytest.mark.parametrize(
    "change",
    [
        {"slot": -1},
        {"slot": 2**32},
        {"slot": True},
        {"off_s": 256},
        {"off_s": -1},
        {"status": 256},
        {"status": 1.0},
        {"registers": ()},
        {"registers": (1, 2, 3, 4, 5)},
        {"registers": (2**64,)},
        {"registers": (-1,)},
        {"registers": ("1",)},
        {"registers": [1]},
    ],
)
def test_a_reading_that_cannot_be_encoded_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedStatement):
        replace(READING, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"device_id": bytes(7)},
        {"device_id": "70b3d57e"},
        {"keyno": -1},
        {"keyno": True},
        {"ctr": 2**32},
        {"first_slot": 2**32},
        {"span": 0},
        {"span": 257},
        {"count": 0},
        {"count": 5},
        {"first_slot": 2**32 - 3},
        {"profile": 256},
        {"root": bytes(31)},
    ],
)
def test_an_impossible_statement_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedStatement):
        replace(STATEMENT, **change)


@pytest.mark.parametrize("change", [{"payload": b""}, {"signature": bytes(63)}, {"kid": bytes(9)}])
def test_an_inconsistent_signed_statement_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedStatement):
        replace(SIGNED, **change)


def _sign1(*fields: Any, tag: int = 18) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(tag, list(fields)), canonical=True)


SIGN1_PARTS: tuple[Any, ...] = (PROTECTED, {4: SIGNED.kid}, SIGNED.payload, SIGNED.signature)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "malformed"),
        (b"\xff", "malformed"),
        (SIGNED.cose_sign1() + b"\0", "after its end"),
        (b"\xd8\x12" + SIGNED.cose_sign1()[1:], "deterministic"),
        (_sign1(*SIGN1_PARTS, tag=16), "tag 18"),
        (_sign1(*SIGN1_PARTS, tag=17), "tag 17 has no place"),
        (_sign1(PROTECTED, {4.0: SIGNED.kid}, *SIGN1_PARTS[2:]), "key of a map"),
        (_sign1(PROTECTED, {4: 1.5}, *SIGN1_PARTS[2:]), "of floats"),
        (b"\xd8\x23\x61.", "tag 35 has no place"),
        (b"\x9b" + b"\xff" * 8, "ends too early"),
        (b"\x5f\x41a\xff", "lengths must be given"),
        (_sign1(*SIGN1_PARTS[:3]), "four fields"),
        (_sign1(cbor.encode({1: -8}), *SIGN1_PARTS[1:]), "ES256"),
        (_sign1(PROTECTED, {}, *SIGN1_PARTS[2:]), "key id"),
        (_sign1(PROTECTED, {4: SIGNED.kid, 5: b""}, *SIGN1_PARTS[2:]), "key id"),
        (_sign1(PROTECTED, {4: "12345678"}, *SIGN1_PARTS[2:]), "8 bytes"),
        (_sign1(PROTECTED, {4: SIGNED.kid}, None, SIGNED.signature), "inside"),
        (_sign1(PROTECTED, {4: SIGNED.kid}, SIGNED.payload, bytes(65)), "64 bytes"),
        (_sign1(PROTECTED, {4: SIGNED.kid}, b"\x80", SIGNED.signature), "nine fields"),
        (b"\x81" * 5000 + b"\x80", "malformed"),
        (bytes(70000), "more than"),
    ],
)
def test_bytes_that_are_no_evidence_are_refused_with_a_reason(data: bytes, said: str) -> None:
    with pytest.raises(MalformedStatement, match=said):
        parse_cose_sign1(data)


def test_the_payload_is_read_strictly() -> None:
    fields = cbor2.loads(STATEMENT.payload())
    assert parse_payload(STATEMENT.payload()) == STATEMENT
    for at, wrong in [(0, 2), (0, True), (2, "1"), (5, 0), (6, 9), (8, "x" * 32)]:
        altered = list(fields)
        altered[at] = wrong
        with pytest.raises(MalformedStatement):
            parse_payload(cbor2.dumps(altered))
    with pytest.raises(MalformedStatement, match="deterministic"):
        parse_payload(STATEMENT.payload().replace(b"\x07\x1a", b"\x18\x07\x1a", 1))


def test_a_leaf_input_must_have_whole_registers_and_salt() -> None:
    assert parse_leaf_input(leaf_input(bytes(16), READING)) == (bytes(16), READING)
    for length in (22, 29, 31, 22 + 5 * 8):
        with pytest.raises(MalformedStatement, match="leaf input"):
            parse_leaf_input(bytes(length))
    with pytest.raises(MalformedStatement, match="16 bytes"):
        leaf_input(bytes(15), READING)


def test_absent_slots_are_covered_by_span_and_count() -> None:
    readings = some_readings(FIRST_SLOT + 1, 2)
    statement, leaves = build_statement(EUI, 1, 1, 1, readings, salt_of(), first_slot=FIRST_SLOT, span=5)
    assert (statement.first_slot, statement.last_slot, statement.count) == (FIRST_SLOT, FIRST_SLOT + 4, 2)
    assert len(leaves) == 2


@pytest.mark.parametrize(
    ("readings", "options"),
    [
        ((), {}),
        ((READING, READING), {}),
        (tuple(reversed(some_readings())), {}),
        (some_readings(), {"span": 3}),
        (some_readings(), {"first_slot": FIRST_SLOT + 1}),
        ((SlotReading(FIRST_SLOT, 0, 1, (1, 2)),), {}),
        ((READING, SlotReading(FIRST_SLOT + 256, 0, 1, (1000,))), {}),
    ],
)
def test_readings_that_do_not_fit_make_no_statement(readings: Any, options: dict[str, int]) -> None:
    with pytest.raises(MalformedStatement):
        build_statement(EUI, 1, 1, 1, readings, salt_of(), **options)


def test_an_unknown_profile_is_named() -> None:
    assert registers_of(2) == ("1-0:1.8.0", "1-0:2.8.0")
    with pytest.raises(UnknownProfile, match="profile 9"):
        build_statement(EUI, 1, 1, 9, some_readings(), salt_of())


def test_signed_statements_compare_by_value() -> None:
    assert SIGNED == SignedStatement(SIGNED.statement, SIGNED.payload, SIGNED.signature, SIGNED.kid)


@pytest.mark.parametrize(
    ("off_s", "status", "inexact"),
    [(0, 1, False), (5, 1, False), (6, 1, True), (-6, 1, True), (255, 1, True), (0, 3, True)],
)
def test_a_reading_is_of_its_boundary_within_five_seconds_by_a_good_clock(
    off_s: int, status: int, inexact: bool
) -> None:
    assert is_boundary_inexact(off_s, status) is inexact


@pytest.mark.parametrize("registers", [[(1,), (2,)], [(1, 7), (2, 8)], [(1,), (2, 8)]])
def test_leaves_made_together_are_those_made_one_by_one(registers: list[tuple[int, ...]]) -> None:
    readings = [SlotReading(FIRST_SLOT + at, at, 1, values) for at, values in enumerate(registers)]
    salts = [bytes((at,)) * 16 for at in range(len(readings))]
    assert salted_leaf_inputs(readings, salts) == tuple(map(leaf_input, salts, readings))
    with pytest.raises(MalformedStatement):
        salted_leaf_inputs(readings, [salt[1:] for salt in salts])
