"""SML telegrams of German meters (EDL21, eHZ; BSI TR-03109-1 and FNN EDL). Without any I/O.

    1b1b1b1b 01010101  messages, filled with 00 to a multiple of 4  1b1b1b1b 1a nn crc

nn is the number of fill bytes; 1b1b1b1b in the data is sent twice. The CRC-16 goes over everything before it, each message
has one of its own. Most meters compute X-25, Holley's Kermit. One algorithm must fit all messages: a changed byte that
made one message right by the other algorithm would leave the others wrong.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from community.metering.dlms.hdlc import crc16_x25
from gateway_agent.protocols.quantity import (
    Check,
    Damage,
    DamagedTelegram,
    MeterTelegram,
    Quantity,
    RegisterValue,
)
from gateway_agent.protocols.sml_values import EndOfMessage, SmlInteger, SmlReader, SmlValue

ESCAPE = b"\x1b\x1b\x1b\x1b"
START = ESCAPE + b"\x01\x01\x01\x01"
TELEGRAM_MAX = 16_384
_END_MARK = 0x1A
_CLOSING = 8
_FILL_MAX = 3
_GET_LIST_RESPONSE = 0x0701
_MESSAGE_PARTS, _LIST_PARTS, _ENTRY_PARTS = 6, 7, 7
_PRESENT = 255
_EPOCH_MIN_S = 946_684_800  # 2000: what is less counts seconds since the meter was switched on
_UNITS = {
    9: "°C",
    13: "m³",
    14: "m³",
    25: "J",
    27: "W",
    28: "VA",
    29: "var",
    30: "Wh",
    31: "VAh",
    32: "varh",
    33: "A",
    35: "V",
    44: "Hz",
    8: "°",
}
"""DLMS unit numbers (Blue Book, table of enumerated units), those that electricity meters send."""
_DEVICE_IDS = ("1-0:96.1.0", "1-0:0.0.9")
_POWER = "1-0:16.7.0"
_DZG_WITH_SIGN_BUG = (range(42_000_000, 49_000_000), range(55_000_000, 59_000_000))

Crc = Callable[[bytes], bytes]


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


@dataclass(frozen=True, slots=True)
class SmlEntry:
    """One entry of a list that has a number: value = raw x 10^scaler in the unit."""

    obis: str
    """A-B:C.D.E."""
    period: int
    """F: 255 for the present."""
    value: SmlInteger
    scaler: int
    unit: int | None
    """DLMS unit number; None where the meter sends none."""
    at: datetime | None

    @property
    def quantity(self) -> Quantity | None:
        """With its unit; None if that is missing or not known here."""
        unit = _UNITS.get(self.unit) if self.unit is not None else None
        try:
            return None if unit is None else Quantity(self.value.value, self.scaler, unit)
        except DamagedTelegram:
            return None


@dataclass(frozen=True, slots=True)
class SmlList:
    """One answer with a meter's values (GetList.Res)."""

    server_id: bytes
    at: datetime | None
    entries: tuple[SmlEntry, ...]
    octets: dict[str, bytes]
    """Entries that are no number: device ids, the maker, a public key."""


@dataclass(frozen=True, slots=True)
class SmlTelegram:
    """Everything between one start mark and its end mark, all checks right."""

    lists: tuple[SmlList, ...]
    raw: bytes

    def telegram(self) -> MeterTelegram:
        """Its present values. Raises DamagedTelegram if it holds no list, or lists of different meters."""
        if not self.lists or len({one.server_id for one in self.lists}) != 1:
            raise DamagedTelegram("the telegram is not the list of one meter")
        values: list[RegisterValue] = []
        instants: list[datetime] = []
        for one in self.lists:
            instants += [one.at] if one.at is not None else [entry.at for entry in one.entries if entry.at is not None]
            for entry in one.entries:
                quantity = entry.quantity
                if quantity is not None and entry.period == _PRESENT:
                    values.append(RegisterValue(entry.obis, quantity))
        first = self.lists[0]
        ids = [one.octets[code] for one in self.lists for code in _DEVICE_IDS if code in one.octets]
        return MeterTelegram(
            tuple(values),
            first.server_id.hex().upper(),
            device_name((ids or [first.server_id])[0]),
            max(instants, default=None),
            Check.VALID,
            self.raw,
        )


def crc16_kermit(data: bytes) -> bytes:
    """CRC-16/Kermit (init 0, no final xor; else as X-25) as sent: low byte first."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def device_name(device_id: bytes) -> str:
    """A device id as it is printed on the meter: DIN 43863-5 where it is one, hexadecimal digits where not."""
    if len(device_id) == 10 and device_id[0] in (9, 10) and device_id[2:5].isalpha():
        maker, number = device_id[2:5].decode("ascii", "replace"), int.from_bytes(device_id[6:], "big")
        return f"{device_id[1]:X}{maker}{device_id[5]:02X}{number:08d}"
    return device_id.hex().upper()


class SmlStream:
    """Finds telegrams in a stream that is fed in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self.damage = Damage()

    def feed(self, piece: bytes) -> list[SmlTelegram]:
        """The telegrams that `piece` completes."""
        self._buffer += piece
        found: list[SmlTelegram] = []
        while (size := self._whole()) is not None:
            raw = bytes(self._buffer[:size])
            try:
                found.append(read_telegram(raw))
            except DamagedTelegram as error:
                self.damage.note(str(error))
                inner = raw.rfind(START, 1)
                size = inner if inner > 0 else size
            self._forget(size)
        return found

    def line_quiet(self) -> list[SmlTelegram]:
        """Silence says nothing: a telegram ends with its end mark."""
        return []

    def _forget(self, count: int) -> None:
        del self._buffer[:count]
        self._scanned = 0

    def _whole(self) -> int | None:
        """The size of the telegram with which the buffer now begins; None if more must come."""
        while True:
            if not self._buffer.startswith(START):
                start = self._buffer.find(START)
                if start < 0:
                    self._forget(max(0, len(self._buffer) - len(START) + 1))
                    return None
                self._forget(start)
            self._scanned = max(self._scanned, len(START))
            size = self._end()
            if size is not None or self._buffer.startswith(START):
                if (len(self._buffer) if size is None else size) > TELEGRAM_MAX:
                    self.damage.note("a telegram has no end")
                    self._forget(len(START))
                    continue
                return size

    def _end(self) -> int | None:
        """Go on to the end mark: the size up to its CRC. A new start mark on the way drops what is before it."""
        while True:
            at = self._buffer.find(ESCAPE, self._scanned)
            if at < 0:
                self._scanned = max(self._scanned, len(self._buffer) - len(ESCAPE) + 1)
                return None
            self._scanned = at
            if len(self._buffer) < at + _CLOSING:
                return None
            following = bytes(self._buffer[at + 4 : at + 8])
            if following == START[4:]:
                self.damage.note("a telegram breaks off")
                self._forget(at)
                self._scanned = len(START)
            elif following == ESCAPE:
                self._scanned = at + _CLOSING
            elif following[0] == _END_MARK:
                return at + _CLOSING
            else:  # a run of more than four: the first of them is data
                self._scanned = at + 1


def read_telegram(raw: bytes) -> SmlTelegram:
    """The telegram `raw`, from its start mark to its CRC. Raises DamagedTelegram."""
    if raw[-2:] not in (crc16_x25(raw[:-2]), crc16_kermit(raw[:-2])):
        raise DamagedTelegram("the telegram's CRC is wrong")
    content = _without_escapes(raw[len(START) : -_CLOSING])
    filled = min(raw[-3], _FILL_MAX, len(content))
    bodies = _messages(content[: len(content) - filled])
    lists = [found for body in bodies if (found := _list_of(body)) is not None]
    return SmlTelegram(tuple(lists), raw)


def _without_escapes(content: bytes) -> bytes:
    out, position = bytearray(), 0
    while (at := content.find(ESCAPE, position)) >= 0:
        if content[at + 4 : at + 8] == ESCAPE:
            out += content[position : at + 4]
            position = at + 8
        else:
            out += content[position : at + 1]
            position = at + 1
    return bytes(out + content[position:])


def _messages(content: bytes) -> list[tuple[SmlValue, ...]]:
    """The body of each message: (type, elements)."""
    bodies: list[tuple[SmlValue, ...]] = []
    algorithms: set[Crc] = {crc16_x25, crc16_kermit}
    reader = SmlReader(content)
    reader.skip_zeros()
    while not reader.at_end:
        begin = reader.position
        if content[begin] != 0x70 | _MESSAGE_PARTS:
            raise DamagedTelegram("a message does not begin with a list of six")
        reader.position += 1
        parts = [reader.element() for _ in range(4)]
        summed = content[begin : reader.position]
        sent, end = reader.element(), reader.element()
        if not isinstance(sent, SmlInteger) or not isinstance(end, EndOfMessage):
            raise DamagedTelegram("a message does not end with its CRC")
        algorithms = {crc for crc in algorithms if int.from_bytes(crc(summed), "big") == sent.as_unsigned}
        if not algorithms:
            raise DamagedTelegram("a message's CRC is wrong")
        body = parts[3]
        if not isinstance(body, tuple) or len(body) != 2:
            raise DamagedTelegram("a message has no body")
        bodies.append(body)
        reader.skip_zeros()
    return bodies


def _list_of(body: tuple[SmlValue, ...]) -> SmlList | None:
    """The list in a message body; None if the message is another one."""
    kind, parts = body
    if not isinstance(kind, SmlInteger) or kind.value != _GET_LIST_RESPONSE:
        return None
    if not isinstance(parts, tuple) or len(parts) != _LIST_PARTS:
        raise DamagedTelegram("a list has not seven parts")
    _, server_id, _, at, rows, _, _ = parts
    if not isinstance(server_id, bytes) or not isinstance(rows, tuple):
        raise DamagedTelegram("a list has no server id or no entries")
    entries: list[SmlEntry] = []
    octets: dict[str, bytes] = {}
    for row in rows:
        if not isinstance(row, tuple) or len(row) != _ENTRY_PARTS:
            raise DamagedTelegram("a list entry has not seven parts")
        name, _, value_at, unit, scaler, value, _ = row
        if not isinstance(name, bytes) or len(name) != 6:
            continue
        code = f"{name[0]}-{name[1]}:{name[2]}.{name[3]}.{name[4]}"
        if isinstance(value, SmlInteger):
            entries.append(SmlEntry(code, name[5], value, _number(scaler) or 0, _number(unit), _instant(value_at)))
        elif isinstance(value, bytes):
            octets[code] = value
    return SmlList(server_id, _instant(at), tuple(_with_true_signs(entries, octets)), octets)


def _number(value: SmlValue) -> int | None:
    return value.value if isinstance(value, SmlInteger) else None


def _instant(value: SmlValue) -> datetime | None:
    """An SML_Time as UTC: a time stamp (2), or one with offsets (3). Seconds of operation (1) are no instant."""
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    kind, content = _number(value[0]), value[1]
    stamp = content[0] if kind == 3 and isinstance(content, tuple) and content else content
    seconds = _number(stamp) if kind in (2, 3) else None
    if seconds is None or not _EPOCH_MIN_S <= seconds < 2**32:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _with_true_signs(entries: list[SmlEntry], octets: dict[str, bytes]) -> Iterator[SmlEntry]:
    """DZG DVS74 of two series send a positive power as a signed number of 1 to 3 bytes, whose first bit then reads as a sign.

    A power that is really negative they send with 4 bytes.
    """
    device_id = octets.get(_DEVICE_IDS[0], b"")
    number = int.from_bytes(device_id[5:], "big")
    has_bug = device_id[:5] == b"\x0a\x01DZG" and any(number in numbers for numbers in _DZG_WITH_SIGN_BUG)
    for entry in entries:
        value = entry.value
        if has_bug and entry.obis == _POWER and value.signed and value.width <= 3:
            value = SmlInteger(value.as_unsigned, False, value.width)
        yield SmlEntry(entry.obis, entry.period, value, entry.scaler, entry.unit, entry.at)
