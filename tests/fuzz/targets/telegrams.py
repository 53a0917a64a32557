"""DLMS push telegrams on every transport, the values in them, and AMIS meters."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import count

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from community.metering.dlms.block_transfer import GENERAL_BLOCK_TRANSFER
from community.metering.dlms.ciphering import decipher, encipher, parse_ciphered
from community.metering.dlms.hdlc import build_frame, crc16_x25
from community.metering.dlms.hdlc_telegrams import LLC, HdlcTelegrams
from community.metering.dlms.mbus_frames import build_mbus_frame
from community.metering.dlms.mbus_telegrams import MbusTelegrams
from community.metering.dlms.notification import parse_notification
from community.metering.dlms.raw_telegrams import RawTelegrams
from community.metering.dlms.received import ReceivedApdu
from community.metering.dlms.telegram import PushTelegram, TextTelegram, decode_frame, decode_received
from community.metering.dlms.transports import Transport, telegram_deframer
from community.metering.dlms.unreadable import UnreadableTelegram
from gateway_agent.protocols.amis_oms5 import AmisReader, decode_amis
from gateway_agent.protocols.mbus_link import LongFrame
from tests.fuzz.streams import found_in
from tests.fuzz.target import Target
from tests.support.meter_vectors import meter_vectors

ZONE = "Europe/Vienna"
KEY, AUTH_KEY, TITLE = bytes(range(16)), bytes(range(16, 32)), b"FUZ\x00\x00\x00\x00\x01"
HELD_MAX = 40_000
_PIECE_MAX = 200


def _read(apdu: ReceivedApdu) -> None:
    for key, auth_key in ((None, None), (KEY, None), (KEY, AUTH_KEY)):
        with suppress(UnreadableTelegram):
            _looked_at(decode_received(apdu, key, ZONE, auth_key))


def _looked_at(telegram: PushTelegram | TextTelegram) -> None:
    if isinstance(telegram, TextTelegram):
        assert telegram.text.isascii()
        return
    assert telegram.resolution_wh >= 1
    assert all(type(value) is int for value in telegram.registers.values())
    assert telegram.values
    assert telegram.meter_at is None or telegram.meter_at.utcoffset() is not None


def hdlc(data: bytes) -> None:
    """Any bytes on a line with HDLC."""
    for apdu in found_in(data, HdlcTelegrams, held_max=HELD_MAX):
        _read(apdu)
    with suppress(UnreadableTelegram):
        decode_frame(data[1:], KEY, ZONE)


def hdlc_segments(data: bytes) -> None:
    """Frames whose checks are right, with any content: segments, blocks, addresses, and losses between them."""
    stream, numbers = b"", count(1)
    for kind, piece in _pieces(data[1:]):
        block = bytes((GENERAL_BLOCK_TRANSFER, kind & 0x80, 0, next(numbers), 0, 0, len(piece))) + piece
        information = (LLC if kind & 1 else b"") + (block if kind & 2 else piece)
        frame = _frame(information, segmented=bool(kind & 4), source=b"\x21" if kind & 8 else b"\x23")
        stream += frame[1:] if kind & 16 else frame
    for apdu in found_in(data[:1] + stream, HdlcTelegrams, held_max=HELD_MAX):
        _read(apdu)


def mbus_transport(data: bytes) -> None:
    """Any bytes on a line with wired M-Bus, and frames whose sums are right."""
    stream = data[1:]
    if data and data[0] & 0x80:
        stream = b"".join(
            build_mbus_frame(0x53, 0xFF, kind & 0x3F, b"\x01\x67" + piece) for kind, piece in _pieces(stream)
        )
    for apdu in found_in(data[:1] + stream, MbusTelegrams, held_max=HELD_MAX):
        _read(apdu)


def raw_apdu(data: bytes) -> None:
    """Any bytes on a line without frames."""
    for apdu in found_in(data, RawTelegrams, held_max=HELD_MAX):
        _read(apdu)


def notification(data: bytes) -> None:
    """Any plaintext: as it is, and ciphered with and without tag, which must say the same."""
    said = None
    with suppress(UnreadableTelegram):
        said = parse_notification(data)
    for key, auth_key, apdu in (
        (None, None, data),
        (KEY, None, encipher(TITLE, 7, data, KEY)),
        (KEY, AUTH_KEY, encipher(TITLE, 7, data, KEY, AUTH_KEY)),
    ):
        try:
            telegram = decode_received(ReceivedApdu(apdu, apdu), key, ZONE, auth_key)
        except UnreadableTelegram:
            continue
        _looked_at(telegram)
        if isinstance(telegram, PushTelegram):
            assert said is not None and telegram.values == said.values


def amis(data: bytes) -> None:
    """Any bytes of a meter that asks, and any plaintext in a frame whose sum and ciphering are right."""
    if not data or not data[0] & 0x80:
        for request in found_in(data, AmisReader, held_max=HELD_MAX):
            if request.frame is not None:
                _amis_values(request.frame)
        return
    plaintext = data[1 : 1 + 14 * 16]
    plaintext = (b"\x2f\x2f" + plaintext).ljust(-(-(len(plaintext) + 2) // 16) * 16, b"\x2f")
    blocks = len(plaintext) // 16
    header = bytes.fromhex("000000002d4c010e01") + b"\0" + bytes((blocks << 4 & 0xF0, 0x05))
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(bytes.fromhex("2d4c00000000010e") + b"\x01" * 8)).encryptor()
    _amis_values(LongFrame(0x53, 0xF0, 0x5B, header + encryptor.update(plaintext) + encryptor.finalize()).encoded())


def _amis_values(frame: bytes) -> None:
    try:
        telegram = decode_amis(frame, KEY, ZONE)
    except UnreadableTelegram:
        return
    assert telegram.serial
    assert all(value.whole >= 0 for code, value in telegram.values.items() if code in {"1-0:1.8.0", "1-0:2.8.0"})


def _pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(kind, content) pairs: a byte that says what, a byte that says how long, the content."""
    at = 0
    while at + 2 <= len(data):
        size = 1 + data[at + 1] % _PIECE_MAX
        yield data[at], data[at + 2 : at + 2 + size].ljust(1, b"\0")
        at += 2 + size


def _frame(information: bytes, *, segmented: bool, source: bytes) -> bytes:
    frame = build_frame(b"\x03", source, 0x13, information)
    if not segmented:
        return frame
    head = bytes((frame[1] | 0x08,)) + frame[2:6]
    content = head + crc16_x25(head) + information
    return b"\x7e" + content + crc16_x25(content) + b"\x7e"


def _streams(transport: Transport) -> Iterator[bytes]:
    for vector in meter_vectors("dlms_push"):
        if vector["transport"] == transport:
            for plan in b"\x03\x01":
                yield bytes((plan,)) + bytes.fromhex(vector["stream_hex"])


def _apdus() -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
    """(APDU, key, authentication key) of every golden telegram."""
    for vector in meter_vectors("dlms_push"):
        deframer = telegram_deframer(Transport(vector["transport"]))
        key, auth_key = (bytes.fromhex(vector[name]) if vector[name] else None for name in ("key_hex", "auth_key_hex"))
        stream = bytes.fromhex(vector["stream_hex"])
        for apdu in (*deframer.feed(stream), *deframer.line_quiet()):
            yield apdu.apdu, key, auth_key


def _plaintexts() -> Iterator[bytes]:
    for apdu, key, auth_key in _apdus():
        if key is None:
            yield apdu
            continue
        with suppress(UnreadableTelegram):
            yield decipher(parse_ciphered(apdu), key, auth_key)


def _cut_up(kinds: bytes) -> Iterator[bytes]:
    """The golden APDUs as pieces of segments or blocks, of the kinds given for first, middle and last."""
    for apdu, _, _ in _apdus():
        parts = [apdu[at : at + 60] for at in range(0, len(apdu), 60)]
        marks = [kinds[0], *[kinds[1]] * (len(parts) - 2), kinds[2]] if len(parts) > 1 else [kinds[2] | kinds[0] & 3]
        yield b"\x81" + b"".join(bytes((kind, len(part) - 1)) + part for kind, part in zip(marks, parts, strict=True))


def _segment_seeds() -> Iterator[bytes]:
    yield from _cut_up(b"\x05\x04\x00")  # segments
    yield from _cut_up(b"\x03\x03\x83")  # blocks


def _mbus_seeds() -> Iterator[bytes]:
    yield from _streams(Transport.MBUS)
    yield from _cut_up(b"\x00\x01\x12")


def _raw_seeds() -> Iterator[bytes]:
    yield from _streams(Transport.RAW)
    for apdu, _, _ in _apdus():
        yield b"\x03" + apdu


def _amis_seeds() -> Iterator[bytes]:
    for vector in meter_vectors("amis_oms5"):
        yield b"\x03" + bytes.fromhex(vector["search_request_hex"] + vector["frame_hex"])
        yield b"\x80" + bytes.fromhex(vector["expected"]["plain_hex"])[2:]


TARGETS = {
    "hdlc": Target(hdlc, lambda: _streams(Transport.HDLC)),
    "hdlc_segments": Target(hdlc_segments, _segment_seeds),
    "mbus_transport": Target(mbus_transport, _mbus_seeds),
    "raw_apdu": Target(raw_apdu, _raw_seeds),
    "notification": Target(notification, _plaintexts),
    "amis": Target(amis, _amis_seeds),
}
