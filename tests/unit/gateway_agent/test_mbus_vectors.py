"""Every M-Bus telegram of the golden files gives the values that libmbus reports; broken ones give nothing."""

import re
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_agent.protocols.mbus_link import FrameReader, LongFrame, MbusDamage, parse_frame
from gateway_agent.protocols.mbus_records import Function, MalformedTelegram, MbusRecord
from gateway_agent.protocols.mbus_telegram import MbusTelegram, parse_telegram
from tests.support.meter_vectors import meter_vectors

VECTORS = meter_vectors("mbus")
BROKEN = meter_vectors("mbus_error")
FIXED = ("73", "77")


def decoded(raw: bytes) -> MbusTelegram:
    frame = parse_frame(raw)
    assert isinstance(frame, LongFrame)
    return parse_telegram(frame)


def plain(text: str | None) -> str:
    """Undo the double encoding of the reference's XML."""
    return (text or "").encode("latin-1").decode("utf-8")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["id"])
def test_telegram(vector: dict[str, Any]) -> None:
    telegram = decoded(bytes.fromhex(vector["frame_hex"]))
    slave = vector["expected"]["slave"]
    assert int(telegram.identification, 16) == int(slave["Id"], 16)
    assert telegram.medium == plain(slave["Medium"])
    assert (telegram.access_number, telegram.status) == (int(slave["AccessNumber"]), int(slave["Status"], 16))
    if vector["frame_hex"][12:14] not in FIXED:
        assert (telegram.manufacturer, telegram.version) == (slave["Manufacturer"], int(slave["Version"]))
        assert telegram.signature == int(slave["Signature"], 16)
    expected = vector["expected"]["records_normalised"]
    assert len(telegram.records) == len(expected)
    for record, wanted in zip(telegram.records, expected, strict=True):
        check_place(record, wanted)
        check_value(record, wanted["Value"])


def check_place(record: MbusRecord, wanted: dict[str, Any]) -> None:
    assert record.function.value == wanted["Function"]
    if record.function in (Function.ACTUAL, Function.STORED):
        assert record.label == plain(wanted["Unit"])
        return
    assert record.storage == int(wanted["StorageNumber"])
    assert record.tariff == int(wanted.get("Tariff", 0))
    assert record.subunit == int(wanted.get("Device", 0))
    assert (record.quantity, record.unit) == (plain(wanted["Quantity"]), plain(wanted["Unit"]))


def check_value(record: MbusRecord, wanted: str | None) -> None:
    match record.value:
        case Fraction() if record.function in (Function.ACTUAL, Function.STORED):
            assert record.value / record.scale == int(wanted or "")
        case Fraction():
            assert f"{float(record.value):.6f}" == wanted
        case bytes():
            assert record.value.hex(" ").upper() == (wanted or "")
        case str():
            assert record.value == plain(wanted)
        case datetime() | date():
            assert record.value.isoformat() == (wanted or "").removesuffix("Z")
        case None if record.problem:
            assert is_no_date(wanted or "") or re.search("[A-F]", record.data.hex().upper())
        case None:
            assert float(wanted or 0) == 0 and not record.data
        case other:
            pytest.fail(f"{other!r} is no value")


def is_no_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("vector", BROKEN, ids=lambda each: each["id"])
def test_a_broken_telegram_gives_nothing(vector: dict[str, Any]) -> None:
    with pytest.raises((MbusDamage, MalformedTelegram)):
        decoded(bytes.fromhex(vector["frame_hex"]))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["id"])
def test_no_changed_byte_goes_unnoticed(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["frame_hex"])
    for at in range(len(raw)):
        for change in (0x01, 0x80, 0xFF):
            damaged = raw[:at] + bytes((raw[at] ^ change,)) + raw[at + 1 :]
            with pytest.raises(MbusDamage):
                parse_frame(damaged)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["id"])
def test_no_part_of_a_frame_is_one(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["frame_hex"])
    for length in range(len(raw)):
        with pytest.raises(MbusDamage):
            parse_frame(raw[:length])
    with pytest.raises(MbusDamage, match="follow"):
        parse_frame(raw + b"\x00")


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_stream_in_pieces_gives_the_same_frames(size: int) -> None:
    frames = [bytes.fromhex(vector["frame_hex"]) for vector in VECTORS]
    stream = b"".join(b"\x00\xff" + frame for frame in frames)
    reader = FrameReader()
    found = [frame for at in range(0, len(stream), size) for frame in reader.feed(stream[at : at + size])]
    assert found == [parse_frame(frame) for frame in frames]
    assert reader.damaged == 2 * len(frames) and reader.pending == 0


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_records_cut_anywhere_are_refused_or_shorter(data: st.DataObject) -> None:
    """With lengths and checksum made right again, as a meter with broken software would send it."""
    vector = data.draw(st.sampled_from(VECTORS))
    frame = parse_frame(bytes.fromhex(vector["frame_hex"]))
    assert isinstance(frame, LongFrame)
    whole = parse_telegram(frame).records
    cut = data.draw(st.integers(0, len(frame.data)))
    try:
        telegram = parse_telegram(LongFrame(frame.control, frame.address, frame.information, frame.data[:cut]))
    except MalformedTelegram:
        return
    raw_end = (Function.MANUFACTURER, Function.MORE_FOLLOW)
    kept = [record for record in telegram.records if record.function not in raw_end]
    assert kept == list(whole[: len(kept)])


@settings(max_examples=500, deadline=None)
@given(st.sampled_from([0x70, 0x72, 0x73, 0x76, 0x77]), st.binary(max_size=252))
def test_no_data_crash_the_decoder(information: int, content: bytes) -> None:
    try:
        telegram = parse_telegram(LongFrame(0x08, 1, information, content))
    except MalformedTelegram:
        return
    assert len(telegram.records) <= len(content)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_no_noise_stops_the_reader(noise: bytes) -> None:
    reader = FrameReader()
    reader.feed(noise)
    reader.clear()
    frame = LongFrame(0x08, 5, 0x72, bytes(12))
    assert reader.feed(frame.encoded()) == [frame]
