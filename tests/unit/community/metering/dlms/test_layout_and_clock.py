"""Bodies recognised by shape, and meter clocks brought to UTC."""

# ruff: noqa: DTZ001 - a meter says wall-clock times; their zone is what is tested
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from community.metering.dlms.cosem_time import CosemTime, encode_time, parse_time
from community.metering.dlms.encode import MeterModel, PushMeter, encode_push_frame
from community.metering.dlms.push_layouts import REGISTER_CODES, Layout, PushBody, encode_push, parse_push
from community.metering.dlms.telegram import decode_frame
from community.metering.dlms.unreadable import UnknownLayout, UnreadableClock
from tests.unit.community.metering.dlms.telegrams import ZONE

NOON = CosemTime(datetime(2025, 7, 14, 12), -120, 0x80)
BODY = PushBody(Layout.POSITIONAL_10, 5, NOON, NOON, "SMS1000000000003", dict.fromkeys(REGISTER_CODES, 7))
PLAIN = encode_push(BODY)
METER = PushMeter(MeterModel.AM550, b"ISKit\0\0\x02", bytes(16))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(MeterModel),
    st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),
    st.lists(st.integers(0, 2**32 - 1), min_size=8, max_size=8),
    st.integers(0, 2**32 - 1),
    st.sampled_from([None, bytes(range(16))]),
)
def test_every_telegram_that_can_be_built_is_read_back(
    model: MeterModel, instant: datetime, values: list[int], counter: int, auth_key: bytes | None
) -> None:
    serial = "SMS1000000000003" if model is MeterModel.IM350 else None
    meter = PushMeter(model, b"ISKit\0\0\x02", bytes(range(16)), serial=serial, auth_key=auth_key)
    registers = dict(zip(REGISTER_CODES, values, strict=True))
    frame = encode_push_frame(meter, counter, instant, registers)
    read = decode_frame(frame, meter.key, ZONE, auth_key)
    assert read.meter_time == instant.replace(microsecond=0)
    assert (read.registers, read.invocation_counter, read.serial) == (registers, counter, serial)


def test_a_body_survives_and_any_wrong_structure_byte_is_refused() -> None:
    assert parse_push(PLAIN) == BODY
    fixed = [0, 5, 18, 19, 20, 21, 38, 39, *range(52, len(PLAIN), 5)]
    for at in fixed:
        altered = bytearray(PLAIN)
        altered[at] ^= 1
        with pytest.raises(UnknownLayout):
            parse_push(bytes(altered))
    for wrong in (b"", PLAIN[:-1], PLAIN + b"\0", PLAIN.replace(b"SMS1", b"SMS\x01")):
        with pytest.raises(UnknownLayout):
            parse_push(wrong)


@pytest.mark.parametrize(
    "change", [{"serial": "short"}, {"serial": None}, {"registers": {}}, {"registers": {"1-0:1.8.0": 1}}]
)
def test_an_impossible_body_is_not_encoded(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"serial|registers"):
        encode_push(replace(BODY, **change))


@pytest.mark.parametrize(
    ("at", "registers"),
    [
        (datetime(2025, 1, 1), {}),
        (datetime(2025, 1, 1, tzinfo=UTC), {"1-0:9.9.9": 1}),
        (datetime(2025, 1, 1, tzinfo=UTC), {"1-0:1.8.0": 2**32}),
        (datetime(2025, 1, 1, tzinfo=UTC), {"1-0:1.8.0": -1}),
    ],
)
def test_an_impossible_telegram_is_not_built(at: datetime, registers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"time zone|no place|outside"):
        encode_push_frame(METER, 1, at, registers)


def test_the_deviation_counts_towards_utc_and_needs_no_zone() -> None:
    assert parse_time(encode_time(NOON)) == NOON
    assert NOON.instant("Asia/Tokyo") == datetime(2025, 7, 14, 10, tzinfo=UTC)
    assert (NOON.daylight_saving, NOON.invalid) == (True, False)
    unknown = replace(NOON, status=0xFF)
    assert (unknown.daylight_saving, unknown.invalid) == (False, False)


def test_without_deviation_the_daylight_bit_decides() -> None:
    for minute in range(0, 60, 15):
        local = datetime(2025, 10, 26, 2, minute)
        summer, winter = (CosemTime(local, None, status).instant(ZONE) for status in (0x81, 0x01))
        assert winter - summer == timedelta(hours=1)
        assert summer == datetime(2025, 10, 26, 0, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "status"),
    [
        (datetime(2025, 7, 14, 12), 0x01),
        (datetime(2025, 1, 14, 12), 0x81),
        (datetime(2025, 3, 30, 2, 30), 0x01),
        (datetime(2025, 3, 30, 2, 30), 0x81),
    ],
)
def test_a_time_that_does_not_exist_is_refused(local: datetime, status: int) -> None:
    with pytest.raises(UnreadableClock, match="does not exist"):
        CosemTime(local, None, status).instant(ZONE)


@pytest.mark.parametrize(
    "text",
    [
        "07e9070e010c000000ff88",
        "ffff070e010c000000ff8880",
        "07e90d0e010c000000ff8880",
        "07e9071f010c000000ff8880",
        "07e9070e0118000000ff8880",
        "07e9070e010c3c0000ff8880",
        "07e9070e020c000000ff8880",
        "07e9070e010c000064ff8880",
        "07e9070e010c00000003e880",
    ],
)
def test_a_wrong_time_is_refused(text: str) -> None:
    with pytest.raises(UnreadableClock):
        parse_time(bytes.fromhex(text))
