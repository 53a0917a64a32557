"""Segments, blocks, M-Bus frames and bare messages: joined when all is there, lost as a whole otherwise."""

import pytest

from community.metering.dlms.block_transfer import BLOCKS_MAX, BlockJoiner
from community.metering.dlms.ciphering import ENCRYPTED
from community.metering.dlms.hdlc_telegrams import LLC, HdlcTelegrams
from community.metering.dlms.mbus_frames import MbusDeframer, build_mbus_frame
from community.metering.dlms.mbus_telegrams import MbusTelegrams
from community.metering.dlms.raw_telegrams import SIZE_MAX, RawTelegrams
from community.metering.dlms.received import ReceivedApdu
from community.metering.dlms.telegram import PushTelegram, TextTelegram, decode_frame, decode_received
from community.metering.dlms.transports import Transport
from community.metering.dlms.unreadable import BadCiphering, BadFrame, UnknownLayout, UnreadableClock
from tests.unit.community.metering.dlms import wire
from tests.unit.community.metering.dlms.telegrams import ZONE, readings
from tests.unit.community.metering.dlms.wire import AUTH, KEY, notification, obis, received, structure, u32, whole

CODES = [f"1-0:{quantity}.8.{tariff}" for quantity in (1, 2, 3, 4) for tariff in range(9)]
BODY = structure(*(part for at, code in enumerate(CODES) for part in (obis(code), u32(1000 + at))))
PLAIN = notification(BODY, wire.WITH_TIME)
SIZES = (1, 7, 64, 1 << 20)
STREAMS = {
    "one frame": ("hdlc", wire.hdlc_segments(wire.ciphered(PLAIN), 2000), None),
    "segments": ("hdlc", wire.hdlc_segments(wire.ciphered(PLAIN), 120), None),
    "segments with tag": ("hdlc", wire.hdlc_segments(wire.ciphered(PLAIN, AUTH), 120), AUTH),
    "blocks": ("hdlc", wire.block_frames(wire.ciphered(PLAIN, AUTH), 119), AUTH),
    "m-bus": ("mbus", wire.mbus_segments(wire.ciphered(PLAIN), 245), None),
    "m-bus, one frame": ("mbus", wire.mbus_segments(wire.ciphered(notification(structure(obis("1-0:1.8.0"), u32(1)))), 245), None),
    "m-bus, 257 bytes": ("mbus", wire.mbus_segments(wire.ciphered(PLAIN), 252), None),
    "m-bus, 270 bytes": ("mbus", wire.mbus_segments(wire.ciphered(PLAIN), 265), None),
    "bare": ("raw", [wire.ciphered(PLAIN)], None),
    "bare with tag": ("raw", [wire.ciphered(PLAIN, AUTH)], AUTH),
    "bare blocks": ("raw", wire.blocks(wire.ciphered(PLAIN, AUTH), 100), AUTH),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", SIZES)
def test_three_telegrams_with_noise_between_give_three_readings(name: str, size: int) -> None:
    transport, frames, auth_key = STREAMS[name]
    stream = whole(frames) + b"\x00\xff\x7e\xa0\x68\xdb" + whole(frames) + whole(frames)
    read = readings(transport, stream, KEY, auth_key, size)
    assert len(read) == 3
    for each in read:
        assert isinstance(each, PushTelegram)
        assert each.values["1-0:1.8.0"].raw in (1, 1000)
        assert each.raw == whole(frames)


@pytest.mark.parametrize("name", [name for name, (_, frames, _) in STREAMS.items() if len(frames) > 1])
def test_a_telegram_that_lost_a_part_is_lost_and_the_next_is_read(name: str) -> None:
    transport, frames, auth_key = STREAMS[name]
    for missing in range(len(frames)):
        rest = [frame for at, frame in enumerate(frames) if at != missing]
        assert readings(transport, whole(rest), KEY, auth_key, quiet=True) == []
        assert len(readings(transport, whole(rest) + whole(frames), KEY, auth_key, quiet=True)) == 1
        swapped = [frames[-1], *frames[:-1]]
        assert readings(transport, whole(swapped), KEY, auth_key, quiet=True) == []


@pytest.mark.parametrize("name", [name for name in STREAMS if not name.startswith("bare")])
def test_an_altered_byte_anywhere_gives_no_reading(name: str) -> None:
    transport, frames, auth_key = STREAMS[name]
    stream = whole(frames)
    for at in range(0, len(stream), 3):
        altered = bytearray(stream)
        altered[at] ^= 1 << at % 8
        assert readings(transport, bytes(altered), KEY, auth_key, quiet=True) == []


@pytest.mark.parametrize("name", ["bare with tag", "bare blocks"])
def test_an_altered_byte_never_alters_a_value_that_a_tag_protects(name: str) -> None:
    """Around the tag stand the heads of blocks, such as their window size: those may change, the values may not."""
    transport, frames, auth_key = STREAMS[name]
    (wanted,) = readings(transport, whole(frames), KEY, auth_key)
    assert isinstance(wanted, PushTelegram)
    for at in range(len(whole(frames))):
        altered = bytearray(whole(frames))
        altered[at] ^= 1 << at % 8
        for read in readings(transport, bytes(altered), KEY, auth_key, quiet=True):
            assert name == "bare blocks"
            assert isinstance(read, PushTelegram)
            assert read.values == wanted.values


def test_a_bare_message_without_tag_shows_alterations_of_its_structure_only() -> None:
    """The limit of the format: a digit altered on the line cannot be noticed, a tag or length can."""
    apdu = wire.ciphered(PLAIN)
    value, tag = PLAIN.index(u32(1000)) + 4, PLAIN.index(u32(1000))
    begin = len(apdu) - len(PLAIN)
    for at, count in ((value, 1), (tag, 0)):
        altered = bytearray(apdu)
        altered[begin + at] ^= 0x04
        assert len(readings("raw", bytes(altered), KEY)) == count


def test_segments_of_another_sender_do_not_join() -> None:
    first, *others = wire.hdlc_segments(wire.ciphered(PLAIN), 120)
    stranger = wire.build_frame(b"\xcf", b"\x03", 0x13, b"abc")
    assert received(Transport.HDLC, first + stranger + whole(others)) == []


def test_frames_that_are_no_telegram_are_counted_as_dropped() -> None:
    for deframer in (HdlcTelegrams(), MbusTelegrams()):
        foreign = (wire.build_frame(b"\xcf", b"\x03", 0x13, b"abc"), build_mbus_frame(0x08, 1, 0x72, bytes(12)))
        for frame in foreign:
            assert deframer.feed(frame) == []
        assert deframer.line_quiet() == []
        assert deframer.dropped_bytes >= min(map(len, foreign))


def test_endless_segments_and_blocks_are_bounded() -> None:
    deframer, bus = HdlcTelegrams(), MbusTelegrams()
    deframer.feed(wire.segment(LLC + bytes(1000), False))
    for number in range(60):
        assert deframer.feed(wire.segment(bytes(1000), False)) == []
        assert sum(len(each.information) for each in deframer._segments) <= 9200
        assert bus.feed(build_mbus_frame(0x53, 0xFF, number & 0x0F, bytes(200))) == []
        assert len(bus._segments) <= 16
    joiner = BlockJoiner()
    for number in range(1, BLOCKS_MAX + 1):
        joiner.add(b"\xe0\x40" + number.to_bytes(2, "big") + b"\0\0\x01x", b"")
    with pytest.raises(BadFrame, match="longer than any telegram"):
        joiner.add(b"\xe0\x40" + (BLOCKS_MAX + 1).to_bytes(2, "big") + b"\0\0\x01x", b"")
    assert not joiner.joining


@pytest.mark.parametrize(
    ("block", "said"),
    [(b"", "not as long"), (b"\xdb", "E0"), (b"\xe0\x80\0\x01\0\0\x02x", "not as long"), (b"\xe0\x80\0\x01\0\0\x01xy", "not as long"),
     (b"\xe0\x80\0\x02\0\0\x01x", "block 2 .* where block 1")],
)  # fmt: skip
def test_a_wrong_block_is_refused(block: bytes, said: str) -> None:
    with pytest.raises(BadFrame, match=said):
        BlockJoiner().add(block, block)


def test_the_length_of_a_long_m_bus_frame_is_taken_modulo_256_only_where_it_must() -> None:
    long, short = build_mbus_frame(0x53, 0xFF, 0, bytes(254)), build_mbus_frame(0x53, 0xFF, 0x11, b"\x01\x67rest")
    assert (long[1], len(long)) == (0x01, 263)
    assert [frame.raw for frame in MbusDeframer().feed(long + short)] == [long, short]
    ambiguous = build_mbus_frame(0x53, 0xFF, 0, bytes(257))
    assert ambiguous[1] == 4
    assert MbusDeframer().feed(ambiguous) == []
    assert [frame.raw for frame in MbusDeframer().feed(ambiguous + short)] == [ambiguous, short]
    with pytest.raises(ValueError, match="at most"):
        build_mbus_frame(0x53, 0xFF, 0, bytes(400))


def test_a_false_start_is_given_up_when_the_line_is_quiet() -> None:
    deframer, good = MbusDeframer(), build_mbus_frame(0x53, 0xFF, 0, b"\x01\x67abc")
    assert deframer.feed(b"\x68\xfa\xfa\x68" + good) == []
    assert [frame.raw for frame in deframer.line_quiet()] == [good]
    assert deframer.dropped_bytes == 4
    raw = RawTelegrams()
    assert raw.feed(PLAIN[:60]) == []
    assert raw.line_quiet() == []
    assert [each.apdu for each in raw.feed(PLAIN)] == [PLAIN]


@pytest.mark.parametrize("size", SIZES)
def test_a_bare_message_that_broke_off_does_not_swallow_the_next(size: int) -> None:
    apdu = wire.ciphered(PLAIN)
    for length in (1, 5, 20, 100, len(apdu) - 12):
        assert [each.apdu for each in received(Transport.RAW, apdu[:length] + apdu, size)] == [apdu]


def test_buffers_are_bounded_whatever_comes() -> None:
    raw, bus = RawTelegrams(), MbusDeframer()
    endless = b"\x0f\0\0\0\0\0\x01\x82\x03\xff" + wire.octets(bytes(100)) * 200
    for piece in wire.pieces(endless * 3, 777):
        raw.feed(piece)
        bus.feed(b"\x68\xff\xff\x68" + piece)
        assert len(raw._buffer) <= SIZE_MAX + 777
        assert len(bus._buffer) <= 2000


DSMR = "/SAG5SAG-METER\r\n\r\n1-0:1.8.0(004711000*Wh)\r\n!1A2B\r\n"


@pytest.mark.parametrize("size", SIZES)
def test_dsmr_text_inside_the_ciphering_comes_out_as_text(size: int) -> None:
    stream = wire.ciphered(DSMR.encode(), AUTH)
    (read, again) = readings("raw", stream[30:] + stream + stream, KEY, AUTH, size)
    assert isinstance(read, TextTelegram)
    assert (read.text, read.invocation_counter, read.system_title) == (DSMR, 9, wire.TITLE)
    assert again == read
    for wrong in (DSMR[:-8], DSMR + "\x01"):
        assert readings("raw", wire.ciphered(wrong.encode(), AUTH), KEY, AUTH) == []


def test_suite_one_is_read_as_suite_zero() -> None:
    apdu = bytearray(wire.ciphered(PLAIN))
    at = apdu.index(bytes((ENCRYPTED, 0, 0, 0, 9)))
    apdu[at] = 0x21
    (read,) = readings("raw", bytes(apdu), KEY)
    assert isinstance(read, PushTelegram)
    assert read.security == 0x21


def test_a_key_admits_ciphered_telegrams_only_and_none_plain_ones_only() -> None:
    plain, sealed = ReceivedApdu(PLAIN, PLAIN), ReceivedApdu(wire.ciphered(PLAIN), b"")
    assert decode_received(plain, None, ZONE) is not None
    with pytest.raises(BadCiphering, match="not ciphered"):
        decode_received(plain, KEY, ZONE)
    with pytest.raises(BadCiphering, match="configure the meter's key"):
        decode_received(sealed, None, ZONE)


def test_a_single_frame_must_hold_the_whole_telegram_and_its_time() -> None:
    small = notification(structure(obis("1-0:1.8.0"), u32(1)), wire.WITH_TIME)
    (block,) = wire.block_frames(wire.ciphered(small), 120)
    assert decode_frame(block, KEY, ZONE).registers == {"1-0:1.8.0": 1}
    with pytest.raises(BadFrame, match="of which this is one"):
        decode_frame(wire.block_frames(wire.ciphered(small), 20)[0], KEY, ZONE)
    with pytest.raises(UnreadableClock, match="no time"):
        decode_frame(whole(wire.hdlc_segments(wire.ciphered(notification(BODY)), 2000)), KEY, ZONE)
    with pytest.raises(UnknownLayout, match="DSMR"):
        decode_frame(whole(wire.hdlc_segments(wire.ciphered(DSMR.encode()), 2000)), KEY, ZONE)
