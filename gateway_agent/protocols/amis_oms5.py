"""Siemens AMIS meters (TD-351x, Netz OÖ): the meter is the M-Bus master, the reader answers as slave 240. Without any I/O.

Every minute the meter looks for a reader, `10 40 F0 30 16`, then sends its values every second as user data. Each is to
be answered with E5 within half a second. The values are ciphered by OMS mode 5 (EN 13757-7, 7.2.4): AES-128-CBC, the IV
is made of the meter's address and eight times the access number, the plaintext begins with 2F 2F. There is no tag: a
wrong key shows in the plaintext's structure, an altered byte in the frame's sum.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from community.metering.dlms.cosem_time import STATUS_DAYLIGHT_SAVING, STATUS_INVALID, CosemTime
from community.metering.dlms.register import Register
from community.metering.dlms.unreadable import BadCiphering, BadFrame, UnknownLayout, UnreadableClock
from gateway_agent.protocols.mbus_link import FrameReader, LongFrame, MbusDamage, ShortFrame, parse_frame

READER_ADDRESS = 0xF0
ACKNOWLEDGEMENT = b"\xe5"
ANSWER_WITHIN_S = 0.5

_SND_NKE = 0x40
_SND_UD = (0x53, 0x73)
_LONG_HEADER = 0x5B
_HEADER_SIZE = 12
_MODE_5 = 5
_BLOCK = 16
_FILLER = 0x2F
_TIME_HEAD = b"\x06\x6d"
_LENGTHS = {0x01: 1, 0x02: 2, 0x03: 3, 0x04: 4, 0x06: 6, 0x07: 8}
_MORE = 0x80
_EXTENSIONS_MAX = 10

_REGISTERS = {
    b"\x04\x03": ("1-0:1.8.0", "Wh"),
    b"\x04\x83\x3c": ("1-0:2.8.0", "Wh"),
    b"\x84\x10\xfb\x82\x73": ("1-0:3.8.1", "varh"),
    b"\x84\x10\xfb\x82\xf3\x3c": ("1-0:4.8.1", "varh"),
    b"\x04\x2b": ("1-0:1.7.0", "W"),
    b"\x04\xab\x3c": ("1-0:2.7.0", "W"),
    b"\x04\xfb\x14": ("1-0:3.7.0", "var"),
    b"\x04\xfb\x94\x3c": ("1-0:4.7.0", "var"),
    b"\x04\x83\xff\x04": ("1-0:1.128.0", "Wh"),
}
"""Data and value information of each record, and what it is. Values are whole numbers of the unit."""
_IMPORT, _EXPORT = "1-0:1.8.0", "1-0:2.8.0"


@dataclass(frozen=True, slots=True)
class AmisTelegram:
    """What one frame said."""

    values: dict[str, Register]
    clock: CosemTime
    meter_at: datetime
    """In UTC."""
    access_number: int
    """Counts the meter's telegrams, modulo 256: the same one twice is a repetition."""
    address: bytes
    """Manufacturer 2 bytes, identification 4, version 1, medium 1, as they stand in the IV."""
    status: int
    raw: bytes

    @property
    def serial(self) -> str:
        """The maker's letters and the identification, which is 00000000 at Netz OÖ."""
        code = int.from_bytes(self.address[:2], "little")
        letters = "".join(chr((code >> shift & 0x1F) + 0x40) for shift in (10, 5, 0))
        return letters + self.address[5:1:-1].hex()


@dataclass(frozen=True, slots=True)
class AmisRequest:
    """Something the meter sent to its reader. `reply` must be on the line within ANSWER_WITHIN_S."""

    reply: bytes
    frame: bytes | None
    """The frame with its values; None if the meter was only looking for a reader."""


class AmisReader:
    """The reader's side of the line: finds what is meant for it and says what to answer. Bounded, resumes after noise."""

    def __init__(self, address: int = READER_ADDRESS) -> None:
        self._address = address
        self._frames = FrameReader()

    @property
    def dropped_bytes(self) -> int:
        """Bytes that belonged to no whole frame."""
        return self._frames.damaged

    def feed(self, data: bytes) -> list[AmisRequest]:
        """What `data` completes, oldest first. Frames for others get no answer."""
        requests = []
        for frame in self._frames.feed(data):
            match frame:
                case ShortFrame(control=control, address=address) if (control, address) == (_SND_NKE, self._address):
                    requests.append(AmisRequest(ACKNOWLEDGEMENT, None))
                case LongFrame(control=control, address=address) if control in _SND_UD and address == self._address:
                    requests.append(AmisRequest(ACKNOWLEDGEMENT, frame.encoded()))
                case _:
                    pass
        return requests

    def line_quiet(self) -> list[AmisRequest]:
        """To be called when no byte came for a while: what has begun will not end. The meter asks again."""
        self._frames.clear()
        return []


def decode_amis(frame: bytes, key: bytes, zone: str) -> AmisTelegram:
    """The values in `frame`, deciphered with `key` (16 bytes). `zone` (an IANA name) is that of the meter's clock.

    Raises UnreadableTelegram with the reason: a telegram is read whole or not at all. ValueError for a key of wrong size.
    """
    if len(key) != _BLOCK:
        raise ValueError(f"the meter's key must be 16 bytes (32 hexadecimal digits), not {len(key)}")
    header, ciphertext = _split(frame)
    identification, maker_and_kind, access, status = header[:4], header[4:8], header[8], header[9]
    address = maker_and_kind[:2] + identification + maker_and_kind[2:]
    decryptor = Cipher(algorithms.AES(key), modes.CBC(address + bytes((access,)) * 8)).decryptor()
    clock, values = _read_records(decryptor.update(ciphertext) + decryptor.finalize())
    return AmisTelegram(values, clock, clock.instant(zone), access, address, status, frame)


def _split(frame: bytes) -> tuple[bytes, bytes]:
    """(long header, ciphertext) of a frame whose sum is right. Raises BadFrame or BadCiphering."""
    try:
        parsed = parse_frame(frame)
    except MbusDamage as error:
        raise BadFrame(f"the frame was altered or cut on the line: {error}") from error
    if not isinstance(parsed, LongFrame) or parsed.control not in _SND_UD or parsed.information != _LONG_HEADER:
        raise BadFrame("the frame carries no values of an AMIS meter: expected user data with control information 5B")
    header, ciphertext = parsed.data[:_HEADER_SIZE], parsed.data[_HEADER_SIZE:]
    if len(header) < _HEADER_SIZE:
        raise BadFrame("the frame ends within its header")
    configuration = int.from_bytes(header[10:12], "little")
    mode, blocks = configuration >> 8 & 0x1F, configuration >> 4 & 0x0F
    if mode != _MODE_5:
        raise BadCiphering(f"OMS ciphering mode {mode} is not supported: an AMIS meter uses mode 5")
    if not blocks or len(ciphertext) != blocks * _BLOCK:
        raise BadCiphering(f"{blocks} ciphered blocks should follow the header, but {len(ciphertext)} bytes do")
    return header, ciphertext


def _read_records(plaintext: bytes) -> tuple[CosemTime, dict[str, Register]]:
    """The meter's time, which comes first, and its registers. Raises UnknownLayout, also for a wrong key."""
    if not plaintext.startswith(bytes((_FILLER, _FILLER)) + _TIME_HEAD):
        raise UnknownLayout.because("it does not begin with 2F 2F and the time")
    clock: CosemTime | None = None
    values: dict[str, Register] = {}
    at = 2
    while at < len(plaintext):
        if plaintext[at] == _FILLER:
            at += 1
            continue
        head, content, at = _record(plaintext, at)
        if head == _TIME_HEAD and clock is None:
            clock = _time(content)
        elif head in _REGISTERS:
            code, unit = _REGISTERS[head]
            if code in values:
                raise UnknownLayout.because(f"{code} stands twice in it")
            values[code] = Register(int.from_bytes(content, "little", signed=True), 0, unit)
    if clock is None or _IMPORT not in values:
        raise UnknownLayout.because(f"{_IMPORT} is missing")
    if any(code in values and values[code].raw < 0 for code in (_IMPORT, _EXPORT)):
        raise UnknownLayout.because("its energy is negative")
    return clock, values


def _record(plaintext: bytes, at: int) -> tuple[bytes, bytes, int]:
    """(data and value information, data, where the next record begins)."""
    begin = at
    length = _LENGTHS.get(plaintext[at] & 0x0F)
    for _ in range(2):  # data information, then value information, each with its extensions
        extensions = 0
        while at < len(plaintext) and plaintext[at] & _MORE and extensions < _EXTENSIONS_MAX:
            at, extensions = at + 1, extensions + 1
        at += 1
    head, content = plaintext[begin:at], plaintext[at : at + (length or 0)]
    if length is None or len(content) != length:
        raise UnknownLayout.because(f"the record at byte {begin} has no known length")
    return head, content, at + length


def _time(data: bytes) -> CosemTime:
    """Date and time of 48 bits, type I (EN 13757-3, annex A). Raises UnknownLayout."""
    second, minute, hour = data[0] & 0x3F, data[1] & 0x3F, data[2] & 0x1F
    day, month = data[3] & 0x1F, data[4] & 0x0F
    year = 2000 + (data[3] >> 5 | data[4] >> 4 << 3)
    status = (STATUS_DAYLIGHT_SAVING if data[0] & 0x40 else 0) | (STATUS_INVALID if data[1] & 0x80 else 0)
    weekday = data[2] >> 5
    try:
        local = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - a wall clock has no zone yet
    except ValueError as error:
        raise UnknownLayout.because(f"its time {data.hex()} is none: {error}") from error
    if weekday and weekday != local.isoweekday():
        raise UnreadableClock(f"the meter's time {data.hex()} names a wrong day of the week")
    return CosemTime(local, None, status)
