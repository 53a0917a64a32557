"""DSMR P1: golden telegrams however they are cut, every damage, time stamps and sub-meters."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_agent.protocols.dsmr_p1 import TELEGRAM_MAX, P1Stream, P1Telegram
from gateway_agent.protocols.quantity import Check, Quantity
from tests.support.text_telegrams import cut, golden_meters, p1_telegram

VIENNA = ZoneInfo("Europe/Vienna")
VECTORS = {case["id"].removeprefix("p1-"): case for case in golden_meters("dsmr_p1")}
CHECKED = [name for name, case in VECTORS.items() if case["crc_present"]]
LINES = ["1-3:0.2.8(50)", "0-0:1.0.0(251026023000S)", "1-0:1.8.1(000004.426*kWh)", "1-0:1.8.2(000002.399*kWh)"]


def raw(name: str) -> bytes:
    return str(VECTORS[name]["telegram"]).encode("latin-1")


def telegrams(data: bytes, size: int = 4096) -> list[P1Telegram]:
    stream = P1Stream()
    found = [each for piece in cut(data, size) for each in stream.feed(piece)]
    return found + stream.line_quiet()


def one(name: str) -> P1Telegram:
    (found,) = telegrams(raw(name))
    return found


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_golden_telegrams_give_the_same_however_the_stream_is_cut(size: int) -> None:
    noise = b"9*kWh)\r\n!ABCD\r\n\xff/broken"
    found = telegrams(b"".join(noise + b"\r\n" + raw(name) for name in VECTORS), size)
    assert [{each.address: each.value for each in telegram.sets} for telegram in found] == [
        case["expected"] for case in VECTORS.values()
    ]


@pytest.mark.parametrize("name", VECTORS)
def test_a_golden_telegram_is_checked_if_it_has_a_crc(name: str) -> None:
    has_crc = VECTORS[name]["crc_present"] or name == "telegram_unpadded_crc"
    assert one(name).check is (Check.VALID if has_crc else Check.ABSENT)
    assert one(name).should_have_crc == (
        name
        not in ("telegram_esy5q3da1004_v304", "telegram_v3", "telegram_iskra_ie", "amshan-example_data_d_landisgyr_360")
    )


@pytest.mark.parametrize("name", [*CHECKED, "telegram_unpadded_crc"])
def test_no_changed_byte_gives_a_checked_telegram(name: str) -> None:
    whole = raw(name)
    ends = {*range(40), *range(len(whole) - 40, len(whole))}
    for at in sorted(ends | set(range(0, len(whole), 5))):
        for byte in {whole[at] ^ mask for mask in (1, 8, 32, 128)} | (set(b"\r\n/!0") - {whole[at]}):
            spoilt = whole[:at] + bytes([byte]) + whole[at + 1 :]
            assert all(each.check is Check.ABSENT for each in telegrams(spoilt)), (at, byte)


def test_a_torn_telegram_costs_only_itself() -> None:
    good = [raw(name) for name in CHECKED]
    torn = b"".join(each[: len(each) // 2] + each for each in good)
    for size in (1, 7, 64, 4096):
        assert [found.raw for found in telegrams(torn, size)] == good


@pytest.mark.parametrize(
    ("name", "serial", "instant"),
    [
        ("telegram_v5", "K8EG004046395507", datetime(2017, 1, 2, 18, 20, 2, tzinfo=UTC)),
        ("telegram_fluvius_v171", "1SAG3101021605", datetime(2020, 5, 12, 11, 54, 9, tzinfo=UTC)),
        ("telegram_unpadded_crc", "ADC3100000158491", datetime(2026, 2, 15, 19, 5, 23, tzinfo=UTC)),
        ("telegram_esy5q3da1004_v304", "1ESY1336001560", None),
        ("telegram_v3", "K8EG004046395507", None),
        ("amshan-example_data_d_landisgyr_360", "LGF5E360", datetime(2022, 2, 4, 10, 6, 50, tzinfo=UTC)),
    ],
)
def test_the_meters_number_and_clock(name: str, serial: str, instant: datetime | None) -> None:
    telegram = one(name).telegram(VIENNA)
    assert (telegram.serial, telegram.meter_at) == (serial, instant)


def test_energies_are_exact() -> None:
    assert one("telegram_v5").telegram(VIENNA).by_obis()["1-0:1.8.1"] == Quantity(4426, 0, "Wh")
    q3d = one("telegram_esy5q3da1004_v304").telegram(VIENNA).by_obis()["1-0:1.8.0"]
    assert (q3d, q3d.whole) == (Quantity(325_495_061_662, -4, "Wh"), 32_549_506)
    assert one("amshan-example_data_d_landisgyr_360").telegram(VIENNA).by_obis()["1-0:3.8.0"].unit == "varh"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("telegram_v5", {"0-1:24.2.1": Quantity(107, -3, "m3")}),
        ("telegram_v5_two_mbus", {"0-2:24.2.1": Quantity(246_138, -3, "m3")}),
        (
            "telegram_fluvius_v171",
            {"0-1:24.2.3": Quantity(112_384, -3, "m3"), "0-2:24.2.1": Quantity(872_234, -3, "m3")},
        ),
        ("telegram_v3", {"0-1:24.2.1": Quantity(1001, -3, "m3")}),
        ("telegram_unpadded_crc", {"0-1:24.2.1": Quantity(240_860, -3, "GJ")}),
    ],
)
def test_sub_meters_are_there_only_when_asked_for(name: str, expected: dict[str, Quantity]) -> None:
    without = one(name).telegram(VIENNA).by_obis()
    assert not any(obis.startswith("0-") for obis in without)
    with_them = one(name).telegram(VIENNA, sub_meters=True).by_obis()
    assert {obis: value for obis, value in with_them.items() if obis not in without} == expected


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("251026023000S", datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
        ("251026023000W", datetime(2025, 10, 26, 1, 30, tzinfo=UTC)),
        ("251026023000", None),
        ("250701120000", datetime(2025, 7, 1, 10, tzinfo=UTC)),
        ("250230120000W", None),
        ("2507011200", None),
    ],
)
def test_the_october_night_has_two_distinct_hours(stamp: str, expected: datetime | None) -> None:
    (found,) = telegrams(p1_telegram([LINES[0], f"0-0:1.0.0({stamp})", *LINES[2:]]))
    assert found.telegram(VIENNA).meter_at == expected


def test_a_lost_crc_is_noticed_by_the_version() -> None:
    (found,) = telegrams(p1_telegram(LINES, crc=False))
    assert (found.check, found.should_have_crc) == (Check.ABSENT, True)
    (found,) = telegrams(p1_telegram(LINES[1:], crc=False))
    assert (found.check, found.should_have_crc) == (Check.ABSENT, False)


@pytest.mark.parametrize("lost", [1, 2])
def test_silence_ends_a_last_line_without_its_line_end(lost: int) -> None:
    stream = P1Stream()
    assert stream.feed(p1_telegram(LINES)[:-2] + b"\r"[: 2 - lost]) == []
    (found,) = stream.line_quiet()
    assert found.check is Check.VALID


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_no_input_stops_the_reader(noise: bytes, size: int) -> None:
    alphabet = b"/ISK5\r\n!0A().*18-:"
    text = bytes(alphabet[byte % len(alphabet)] for byte in noise)
    good = p1_telegram(LINES)
    for data in (noise, text):
        assert telegrams(data, size) == telegrams(data, 1)
        assert telegrams(data + b"\r\n" + good, size)[-1].raw == good


def test_what_never_ends_is_thrown_away() -> None:
    stream = P1Stream()
    for _ in range(3 * TELEGRAM_MAX // 60):
        assert stream.feed(b"/ISK5x\r\n" + b"1-0:1.8.0(000004.426*kWh)\r\n" * 2) == []
    for _ in range(2 * TELEGRAM_MAX // 27):
        assert stream.feed(b"1-0:1.8.0(000004.426*kWh)\r\n") == []
    assert stream.damage.reason == "a telegram has no end"
    assert len(stream.feed(p1_telegram(LINES))) == 1
