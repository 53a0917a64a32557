"""AMIS meters: values to the last digit, answers to what the meter asks, nothing from a wrong key or an altered byte."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from community.metering.dlms.unreadable import BadCiphering, BadFrame, UnknownLayout, UnreadableTelegram
from gateway_agent.protocols.amis_oms5 import ACKNOWLEDGEMENT, AmisReader, AmisRequest, decode_amis

GOLDEN = Path(__file__).parents[2] / "golden" / "meters" / "amis_oms5"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))
ZONE = "Europe/Vienna"


def vector(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    loaded["frame"] = bytes.fromhex(loaded["frame_hex"])
    loaded["key"] = bytes.fromhex(loaded["key_hex"])
    return loaded


SUMMER = vector("constructed-amis-summer")
FRAME, KEY = SUMMER["frame"], SUMMER["key"]
SEARCH = bytes.fromhex(SUMMER["search_request_hex"])


def framed(body: bytes) -> bytes:
    return bytes((0x68, len(body), len(body), 0x68)) + body + bytes((sum(body) & 0xFF, 0x16))


def sealed(plaintext: bytes) -> bytes:
    """The summer frame with other content."""
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(bytes.fromhex(SUMMER["expected"]["iv_hex"]))).encryptor()
    ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    header = bytearray(FRAME[4:19])
    header[13:15] = (0x0500 | len(ciphertext) // 16 << 4).to_bytes(2, "little")
    return framed(bytes(header) + ciphertext)


@pytest.mark.parametrize("name", NAMES)
def test_a_telegram_is_read_as_built(name: str) -> None:
    v = vector(name)
    expected = v["expected"]
    read = decode_amis(v["frame"], v["key"], ZONE)
    assert {code.removeprefix("1-0:"): value.raw for code, value in read.values.items()} == expected["registers"]
    assert read.meter_at == datetime.fromisoformat(expected["utc"])
    assert (read.clock.daylight_saving, read.clock.invalid) == (expected["dst"], False)
    assert (read.address + bytes((read.access_number,)) * 8).hex() == expected["iv_hex"]
    assert (read.raw, read.status, read.serial) == (v["frame"], 0, "SAM00000000")
    assert read.values["1-0:1.8.0"].unit == "Wh"


def test_the_repeated_hour_at_the_end_of_summer_is_two_hours() -> None:
    before, after = (vector(f"constructed-amis-october-{each}") for each in ("before", "after"))
    first, second = (decode_amis(v["frame"], v["key"], ZONE).meter_at for v in (before, after))
    assert (second - first).total_seconds() == 15 * 60 + 1


def test_one_altered_or_missing_byte_gives_no_reading() -> None:
    for at in range(len(FRAME)):
        for mask in (0x01, 0x80, 0xFF):
            altered = bytearray(FRAME)
            altered[at] ^= mask
            with pytest.raises(BadFrame):
                decode_amis(bytes(altered), KEY, ZONE)
        with pytest.raises(BadFrame):
            decode_amis(FRAME[:at], KEY, ZONE)


def test_a_wrong_bit_in_the_key_gives_no_reading() -> None:
    for bit in range(128):
        with pytest.raises(UnknownLayout, match="wrong meter key"):
            decode_amis(FRAME, (int.from_bytes(KEY, "big") ^ 1 << bit).to_bytes(16, "big"), ZONE)
    with pytest.raises(ValueError, match="16 bytes"):
        decode_amis(FRAME, KEY[:15], ZONE)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_the_meter_is_answered_and_its_values_come_out(size: int) -> None:
    reader, asked = AmisReader(), []
    stream = FRAME[30:] + SEARCH + b"\x10\x40\x01\x41\x16" + b"\x00\xff\x68" + FRAME + SEARCH + FRAME
    for at in range(0, len(stream), size):
        asked += reader.feed(stream[at : at + size])
    values, search = AmisRequest(ACKNOWLEDGEMENT, FRAME), AmisRequest(ACKNOWLEDGEMENT, None)
    assert asked == [search, values, search, values]
    assert reader.dropped_bytes > 0


def test_the_answer_is_due_with_the_last_byte_and_only_to_what_is_meant_for_the_reader() -> None:
    reader = AmisReader()
    assert reader.feed(SEARCH[:-1]) == []
    assert [each.reply for each in reader.feed(SEARCH[-1:])] == [b"\xe5"]
    other = bytearray(FRAME[4:-2])
    other[1] = 0x01
    assert reader.feed(framed(bytes(other)) + bytes.fromhex("105bf04b16") + b"\xe5") == []
    assert reader.feed(FRAME[:20]) == []
    assert reader.line_quiet() == []
    assert reader.feed(FRAME) == [AmisRequest(ACKNOWLEDGEMENT, FRAME)]


PLAIN = bytes.fromhex(SUMMER["expected"]["plain_hex"])


@pytest.mark.parametrize(
    ("plaintext", "said"),
    [
        (PLAIN[:10] + PLAIN[16:] + b"\x2f" * 6, "1-0:1.8.0 is missing"),
        (b"\x2f\x2f" + PLAIN[10:] + b"\x2f" * 8, "begin with 2F 2F and the time"),
        (PLAIN[:4] + b"\x00\x00\x0c\xe0\x17\x00" + PLAIN[10:], "is none"),
        (PLAIN[:10] + b"\x2f" * 6, "1-0:1.8.0 is missing"),
        (PLAIN[:12] + b"\xff\xff\xff\xff" + PLAIN[16:], "negative"),
        (PLAIN[:10] + PLAIN[10:16] * 2 + PLAIN[10:] + b"\x2f" * 4, "stands twice"),
        (PLAIN[:10] + b"\xff" * 6, "no known length"),
        (PLAIN[:10] + b"\x04\x03\x00\x2f\x2f\x2f" + b"\x84" * 16, "no known length"),
    ],
)
def test_content_that_only_resembles_a_telegram_is_refused(plaintext: bytes, said: str) -> None:
    with pytest.raises(UnknownLayout, match=said):
        decode_amis(sealed(plaintext), KEY, ZONE)


def test_unknown_records_are_passed_over() -> None:
    extra = bytes.fromhex("01fd1700") + bytes.fromhex("02fd48e803")
    content = PLAIN[:10] + extra + PLAIN[10:].rstrip(b"\x2f")
    read = decode_amis(sealed(content + b"\x2f" * (-len(content) % 16)), KEY, ZONE)
    assert len(read.values) == 9


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (SEARCH, BadFrame),
        (framed(FRAME[4:6] + b"\x72" + FRAME[7:-2]), BadFrame),
        (framed(FRAME[4:12]), BadFrame),
        (framed(FRAME[4:18] + b"\x07" + FRAME[19:-2]), BadCiphering),
        (framed(FRAME[4:-18]), BadCiphering),
        (framed(FRAME[4:17] + b"\x00\x05"), BadCiphering),
    ],
)
def test_other_frames_are_refused(frame: bytes, error: type[UnreadableTelegram]) -> None:
    with pytest.raises(error):
        decode_amis(frame, KEY, ZONE)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=120),
        st.binary(max_size=80).map(lambda tail: sealed(PLAIN[:10] + tail + b"\x2f" * (-(10 + len(tail)) % 16))),
    )
)
def test_whatever_comes_is_read_or_refused(frame: bytes) -> None:
    try:
        decode_amis(frame, KEY, ZONE)
    except UnreadableTelegram:
        pass
    AmisReader().feed(frame)
