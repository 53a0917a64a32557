"""Records of M-Bus telegrams, built here byte by byte: every kind of data, unit and correction, and what must be refused."""

from datetime import date, datetime, time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_agent.protocols.mbus_link import LongFrame
from gateway_agent.protocols.mbus_records import BACKWARD, Function, MalformedTelegram, MbusRecord, parse_records
from gateway_agent.protocols.mbus_telegram import MeterReports, parse_telegram


def one(text: str, *, high_byte_first: bool = False) -> MbusRecord:
    (record,) = parse_records(bytes.fromhex(text), high_byte_first=high_byte_first)
    return record


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("01 03 FF", -1),
        ("02 03 00 80", -32768),
        ("03 03 01 02 03", 0x030201),
        ("04 03 FF FF FF FF", -1),
        ("06 03 01 00 00 00 00 80", -(2**47) + 1),
        ("07 03 FF FF FF FF FF FF FF 7F", 2**63 - 1),
        ("09 03 99", 99),
        ("0A 03 34 12", 1234),
        ("0B 03 56 34 F2", -23456),
        ("0C 03 78 56 34 12", 12345678),
        ("0E 03 12 90 78 56 34 12", 123456789012),
        ("0D 03 C3 56 34 12", 123456),
        ("0D 03 D3 56 34 12", -123456),
        ("0D 03 E2 FE FF", -2),
        ("0D 03 E0", None),
        ("05 03 00 00 C0 3F", Fraction(3, 2)),
        ("0D 03 F4 00 00 C0 3F", Fraction(3, 2)),
        ("0D 03 F8 00 00 00 00 00 00 F8 3F", Fraction(3, 2)),
        ("00 03", None),
        ("08 03", None),
    ],
)
def test_numbers(text: str, value: int | Fraction | None) -> None:
    record = one(text)
    assert record.value == value
    assert (record.quantity, record.unit) == ("Energy", "Wh")


@pytest.mark.parametrize("text", ["09 03 A0", "0A 03 0B 00", "0C 03 00 00 0E 00", "0C 03 FF FF FF FF", "0D 03 C1 F1"])
def test_digits_above_nine_are_no_number(text: str) -> None:
    record = one(text)
    assert record.value is None and "no number" in record.problem


@pytest.mark.parametrize("text", ["05 03 00 00 C0 7F", "05 03 00 00 80 7F", "05 03 00 00 80 FF"])
def test_a_float_that_is_no_number(text: str) -> None:
    record = one(text)
    assert record.value is None and "float" in record.problem and record.is_real


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("02 6C 5F 1C", date(2010, 12, 31)),
        ("42 6C 61 15", date(2011, 5, 1)),
        ("04 6D 2D 0B 98 11", datetime.fromisoformat("2012-01-24T11:45")),
        ("04 6D 2D 2B 98 11", datetime.fromisoformat("2012-01-24T11:45")),
        ("04 6D 00 00 61 C1", datetime.fromisoformat("1999-01-01T00:00")),
        ("06 6D 1E 2D 0B 98 11 00", datetime.fromisoformat("2012-01-24T11:45:30")),
        ("03 6D 1E 2D 0B", time(11, 45, 30)),
        ("02 FD 70 5F 1C", date(2010, 12, 31)),
        ("04 FD 30 2D 0B 98 11", datetime.fromisoformat("2012-01-24T11:45")),
    ],
)
def test_points_in_time(text: str, value: date | datetime | time) -> None:
    assert one(text).value == value


@pytest.mark.parametrize(
    "text",
    [
        "02 6C 00 00",
        "02 6C FF FF",
        "02 6C 5E 12",
        "04 6D AD 0B 98 11",
        "04 6D 3C 0B 98 11",
        "04 6D 00 18 98 11",
        "06 6D 1E AD 0B 98 11 00",
        "06 6D 3C 2D 0B 98 11 00",
        "03 6D 3C 00 00",
        "01 6C 01",
        "07 6D 00 00 00 00 00 00 00 00",
    ],
)
def test_a_time_that_is_none(text: str) -> None:
    record = one(text)
    assert record.value is None and record.problem


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("01 00 01", Fraction(1, 1000), "Wh"),
        ("01 07 01", 10_000, "Wh"),
        ("01 0E 01", 10**6, "J"),
        ("01 13 01", Fraction(1, 1000), "m^3"),
        ("01 2B 01", 1, "W"),
        ("01 FB 00 01", 100_000, "Wh"),
        ("01 FB 01 01", 1_000_000, "Wh"),
        ("01 FB 02 01", 1_000, "varh"),
        ("01 FB 28 01", 100_000, "W"),
        ("01 FB 2E 05", Fraction(1, 2), "Hz"),
        ("01 FD 48 05", Fraction(1, 2), "V"),
        ("01 FD 59 05", Fraction(1, 200), "A"),
        ("01 22 02", 7200, "s"),
        ("01 FD 28 01", Fraction("2629743.83"), "s"),
        ("01 83 70 01", Fraction(1, 10**6), "Wh"),
        ("01 83 74 01", Fraction(1, 100), "Wh"),
        ("01 83 77 01", 10, "Wh"),
        ("01 83 7D 01", 1000, "Wh"),
        ("01 83 7B 01", 2, "Wh"),
        ("01 FD C8 7D 05", 500, "V"),
        ("01 FC 03 48 52 25 74 05", Fraction(1, 20), "-"),
    ],
)
def test_units_and_corrections(text: str, value: int | Fraction, unit: str) -> None:
    record = one(text)
    assert (record.value, record.unit) == (value, unit)


def test_a_unit_in_clear_text() -> None:
    record = one("02 FC 03 48 52 25 74 D4 11")
    assert (record.quantity, record.value) == ("%RH", Fraction("45.64"))
    assert one("0D FD 0B 06 35 33 32 44 56 52").value == "RVD235"


def test_where_a_record_belongs() -> None:
    record = one("D5 F2 41 03 00 00 80 3F")
    assert record.function is Function.MAXIMUM
    assert (record.storage, record.tariff, record.subunit) == (1 | 2 << 1 | 1 << 5, 3, 3)
    assert [one(f"{dif:02X} 03 01").function for dif in (0x01, 0x11, 0x21, 0x31)] == list(Function)[:4]
    assert one("01 83 3C 05").extensions == (BACKWARD,)
    assert one("01 83 FF 3C 05").extensions == (0x7F,)


def test_what_follows_the_records() -> None:
    records = parse_records(bytes.fromhex("2F 01 03 05 2F 2F 0F 01 02 03"))
    assert [record.function for record in records] == [Function.INSTANTANEOUS, Function.MANUFACTURER]
    assert records[1].value == bytes((1, 2, 3))
    assert parse_records(bytes.fromhex("1F"))[0].function is Function.MORE_FOLLOW


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("01", "within a VIF"),
        ("81", "within a DIFE"),
        ("01 83", "within a VIFE"),
        ("04 03 00 00 00", "within a value"),
        ("0D 03", "within the length"),
        ("0D 03 05 41", "within a value"),
        ("01 7C 05 41", "within a unit"),
        ("01 FD", "within a VIFE"),
        ("81" + "80" * 10 + "00 03 01", "more than 10 DIFE"),
        ("01 83" + "80" * 10 + "00 01", "more than 10 VIFE"),
        ("3F 03", "3F is reserved"),
        ("7F", "7F is reserved"),
        ("0D 03 CA 00", "CA is reserved"),
        ("0D 03 FB 00", "FB is reserved"),
    ],
)
def test_what_breaks_the_standard_is_refused(text: str, reason: str) -> None:
    with pytest.raises(MalformedTelegram, match=reason):
        parse_records(bytes.fromhex("01 03 05" + text))


def test_ten_extensions_are_allowed() -> None:
    assert one("81" + "80" * 9 + "00 03 01").value == 1
    assert one("01 83" + "80" * 9 + "00 01").value == 1


def test_mode_2_sends_the_high_byte_first() -> None:
    body = bytes.fromhex("12345678 2C2D 01 02 07 00 0000 04 03 00001388")
    telegram = parse_telegram(LongFrame(0x08, 1, 0x76, body))
    assert (telegram.identification, telegram.manufacturer, telegram.medium) == ("12345678", "KAM", "Electricity")
    assert telegram.records[0].value == 5000
    fixed = bytes.fromhex("12345678 0A 00 E9 7E 00000001 00000135")
    assert [record.value for record in parse_telegram(LongFrame(0x08, 5, 0x77, fixed)).records] == [
        Fraction(1, 1000),
        Fraction(135, 1000),
    ]


def test_fixed_data() -> None:
    binary = bytes.fromhex("78563412 0A 01 85 05 10270000 FFFFFFFF")
    telegram = parse_telegram(LongFrame(0x08, 5, 0x73, binary))
    assert telegram.medium == "Electricity" and telegram.manufacturer == ""
    assert [(record.value, record.unit, record.label) for record in telegram.records] == [
        (10_000_000, "Wh", "kWh"),
        ((2**32 - 1) * 1000, "Wh", "kWh"),
    ]
    stored = parse_telegram(LongFrame(0x08, 5, 0x73, bytes.fromhex("78563412 0A 02 85 3E 10000000 0A000000")))
    assert [record.function for record in stored.records] == [Function.STORED, Function.STORED]
    assert stored.records[1].problem
    for size in (15, 17):
        with pytest.raises(MalformedTelegram, match="16 bytes"):
            parse_telegram(LongFrame(0x08, 5, 0x73, bytes(size)))


def test_who_answers_and_how() -> None:
    for control in (0x08, 0x18, 0x28, 0x38):
        assert parse_telegram(LongFrame(control, 1, 0x72, bytes(12))).records == ()
    for control in (0x53, 0x73, 0x44, 0x00):
        with pytest.raises(MalformedTelegram, match="no answer"):
            parse_telegram(LongFrame(control, 1, 0x72, bytes(12)))
    with pytest.raises(MalformedTelegram, match="12 bytes"):
        parse_telegram(LongFrame(0x08, 1, 0x72, bytes(11)))
    with pytest.raises(MalformedTelegram, match="78 is not understood"):
        parse_telegram(LongFrame(0x08, 1, 0x78, bytes(12)))
    for code in range(256):
        with pytest.raises(MeterReports):
            parse_telegram(LongFrame(0x08, 1, 0x70, bytes((code,))))


@given(st.integers(-(10**7) + 1, 10**8 - 1))
def test_every_bcd_number_survives(number: int) -> None:
    digits = f"{number:08d}" if number >= 0 else f"F{-number:07d}"
    assert one("0C 03" + bytes.fromhex(digits)[::-1].hex()).value == number


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 7))
def test_every_integer_is_exact(number: int, code: int) -> None:
    record = one(f"04 {code:02X}" + number.to_bytes(4, "little", signed=True).hex())
    assert record.value == number * Fraction(10) ** (code - 3)
