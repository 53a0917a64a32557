"""SML: golden telegrams however they are cut, every damage, and the quirks of real meters."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_agent.protocols.quantity import DamagedTelegram
from gateway_agent.protocols.sml import (
    ESCAPE,
    START,
    TELEGRAM_MAX,
    SmlStream,
    SmlTelegram,
    crc16_kermit,
    device_name,
    read_telegram,
)
from gateway_agent.protocols.sml_values import SmlInteger, SmlReader
from tests.support.text_telegrams import (
    SERVER_ID,
    Row,
    cut,
    golden_bytes,
    golden_meters,
    sml_frame,
    sml_list,
    sml_number,
    sml_octets,
    sml_telegram,
    sml_timestamp,
)

IMPORT, EXPORT = (bytes([1, 0, code, 8, 0, 255]) for code in (1, 2))
POWER = bytes([1, 0, 16, 7, 0, 255])
WH, W = 30, 27
DZG = b"\x0a\x01DZG\x00"


def telegrams(data: bytes, size: int = 4096) -> list[SmlTelegram]:
    stream = SmlStream()
    return [found for piece in cut(data, size) for found in stream.feed(piece)]


def listed(found: list[SmlTelegram]) -> list[list[str]]:
    quantities = [
        (entry.obis, entry.quantity) for each in found for one in each.lists for entry in one.entries if entry.quantity
    ]
    return [[obis, quantity.decimal, quantity.unit] for obis, quantity in quantities]


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
@pytest.mark.parametrize("case", golden_meters("sml"), ids=lambda case: case["id"])
def test_golden_telegrams_give_the_same_however_the_stream_is_cut(case: dict[str, Any], size: int) -> None:
    assert listed(telegrams(golden_bytes("sml", case["file"]), size)) == case["expected"]["readings"]


def test_a_golden_telegram_names_its_meter() -> None:
    (first, _) = telegrams(golden_bytes("sml", "apollon77-ttyUSB0-2.bin"))
    telegram = first.telegram()
    assert (telegram.serial, telegram.meter_at) == ("1DNT0100008240", None)
    energy = telegram.by_obis()["1-0:2.8.0"]
    assert (energy.raw, energy.scaler, energy.unit, energy.whole, energy.resolution) == (43_730, -1, "Wh", 4373, 1)


def test_no_changed_byte_gives_a_telegram() -> None:
    whole = sml_telegram([Row(IMPORT, 12_345_678, -1, WH)])
    assert len(telegrams(whole)) == 1
    for at in range(len(whole)):
        for mask in {1, 2, 4, 8, 16, 32, 64, 128, 255, *(whole[at] ^ byte for byte in b"\x00\x01\x1a\x1b\x76")} - {0}:
            assert telegrams(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :]) == [], (at, mask)


def test_garbage_torn_and_damaged_telegrams_cost_only_themselves() -> None:
    good = [sml_telegram([Row(IMPORT, wh, -1, WH)]) for wh in (10, 20, 30, 40)]
    damaged = good[0][:100] + b"\x00" + good[0][101:]
    stream = (
        b"\x1b\x1b\x1b"
        + good[0]
        + good[1][:77]
        + good[1]
        + damaged
        + b"\x1b" * 9
        + good[2]
        + ESCAPE
        + b"\x1a"
        + good[3]
    )
    for size in (1, 7, 64, 4096):
        assert [found.raw for found in telegrams(stream, size)] == good


@pytest.mark.parametrize("run", range(1, 14))
@pytest.mark.parametrize("before", range(4))
def test_escape_bytes_in_the_data_come_back_at_every_place(run: int, before: int) -> None:
    key = Row(bytes([129, 129, 199, 130, 5, 255]), bytes(before + 1) + b"\x1b" * run + b"\x01")
    for size in (1, 4, 4096):
        (found,) = telegrams(sml_telegram([key, Row(IMPORT, 0x1B1B1B1B, -1, WH)]), size)
        assert found.lists[0].octets["129-129:199.130.5"] == key.value
        assert found.lists[0].entries[0].value.value == 0x1B1B1B1B


@pytest.mark.parametrize("width", range(1, 9))
@pytest.mark.parametrize("signed", [True, False])
def test_integers_of_every_width(width: int, signed: bool) -> None:
    largest = 256**width // (2 if signed else 1) - 1
    for value in {0, 1, largest, *([-1, -largest - 1] if signed else [])}:
        (found,) = telegrams(sml_telegram([Row(POWER, value, 0, W, width, signed)]))
        assert found.lists[0].entries[0].value == SmlInteger(value, signed, width)


def test_a_missing_scaler_is_ten_to_the_zero_and_a_missing_unit_is_no_register() -> None:
    (found,) = telegrams(sml_telegram([Row(IMPORT, 4711, None, WH), Row(EXPORT, 4711, -1, None)]))
    assert listed([found]) == [["1-0:1.8.0", "4711", "Wh"]]
    assert [value.obis for value in found.telegram().values] == ["1-0:1.8.0"]


@pytest.mark.parametrize(
    ("device_id", "value", "width", "expected"),
    [
        (DZG + (42_123_456).to_bytes(4, "big"), -32_731, 2, "328.05"),
        (DZG + (55_000_001).to_bytes(4, "big"), -1, 1, "2.55"),
        (DZG + (42_123_456).to_bytes(4, "big"), -126_061, 4, "-1260.61"),
        (DZG + (42_123_456).to_bytes(4, "big"), 32_731, 2, "327.31"),
        (DZG + (60_000_000).to_bytes(4, "big"), -32_731, 2, "-327.31"),
        (SERVER_ID, -32_731, 2, "-327.31"),
    ],
)
def test_dzg_meters_of_two_series_say_signed_and_mean_unsigned(
    device_id: bytes, value: int, width: int, expected: str
) -> None:
    (found,) = telegrams(sml_telegram([Row(POWER, value, -2, W, width, True)], server_id=device_id))
    assert listed([found]) == [["1-0:16.7.0", expected, "W"]]


def test_holley_meters_compute_another_crc() -> None:
    holley = sml_telegram([Row(IMPORT, 815, -1, WH)], crc=crc16_kermit)
    assert listed(telegrams(holley)) == [["1-0:1.8.0", "81.5", "Wh"]]
    around = sml_frame(holley[len(START) : -8])  # the telegram's with one algorithm, its messages' with the other
    assert listed(telegrams(around)) == [["1-0:1.8.0", "81.5", "Wh"]]
    usual = sml_telegram([Row(IMPORT, 815, -1, WH)])
    second = usual.index(b"\x76", len(START) + 1)
    while usual[second : second + 4] != b"\x76\x03\x01\x07":
        second = usual.index(b"\x76", second + 1)
    mixed = holley[len(START) : second] + usual[second:-8]
    with pytest.raises(DamagedTelegram, match="a message's CRC is wrong"):
        read_telegram(sml_frame(mixed))


def test_a_time_stamp_is_an_instant_and_seconds_of_operation_are_not() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    seconds = int(at.timestamp())
    for rows, sensor, expected in (
        ([Row(IMPORT, 1, 0, WH)], sml_timestamp(seconds), at),
        ([Row(IMPORT, 1, 0, WH, at=sml_timestamp(seconds))], b"\x01", at),
        ([Row(IMPORT, 1, 0, WH)], sml_timestamp(seconds, kind=1), None),
        ([Row(IMPORT, 1, 0, WH)], sml_timestamp(12_345), None),
        ([Row(IMPORT, 1, 0, WH)], sml_number(12_345, 4), None),
    ):
        (found,) = telegrams(sml_telegram(rows, at=sensor))
        assert found.telegram().meter_at == expected
    offsets = sml_list(sml_number(seconds, 4), sml_number(60, 2, signed=True), sml_number(60, 2, signed=True))
    (found,) = telegrams(sml_telegram([Row(IMPORT, 1, 0, WH)], at=sml_list(sml_number(3, 1), offsets)))
    assert found.telegram().meter_at == at


def test_past_periods_are_no_present_values_and_contradictions_are_refused() -> None:
    past = Row(bytes([1, 0, 1, 8, 0, 96]), 5, 0, WH)
    (found,) = telegrams(sml_telegram([past, Row(IMPORT, 6, 0, WH)]))
    assert found.telegram().by_obis()["1-0:1.8.0"].raw == 6
    (found,) = telegrams(sml_telegram([Row(IMPORT, 5, 0, WH), Row(IMPORT, 6, 0, WH)]))
    with pytest.raises(DamagedTelegram, match="twice"):
        found.telegram().by_obis()


@pytest.mark.parametrize(
    ("device_id", "name"),
    [
        (SERVER_ID, "1ISK0066600017"),
        (bytes.fromhex("0901454d4800001234ab"), "1EMH0001193131"),
        (bytes.fromhex("06454d48010715"), "06454D48010715"),
        (b"", ""),
    ],
)
def test_device_ids_read_as_they_are_printed_on_the_meter(device_id: bytes, name: str) -> None:
    assert device_name(device_id) == name


@pytest.mark.parametrize(
    "content",
    [
        b"\x72" * 40,
        b"\xff\xff\xff\xff\x7f",
        b"\x8f\x8f\x8f\x8f\x0f",
        b"\x76\x05",
        b"\x76" + b"\x71" * 30 + b"\x01",
        b"\xf8\x80\x80\x00" + b"\x01" * 5000,
        b"\x69" + bytes(7),
        b"\x6a" + bytes(9),
        b"\x90",
        b"\x10",
        b"\x80",
    ],
)
def test_what_is_no_sml_is_refused_in_a_telegram_with_a_right_crc(content: bytes) -> None:
    with pytest.raises(DamagedTelegram):
        read_telegram(sml_frame(content))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.integers(1, 40))
def test_no_input_stops_the_reader(noise: bytes, size: int) -> None:
    good = sml_telegram([Row(IMPORT, 7, 0, WH)])
    assert telegrams(noise, size) == []
    assert [found.raw for found in telegrams(noise + good, size)] == [good]
    try:
        read_telegram(sml_frame(noise))
        SmlReader(noise).element()
    except DamagedTelegram:
        pass


def test_what_never_ends_is_thrown_away() -> None:
    stream = SmlStream()
    assert [stream.feed(piece) for piece in cut(START + bytes(range(20)) * TELEGRAM_MAX, 4096)].count([]) > 80
    assert stream.damage.count == 1
    good = sml_telegram([Row(IMPORT, 7, 0, WH)])
    assert len(stream.feed(good)) == 1


def test_a_long_octet_string_has_a_long_length() -> None:
    assert SmlReader(b"\x83\x02" + bytes(range(48))).element() == bytes(range(48))
    assert SmlReader(sml_octets(bytes(range(200)))).element() == bytes(range(200))
