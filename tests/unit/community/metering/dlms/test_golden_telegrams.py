"""Recorded telegrams of every layout and transport, to the last value, however the stream is cut."""

from datetime import datetime
from typing import Any

import pytest

from community.metering.dlms.register import Register
from community.metering.dlms.telegram import PushTelegram, TextTelegram
from tests.unit.community.metering.dlms.telegrams import OTHERS, readings, telegram

READ = [name for name in OTHERS if telegram(name)["expect"] in ("decoded", "optional")]
UNPROTECTED = ["dlmsparser-raw_energomera", "dlmsparser-raw_sagecom_xt211"]
"""Plain APDUs without a frame: nothing in them shows that a byte was altered."""
PROTECTED = [name for name in READ if name not in UNPROTECTED]
SIZES = (1, 7, 64, 1 << 20)


def _only(name: str, size: int = 1 << 20, stream: bytes | None = None) -> PushTelegram:
    v = telegram(name)
    (read,) = readings(v["transport"], v["frame"] if stream is None else stream, v["key"], v["auth_key"], size)
    assert isinstance(read, PushTelegram)
    return read


def _values(telegrams: list[PushTelegram | TextTelegram]) -> list[dict[str, Register]]:
    return [each.values for each in telegrams if isinstance(each, PushTelegram)]


def _raw(expected: Any) -> int:
    return expected[1] if isinstance(expected, list) else expected  # an enumeration is given with its type


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [name for name in READ if telegram(name)["expected"]])
def test_a_telegram_is_read_as_published(name: str, size: int) -> None:
    (expected,) = telegram(name)["expected"]
    read = _only(name, size)
    assert read.values.keys() == expected["registers"].keys()
    for code, wanted in expected["registers"].items():
        value = read.values[code]
        assert (value.raw, value.unit) == (_raw(wanted["raw"]), wanted.get("unit", wanted.get("unit_default")))
        if value.unit_sent:
            assert value.scaler == wanted["scaler"]
        else:
            assert "scaler" not in wanted
    time, security = expected["effective_time"], expected["security"]
    utc = time and (time["utc"] or time["utc_if_europe_vienna"])
    assert read.meter_at == (datetime.fromisoformat(utc) if utc else None)
    assert (read.clock is None) == (time is None)
    if read.clock is not None:
        assert read.clock.local == datetime.fromisoformat(time["local"])
    assert (read.security, read.system_title.hex(), read.invocation_counter) == (
        (security["security"], security["system_title"], security["invocation"]) if security else (None, "", 0)
    )


@pytest.mark.parametrize("size", SIZES)
def test_a_damaged_stream_gives_its_good_telegrams(size: int) -> None:
    v = telegram("constructed-wn-stream")
    read = readings(v["transport"], v["frame"], v["key"], size=size)
    assert [each.invocation_counter for each in read] == v["expected_invocations"]


@pytest.mark.parametrize("size", SIZES)
def test_a_norwegian_list_is_read_by_place(size: int) -> None:
    read = _only("dlmsparser-hdlc_kaifa_ma304h3e", size)
    assert {code: value.raw for code, value in read.values.items()} == {
        "1-0:1.7.0": 948, "1-0:2.7.0": 0, "1-0:3.7.0": 0, "1-0:4.7.0": 64,
        "1-0:31.7.0": 1416, "1-0:51.7.0": 3241, "1-0:71.7.0": 3119,
        "1-0:32.7.0": 2385, "1-0:52.7.0": 0, "1-0:72.7.0": 2389,
    }  # fmt: skip
    assert (read.values["1-0:31.7.0"].scaler, read.values["1-0:32.7.0"].scaler) == (-3, -1)
    assert (read.serial, read.texts["0-0:96.1.7"]) == ("6970631401753985", "MA304H3E")
    # Summer, no deviation, no daylight saving bit: the wall clock names no instant.
    assert read.meter_at is None
    assert read.clock is not None
    assert read.clock.local.isoformat() == "2017-09-15T05:33:40"


@pytest.mark.parametrize("size", SIZES)
def test_an_untagged_czech_list_is_read(size: int) -> None:
    read = _only("dlmsparser-raw_sagecom_xt211", size)
    assert read.registers == {
        "1-0:1.7.0": 1956, "1-0:21.7.0": 198, "1-0:41.7.0": 1703, "1-0:61.7.0": 54,
        "1-0:2.7.0": 0, "1-0:22.7.0": 0, "1-0:42.7.0": 0, "1-0:62.7.0": 0,
        "1-0:1.8.0": 4913794, "1-0:1.8.1": 948933, "1-0:1.8.2": 3964860, "1-0:1.8.3": 0, "1-0:1.8.4": 0,
        "1-0:2.8.0": 52,
    }  # fmt: skip
    assert (read.serial, read.texts["0-0:96.14.0"]) == ("5100005149", "T2")


def test_what_must_not_be_read_is_not() -> None:
    for name in OTHERS:
        v = telegram(name)
        if v["expect"] in ("rejected", "framing-only"):
            assert readings(v["transport"], v["frame"], v["key"], quiet=True) == []
            assert readings(v["transport"], v["frame"], bytes(16), quiet=True) == []


@pytest.mark.parametrize("name", READ)
def test_the_rest_of_a_cut_telegram_hides_nothing_and_adds_nothing(name: str) -> None:
    v = telegram(name)
    wanted = _values(readings(v["transport"], v["frame"], v["key"], v["auth_key"]))
    for cut in range(1, len(v["frame"]), 5):
        stream = v["frame"][cut:] + v["frame"]
        for size in (7, 1 << 20):
            assert _values(readings(v["transport"], stream, v["key"], v["auth_key"], size)) == wanted


@pytest.mark.parametrize("name", READ)
def test_the_beginning_of_a_telegram_is_no_reading(name: str) -> None:
    v = telegram(name)
    for length in range(0, len(v["frame"]) - 1, 3):
        assert readings(v["transport"], v["frame"][:length], v["key"], v["auth_key"], quiet=True) == []


@pytest.mark.parametrize("name", PROTECTED)
def test_one_altered_byte_gives_no_reading(name: str) -> None:
    v = telegram(name)
    for at in range(len(v["frame"])):
        altered = bytearray(v["frame"])
        altered[at] ^= 1 << at % 8
        assert readings(v["transport"], bytes(altered), v["key"], v["auth_key"], quiet=True) == []


@pytest.mark.parametrize("name", [name for name in READ if telegram(name)["key"]])
def test_a_wrong_bit_in_a_key_gives_no_reading(name: str) -> None:
    v = telegram(name)
    for bit in range(128):
        wrong = (int.from_bytes(v["key"], "big") ^ 1 << bit).to_bytes(16, "big")
        assert readings(v["transport"], v["frame"], wrong, v["auth_key"]) == []
        if v["auth_key"]:
            wrong = (int.from_bytes(v["auth_key"], "big") ^ 1 << bit).to_bytes(16, "big")
            assert readings(v["transport"], v["frame"], v["key"], wrong) == []
    assert readings(v["transport"], v["frame"], None) == []


@pytest.mark.parametrize("name", [name for name in READ if not telegram(name)["key"]])
def test_a_plain_telegram_is_refused_where_a_key_is_configured(name: str) -> None:
    v = telegram(name)
    assert readings(v["transport"], v["frame"], bytes(16)) == []
