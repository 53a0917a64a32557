"""HDLC frames found by their length in a noisy stream, never by their flag."""

import pytest

from community.metering.dlms.hdlc import HdlcDeframer, build_frame, crc16_x25, parse_frame
from community.metering.dlms.telegram import decode_frame
from community.metering.dlms.unreadable import BadFrame, UnknownLayout
from tests.unit.community.metering.dlms.telegrams import ZONE, telegram

STREAM = telegram("constructed-wn-stream")
FRAME = build_frame(b"\xcf", b"\x02\x23", 0x13, b"\x7e~~ content ~")


def test_the_check_sequence_is_that_of_the_catalogue() -> None:
    assert crc16_x25(b"123456789") == bytes.fromhex("6e90")


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_a_damaged_stream_gives_its_good_frames_in_pieces_of_any_size(size: int) -> None:
    deframer, frames = HdlcDeframer(), []
    stream = STREAM["frame"]
    for at in range(0, len(stream), size):
        frames += deframer.feed(stream[at : at + size])
    frames += deframer.line_quiet()
    counters = [decode_frame(frame, STREAM["key"], ZONE).invocation_counter for frame in frames]
    assert counters == STREAM["expected_invocations"]
    assert deframer.dropped_bytes > 0


def test_a_frame_comes_out_with_its_last_byte() -> None:
    deframer = HdlcDeframer()
    assert deframer.feed(FRAME[:-1]) == []
    assert [frame.raw for frame in deframer.feed(FRAME[-1:])] == [FRAME]
    assert deframer.dropped_bytes == 0


def test_frames_may_share_one_flag_or_have_several_between_them() -> None:
    assert len(HdlcDeframer().feed(FRAME + FRAME[1:] + b"\x7e\x7e" + FRAME)) == 3


def test_a_last_frame_that_lost_its_flag_comes_when_the_line_is_quiet() -> None:
    deframer = HdlcDeframer()
    assert deframer.feed(FRAME[:-1]) == []
    assert [frame.raw for frame in deframer.line_quiet()] == [FRAME[:-1]]
    assert deframer.feed(FRAME) != []


def test_a_false_start_does_not_hide_the_frame_behind_it() -> None:
    for garbage in (
        b"\x7e",
        b"\x7e\xa0",
        b"\x7e\xa7\xff\xcf\x03\x13",
        b"\x7e\xa0\x06",
        b"\x7e\xa7\xff" + bytes(9),
        b"\x00\xff",
    ):
        deframer = HdlcDeframer()
        assert [f.raw for f in deframer.feed(garbage + FRAME) + deframer.line_quiet()] == [FRAME]


def test_a_false_header_with_a_right_check_hides_a_frame_only_until_the_line_is_quiet() -> None:
    head = b"\xa7\xff\xcf\x03\x13"
    deframer = HdlcDeframer()
    assert deframer.feed(b"\x7e" + head + crc16_x25(head) + FRAME) == []
    assert [frame.raw for frame in deframer.line_quiet()] == [FRAME]


def test_the_buffer_is_bounded_whatever_comes() -> None:
    deframer = HdlcDeframer()
    head = b"\xa7\xff\xcf\x03\x13"
    endless = b"\x7e" + head + crc16_x25(head)  # a header that promises 2047 bytes
    for _ in range(50):
        deframer.feed(endless + bytes(200))
        assert len(deframer._buffer) <= 2049


def test_a_frame_without_information_has_no_header_check() -> None:
    content = b"\xa0\x07\x03\x21\x93"
    frame = b"\x7e" + content + crc16_x25(content) + b"\x7e"
    assert parse_frame(frame).information == b""
    assert [each.control for each in HdlcDeframer().feed(frame)] == [0x93]


def test_address_and_control_are_told_apart() -> None:
    frame = parse_frame(build_frame(b"\xcf", b"\x00\x02\x00\x23", 0x13, b"x"))
    assert (frame.destination, frame.source, frame.control, frame.segmented) == (
        b"\xcf",
        b"\x00\x02\x00\x23",
        0x13,
        False,
    )


def _with_checks(content: bytes) -> bytes:
    return b"\x7e" + content + crc16_x25(content) + b"\x7e"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "no HDLC frame"),
        (b"\x7e\x10\x07", "no HDLC frame"),
        (b"\x7e\xa0\x06", "length of 6"),
        (FRAME + b"\x7e", "in all"),
        (FRAME[:-2], "in all"),
        (FRAME[:-3] + b"\0\0\x7e", "frame check"),
        (_with_checks(b"\xa0\x0a\xcf\x03\x13\0\0x"), "header check"),
        (_with_checks(b"\xa0\x09\x02\x02\x02\x02\x02"), "4 bytes"),
        (_with_checks(b"\xa0\x07\x02\x02\x02"), "within its header"),
    ],
)
def test_a_bad_frame_is_refused_with_its_reason(raw: bytes, said: str) -> None:
    with pytest.raises(BadFrame, match=said):
        parse_frame(raw)


@pytest.mark.parametrize("information", [b"", bytes(2041)])
def test_what_does_not_fit_is_not_built(information: bytes) -> None:
    with pytest.raises(ValueError, match="carries"):
        build_frame(b"\xcf", b"\x03", 0x13, information)


def test_frames_that_are_no_telegram_are_refused() -> None:
    key = bytes(16)
    with pytest.raises(BadFrame, match="LLC"):
        decode_frame(FRAME, key, ZONE)
    head = b"\xa8\x12\xcf\x03\x13"
    with pytest.raises(BadFrame, match="several frames"):
        decode_frame(_with_checks(head + crc16_x25(head) + b"\xe6\xe7\x00" + bytes(6)), key, ZONE)
    assert issubclass(UnknownLayout, ValueError)
