"""Telegrams in the layouts of real meters, to the last value; and what must never become a reading."""

from datetime import datetime
from typing import Any

import pytest

from community.metering.dlms.encode import MeterModel, PushMeter, encode_push_frame
from community.metering.dlms.hdlc import HdlcDeframer
from community.metering.dlms.telegram import decode_frame
from community.metering.dlms.unreadable import UnknownLayout, UnreadableTelegram
from tests.unit.community.metering.dlms.telegrams import TELEGRAMS, ZONE, telegram

MODELS = {"am550": MeterModel.AM550, "e450": MeterModel.E450, "im350": MeterModel.IM350}


def _instant(expected: dict[str, Any]) -> datetime:
    time = expected["effective_time"]
    return datetime.fromisoformat(time["utc"] or time["utc_if_europe_vienna"])


@pytest.mark.parametrize("name", TELEGRAMS)
def test_a_telegram_is_read_as_published(name: str) -> None:
    v = telegram(name)
    expected = v["expected"][0]
    read = decode_frame(v["frame"], v["key"], ZONE)
    assert read.meter_time == _instant(expected)
    assert read.clock_invalid == expected["effective_time"]["clock_invalid_bit"]
    assert read.system_title.hex() == expected["security"]["system_title"]
    assert read.invocation_counter == expected["security"]["invocation"]
    assert read.registers == {code: value["raw"] for code, value in expected["registers"].items()}
    assert expected["layout"].startswith(read.layout.value)
    assert read.serial == expected["meta"].get("serial")
    assert read.raw == v["frame"]


@pytest.mark.parametrize("name", TELEGRAMS)
def test_the_encoder_builds_the_published_bytes(name: str) -> None:
    v = telegram(name)
    expected = v["expected"][0]
    model = MODELS[name.split("-")[2]]
    title = bytes.fromhex(expected["security"]["system_title"])
    meter = PushMeter(model, title, v["key"], serial=expected["meta"].get("serial"))
    registers = {code: value["raw"] for code, value in expected["registers"].items()}
    frame = encode_push_frame(meter, expected["security"]["invocation"], _instant(expected), registers)
    assert frame.hex() == v["frame"].hex()


@pytest.mark.parametrize("name", ["constructed-wn-am550-0", "constructed-wn-e450-1", "constructed-wn-im350-0"])
@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_one_altered_byte_gives_no_reading(name: str, mask: int) -> None:
    v = telegram(name)
    for at in range(len(v["frame"])):
        altered = bytearray(v["frame"])
        altered[at] ^= mask
        with pytest.raises(UnreadableTelegram):
            decode_frame(bytes(altered), v["key"], ZONE)
        deframer = HdlcDeframer()
        assert deframer.feed(bytes(altered)) + deframer.line_quiet() == []


@pytest.mark.parametrize("name", TELEGRAMS)
def test_a_cut_telegram_gives_no_reading(name: str) -> None:
    v = telegram(name)
    for length in range(len(v["frame"]) - 1):
        with pytest.raises(UnreadableTelegram):
            decode_frame(v["frame"][:length], v["key"], ZONE)
    assert decode_frame(v["frame"][:-1], v["key"], ZONE).raw == v["frame"][:-1]


@pytest.mark.parametrize("name", TELEGRAMS)
def test_a_wrong_key_is_named_and_gives_no_reading(name: str) -> None:
    v = telegram(name)
    for bit in range(128):
        key = (int.from_bytes(v["key"], "big") ^ 1 << bit).to_bytes(16, "big")
        with pytest.raises(UnknownLayout, match="wrong meter key"):
            decode_frame(v["frame"], key, ZONE)


def test_the_repeated_hour_at_the_end_of_summer_is_two_hours() -> None:
    """02:45 summer time comes 15 minutes and a second before 02:00:01 standard time, although its wall clock is later."""
    for meter in MODELS:
        before, after = (telegram(f"constructed-wn-{meter}-{at}") for at in (1, 2))
        first, second = (decode_frame(v["frame"], v["key"], ZONE).meter_time for v in (before, after))
        assert (second - first).total_seconds() == 15 * 60 + 1
