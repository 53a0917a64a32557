"""What a device sends by MQTT, read strictly, and what it is answered."""

from dataclasses import replace
from typing import Any

import cbor2
import pytest

from community.attestation.device_message import (
    BackendMessage,
    DeviceMessage,
    MalformedMessage,
    encode_down,
    encode_up,
    parse_down,
    parse_up,
)
from community.attestation.sealing import derive_salt_key
from community.attestation.statement import SlotReading
from tests.unit.community.attestation.builders import EUI, FIRST_SLOT, SECRET, DeviceKey, message_of, some_readings

READINGS = some_readings(FIRST_SLOT + 1, 3)
MESSAGE = message_of(DeviceKey(), READINGS, first_slot=FIRST_SLOT, span=5)
SIGN1, ROWS = cbor2.loads(encode_up(MESSAGE))


def test_absent_slots_stand_as_null() -> None:
    assert [row is None for row in ROWS] == [True, False, False, False, True]
    assert parse_up(encode_up(MESSAGE)) == MESSAGE


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "array"),
        ([SIGN1], "array"),
        ([None, ROWS], "array"),
        ([SIGN1, ROWS[:4]], "spans 5"),
        ([SIGN1, [*ROWS, None]], "spans 5"),
        ([SIGN1, [None, *ROWS[1:3], None, None]], "counts 3"),
        ([SIGN1, [None, [0, 1], *ROWS[2:]]], "offset, status"),
        ([SIGN1, [None, "row", *ROWS[2:]]], "offset, status"),
        ([SIGN1, [None, [0, 1, 5, 6], *ROWS[2:]]], "asks for 1"),
        ([SIGN1, [None, [0, 256, 5], *ROWS[2:]]], "status"),
        ([SIGN1[:-1], ROWS], "malformed"),
    ],
)
def test_readings_that_are_not_the_statements_are_refused(content: Any, said: str) -> None:
    with pytest.raises(MalformedMessage, match=said):
        parse_up(cbor2.dumps(content, canonical=True))


def test_no_cbor_is_no_message() -> None:
    with pytest.raises(MalformedMessage, match="malformed"):
        parse_up(b"\x82")
    with pytest.raises(MalformedMessage, match="malformed"):
        parse_down(b"\xa1\x01")


def test_an_unknown_profile_is_no_message() -> None:
    alien = replace(MESSAGE.signed.statement, profile=9)
    with pytest.raises(MalformedMessage, match="profile 9"):
        DeviceMessage(replace(MESSAGE.signed, statement=alien, payload=alien.payload()), READINGS)


def test_the_root_holds_every_field_of_every_reading() -> None:
    key = derive_salt_key(SECRET, EUI)
    assert MESSAGE.matches_root(key)
    assert not MESSAGE.matches_root(bytes(32))
    first = READINGS[0]
    for other in (
        SlotReading(first.slot - 1, first.off_s, first.status, first.registers),
        replace(first, off_s=1),
        replace(first, status=3),
        replace(first, registers=(first.registers[0] + 1,)),
    ):
        assert not DeviceMessage(MESSAGE.signed, (other, *READINGS[1:])).matches_root(key)


@pytest.mark.parametrize(
    ("message", "content"),
    [
        (BackendMessage(), {}),
        (BackendMessage(0), {1: 0}),
        (BackendMessage(7, ((10, 2), (20, 1))), {1: 7, 2: [[10, 2], [20, 1]]}),
        (BackendMessage(None, (), {"interval_s": 900}), {3: {"interval_s": 900}}),
    ],
)
def test_a_downlink_says_only_what_there_is_to_say(message: BackendMessage, content: Any) -> None:
    assert cbor2.loads(encode_down(message)) == content
    assert parse_down(encode_down(message)) == message


NO_DOWNLINKS: list[Any] = [[], {4: 1}, {1: -1}, {1: None}, {1: 2**32}]
NO_DOWNLINKS += [{2: 5}, {2: [[1]]}, {2: [[1, 0]]}, {2: [[-1, 1]]}, {2: [[n, 1] for n in range(65)]}]
NO_DOWNLINKS += [{3: []}, {3: {"a": [1]}}, {3: {1: 1}}]


@pytest.mark.parametrize("content", NO_DOWNLINKS)
def test_a_downlink_with_anything_else_is_refused(content: Any) -> None:
    with pytest.raises(MalformedMessage):
        parse_down(cbor2.dumps(content, canonical=True))
