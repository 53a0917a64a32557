"""Laws: each short way of intake gives what the long way gives, or leaves the matter to it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.attestation import cbor, device_message, merkle, sealing, statement
from community.attestation.device_message import DeviceMessage, MalformedMessage, encode_up, parse_up
from community.attestation.sealing import Direction, MalformedEnvelope, read_envelope, seal_message
from community.attestation.statement import SlotReading, build_statement
from community.clock import slot_start
from community.metering.appending import rises_of
from community.metering.plausibility import Advances, FirstReading, RegisterLimits, RegisterState, judge_register
from tests.support.sending_device import SendingDevice

EUI = bytes(range(8))
DEVICE = SendingDevice(profile=1)


@st.composite
def messages(draw: st.DrawFn) -> DeviceMessage:
    """A signed message with gaps, large and small numbers."""
    first = draw(st.integers(0, 2**32 - 300))
    slots = sorted(draw(st.sets(st.integers(first, first + 120), min_size=1, max_size=12)))
    byte, register = st.integers(0, 255), st.integers(0, 2**64 - 1) | st.integers(0, 70_000)
    readings = [SlotReading(slot, draw(byte), draw(byte), (draw(register),)) for slot in slots]
    return DEVICE.sign(readings, ctr=draw(st.integers(0, 2**32 - 1)))


def long_way(read: Callable[[bytes], object], monkeypatch: pytest.MonkeyPatch, data: bytes) -> object:
    """What `read` says when no short way exists."""
    with monkeypatch.context() as without:
        without.setattr(device_message, "_usual_message", lambda _data: None)
        without.setattr(statement, "_USUAL_SIGN1", _Never())
        without.setattr(sealing, "_USUAL_ENVELOPE", _Never())
        return said(read, data)


class _Never:
    """A regular expression that matches nothing."""

    def match(self, _data: bytes) -> None:
        return None

    fullmatch = match


def said(read: Callable[[bytes], object], data: bytes) -> object:
    try:
        return read(data)
    except (MalformedMessage, MalformedEnvelope) as error:
        return str(error)


def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """`data`, perhaps with a byte changed, cut out or added."""
    at = draw(st.integers(0, len(data) - 1))
    replacement = draw(st.binary(max_size=2))
    return draw(st.sampled_from([data, data[:at] + replacement + data[at + 1 :], data[:at], data + replacement]))


@given(message=messages(), data=st.data())
def test_a_message_is_read_alike(message: DeviceMessage, data: st.DataObject) -> None:
    encoded = damaged(data.draw, encode_up(message)) if data.draw(st.booleans()) else encode_up(message)
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert said(parse_up, encoded) == long_way(parse_up, monkeypatch, encoded)
    assert parse_up(encode_up(message)) == message


@given(plaintext=st.binary(max_size=400), counter=st.integers(0, 2**32 - 1), data=st.data())
def test_an_envelope_is_read_alike(plaintext: bytes, counter: int, data: st.DataObject) -> None:
    sealed = seal_message(bytes(32), EUI, data.draw(st.integers(0, 3)), Direction.UP, counter, plaintext)
    encoded = damaged(data.draw, sealed)
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert said(read_envelope, encoded) == long_way(read_envelope, monkeypatch, encoded)


@given(message=messages())
def test_what_is_signed_is_encoded_alike(message: DeviceMessage) -> None:
    one = message.signed.statement
    fields = [1, one.device_id, one.keyno, one.ctr, one.first_slot, one.span, one.count, one.profile, one.root]
    assert one.payload() == cbor.encode(fields)
    assert message.signed.to_be_signed() == cbor.encode(["Signature1", statement.PROTECTED, b"", one.payload()])


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_all_paths_at_once_are_each_path(leaves: list[bytes]) -> None:
    assert merkle.joined_paths(leaves) == [
        b"".join(merkle.inclusion_path(leaves, index)) for index in range(len(leaves))
    ]


@given(
    before=st.none() | st.tuples(st.just(0), st.integers(0, 900)),
    readings=st.lists(st.tuples(st.integers(1, 3), st.integers(-30, 300)), min_size=1, max_size=8),
    modulus=st.none() | st.integers(1, 2000),
    power=st.none() | st.integers(0, 1500),
)
def test_a_run_rises_where_each_reading_may_follow(
    before: tuple[int, int] | None, readings: list[tuple[int, int]], modulus: int | None, power: int | None
) -> None:
    slots, values = [], []
    slot, value = before or (0, 500)
    for step, rise in readings:
        slot, value = slot + step, max(value + rise, 0)
        slots.append(slot)
        values.append(value)
    limits = RegisterLimits(modulus, power)
    previous = None if before is None else RegisterState(slot_start(before[0]), before[1])
    verdicts, energies = [], []
    for slot, value in zip(slots, values, strict=True):
        new = RegisterState(slot_start(slot), value)
        verdicts.append(judge_register(previous, new, limits))
        energies.append(0 if previous is None else value - previous.value_wh)
        previous = new
    fits = modulus is None or max(values) < modulus
    usual = fits and all(isinstance(verdict, Advances | FirstReading) for verdict in verdicts)
    assert rises_of(before, slots, values, limits) == (energies if usual else None)


def test_slots_that_do_not_ascend_are_left_to_the_long_way() -> None:
    assert rises_of((5, 10), [5], [10], RegisterLimits()) is None
    assert rises_of(None, [5, 5], [10, 11], RegisterLimits()) is None
    assert slot_start(6) - slot_start(5) == timedelta(minutes=15)


def test_a_statement_of_several_registers_goes_the_long_way_and_is_read() -> None:
    device = SendingDevice(profile=2)
    message = device.sign([SlotReading(7, 0, 1, (1, 2)), SlotReading(8, 0, 1, (3, 4))])
    assert parse_up(encode_up(message)) == message
    assert build_statement(EUI, 0, 0, 2, message.readings, lambda _slot: bytes(16))[0].count == 2
