"""Data sets, numbers with units, and the meter's clock: what each dialect of D0 and P1 writes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_agent.protocols.obis_text import (
    DataSet,
    clock_of,
    form_of,
    present_values,
    read_address,
    read_data_sets,
    read_quantity,
    serial_in,
)
from gateway_agent.protocols.quantity import DamagedTelegram, Quantity, total

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("address", "code", "period"),
    [
        ("1-0:1.8.0*255", "1-0:1.8.0", None),
        ("1.8.0", "1-0:1.8.0", None),
        ("1-1:1.8.1", "1-1:1.8.1", None),
        ("1.8.0*01", "1-0:1.8.0", "01"),
        ("1.8.1&12", "1-0:1.8.1", "12"),
        ("6.8", "1-0:6.8.0", None),
        ("6.8*01", "1-0:6.8.0", "01"),
        ("C.1.0", "1-0:C.1.0", None),
        ("0-0:F.F.0*255", "0-0:F.F.0", None),
        ("F.F", "1-0:F.F.0", None),
        ("0-0:96.1.255*255", "0-0:96.1.255", None),
    ],
)
def test_addresses_of_every_dialect(address: str, code: str, period: str | None) -> None:
    found = read_address(address)
    assert found is not None and (found.code, found.period) == (code, period)


@pytest.mark.parametrize("address", ["F", "", "P.01x", "1.8.0.0.0", "1:1.8.0", "Ident", "1.8.0*"])
def test_what_is_no_code_is_none(address: str) -> None:
    assert read_address(address) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0008048.375*kWh", Quantity(8_048_375, 0, "Wh")),
        ("000285.4*kWh", Quantity(2854, 2, "Wh")),
        ("00032549.5061662*kWh", Quantity(325_495_061_662, -4, "Wh")),
        ("0029.055*MWh", Quantity(29_055, 3, "Wh")),
        ("12345*kWh", Quantity(12_345, 3, "Wh")),
        ("012345678*Wh", Quantity(12_345_678, 0, "Wh")),
        ("001688.21*W", Quantity(168_821, -2, "W")),
        ("00.503*kW", Quantity(503, 0, "W")),
        ("-0.908*kW", Quantity(-908, 0, "W")),
        ("0000.135*kVAr", Quantity(135, 0, "var")),
        ("00001761.087*kVArh", Quantity(1_761_087, 0, "varh")),
        ("01589.28*m3", Quantity(158_928, -2, "m3")),
        (" 12,5*kWh ", Quantity(125, 2, "Wh")),
    ],
)
def test_numbers_keep_every_digit(text: str, expected: Quantity) -> None:
    assert read_quantity(text) == expected


@pytest.mark.parametrize(
    "text", ["", "00", "1.03", "1.2.3*kWh", "0x12*kWh", "1e5*kWh", "*kWh", "12*", "088*C&082*C", "9" * 30]
)
def test_what_has_no_number_or_no_unit_is_no_quantity(text: str) -> None:
    assert read_quantity(text) is None


def test_a_number_without_a_unit_has_the_one_that_the_profile_gives_it() -> None:
    sets = read_data_sets(b"1-0:1.8.1*255(032942.0231)\r\n1-0:96.5.5*255(80)\r\n", checked=False)
    (value,) = present_values(sets, energy_unit="kWh")
    assert (value.obis, value.quantity) == ("1-0:1.8.1", Quantity(329_420_231, -1, "Wh"))
    assert present_values(sets) == ()


@given(st.integers(0, 10**12), st.integers(0, 6), st.sampled_from([("Wh", 0), ("kWh", 3), ("MWh", 6)]))
def test_the_whole_is_what_the_digits_say_rounded_down(count: int, decimals: int, unit: tuple[str, int]) -> None:
    digits = f"{count:0{decimals + 1}d}"
    text = f"{digits[: len(digits) - decimals]}.{digits[len(digits) - decimals :]}" if decimals else digits
    quantity = read_quantity(f"{text}*{unit[0]}")
    assert quantity is not None and quantity.unit == "Wh"
    assert quantity.whole == count * 10 ** unit[1] // 10**decimals
    assert quantity.resolution == max(1, 10 ** (unit[1] - decimals))


def test_sums_are_exact_and_of_one_unit() -> None:
    assert total([Quantity(5, 3, "Wh"), Quantity(1, -1, "Wh")]) == Quantity(50_001, -1, "Wh")
    with pytest.raises(DamagedTelegram, match="Wh and varh"):
        total([Quantity(5, 3, "Wh"), Quantity(1, 0, "varh")])


@pytest.mark.parametrize(
    ("raw", "scaler", "text"), [(43730, -1, "4373.0"), (-5, -2, "-0.05"), (7, 3, "7000"), (0, -1, "0.0")]
)
def test_decimals_are_written_without_loss(raw: int, scaler: int, text: str) -> None:
    assert Quantity(raw, scaler, "Wh").decimal == text


def test_several_sets_on_a_line_and_values_on_the_next() -> None:
    text = b"6.8(0029.055*MWh)6.26(01589.28*m3)\r\n0-1:24.3.0(090212160000)(00)(m3)\r\n(00001.001)\r\n1.6.2*01()\r\n"
    assert read_data_sets(text, checked=False) == (
        DataSet("6.8", ("0029.055*MWh",)),
        DataSet("6.26", ("01589.28*m3",)),
        DataSet("0-1:24.3.0", ("090212160000", "00", "m3", "00001.001")),
        DataSet("1.6.2*01", ("",)),
    )


@pytest.mark.parametrize(
    "text",
    [b"1.8.0", b"(5)", b"1.8.0(5", b"1.8.0)5(", b"1.8.0(5)x", b"1.8.0(\xb5)", b"1.8.0(5\x01)", b"a" * 40 + b"(5)"],
)
def test_text_without_a_check_must_be_data_sets_to_the_last_character(text: bytes) -> None:
    with pytest.raises(DamagedTelegram):
        read_data_sets(text, checked=False)


def test_the_number_of_sets_and_values_is_bounded() -> None:
    with pytest.raises(DamagedTelegram, match="4000 data sets"):
        read_data_sets(b"1(2)" * 5000, checked=True)
    with pytest.raises(DamagedTelegram, match="2000 values"):
        read_data_sets(b"1" + b"()" * 3000, checked=True)


def test_past_periods_are_no_present_values() -> None:
    sets = read_data_sets(b"1.8.0(2*kWh)1.8.0*01(1*kWh)1.8.0&02(0*kWh)1.6.0(3*kW)(1703100930)", checked=False)
    assert [(value.obis, value.quantity.whole) for value in present_values(sets)] == [
        ("1-0:1.8.0", 2000),
        ("1-0:1.6.0", 3000),
    ]


def test_the_serial_number_is_the_first_that_says_something() -> None:
    sets = read_data_sets(b"0.0.0(00000000)\r\n0-0:C.1.0*255(63355730)\r\nC.1.0*01(9)\r\n", checked=False)
    assert serial_in(sets, ("0.0.0", "96.1.0", "C.1.0")) == "63355730"
    assert serial_in(sets, ("96.1.0",)) is None


@pytest.mark.parametrize(
    ("clock", "date", "expected"),
    [
        ("201455", "0170318", datetime(2017, 3, 18, 19, 14, 55, tzinfo=UTC)),
        ("1120000", "170718", datetime(2017, 7, 18, 10, tzinfo=UTC)),
        ("2120000", "2170718", datetime(2017, 7, 18, 12, tzinfo=UTC)),
        ("14:27:46", "09-03-12", datetime(2009, 3, 12, 13, 27, 46, tzinfo=UTC)),
        ("14:27:46", "2009-03-12", datetime(2009, 3, 12, 13, 27, 46, tzinfo=UTC)),
        ("1023000", "251026", datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
        ("0023000", "251026", datetime(2025, 10, 26, 1, 30, tzinfo=UTC)),
        ("023000", "251026", None),
        ("250000", "251026", None),
        ("120000", "251326", None),
        ("", "251026", None),
        ("120000", "19991026", None),
    ],
)
def test_the_meters_clock_is_an_instant_or_nothing(clock: str, date: str, expected: datetime | None) -> None:
    sets = read_data_sets(f"0.9.1({clock})\r\n1-0:0.9.2*255({date})\r\n".encode(), checked=False)
    assert clock_of(sets, VIENNA) == expected


def test_the_form_of_a_telegram_is_what_its_numbers_do_not_change() -> None:
    def form(text: bytes) -> str:
        return form_of(read_data_sets(text, checked=False))

    usual = form(b"1.8.1(032942.0231)16.7.0(-000458.90*W)96.5.0(001C0104)")
    assert usual == form(b"1.8.1(032943.9999)16.7.0(000001.00*W)96.5.0(00000004)")
    for other in (
        b"1.8.1(0329420.0231)16.7.0(-000458.90*W)96.5.0(001C0104)",
        b"1.8.1(032942)16.7.0(-000458.90*W)96.5.0(001C0104)",
        b"1.8.1(032942.0231)96.5.0(001C0104)",
        b"1.8.2(032942.0231)16.7.0(-000458.90*W)96.5.0(001C0104)",
        b"1.8.1(032942.0231)16.7.0(-000458.90*kW)96.5.0(001C0104)",
    ):
        assert form(other) != usual
