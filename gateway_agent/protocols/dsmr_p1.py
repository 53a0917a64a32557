"""DSMR P1 telegrams (Netherlands, Belgium, Luxembourg, Ireland, Sweden and others). Without any I/O.

    /XXXZident CR LF CR LF   data sets, a line each   !CRC CR LF

The CRC-16 (polynomial A001, start 0) goes from `/` to `!` and is sent as hexadecimal digits, in some meters without
leading zeros. V2.2 and V3 have none, nor have some meters that only look like P1: their telegrams say `Check.ABSENT`.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway_agent.protocols.obis_text import (
    DataSet,
    clock_of,
    present_values,
    read_address,
    read_data_sets,
    read_quantity,
    serial_in,
    utc_of_local,
)
from gateway_agent.protocols.quantity import Check, Damage, DamagedTelegram, MeterTelegram, RegisterValue

TELEGRAM_MAX = 16_384
SERIAL_CODES = ("0-0:96.1.1", "0-0:96.1.0", "1-0:96.1.0", "0-0:96.1.255", "1-0:0.0.0", "96.1.0")
_CLOCK = "0-0:1.0.0"
_VERSION = "1-3:0.2.8"
_BELGIAN_VERSION = "0-0:96.1.4"
_VERSION_WITH_CRC = 40
_IDENT = re.compile(rb"/([A-Za-z0-9]{3}[^\r\n]{0,60})\r?\n")
_IDENT_ON_A_NEW_LINE = re.compile(rb"(?<=\n)" + _IDENT.pattern)
_END = re.compile(rb"(?<=\n)!([^\n]{0,40})\n")
_OPEN_END = re.compile(rb"(?<=\n)!([^\n]{0,40})\Z")
_CRC_DIGITS = re.compile(rb"[0-9A-F]{1,4}")
_STAMP = re.compile(r"([0-9]{12})([SW]?)")
_IDENT_MAX = 70
_CENTURY = 2000
_SUB_METER_V3 = "24.3.0"
_NAME_DIGITS_MIN = 8


@dataclass(frozen=True, slots=True)
class P1Telegram:
    """One whole telegram."""

    ident: str
    """The first line without its slash."""
    sets: tuple[DataSet, ...]
    check: Check
    raw: bytes
    """From `/` to the end of the line with `!`."""

    @property
    def should_have_crc(self) -> bool:
        """Its version line promises a CRC: without one something was lost, or the meter is not what it says."""
        said = {one.address: one.value for one in self.sets}
        version = said.get(_VERSION, "")
        return _BELGIAN_VERSION in said or (version.isdecimal() and int(version[:3]) >= _VERSION_WITH_CRC)

    def telegram(self, zone: ZoneInfo, *, sub_meters: bool = False, energy_unit: str | None = None) -> MeterTelegram:
        """Its present values, number and clock; with `sub_meters` also those of gas, water and heat (0-n:24.2.1)."""
        values = present_values(self.sets, energy_unit=energy_unit)
        own = tuple(value for value in values if value.obis.startswith("1-") and not value.obis.startswith("1-3:"))
        return MeterTelegram(
            own + (sub_meter_values(self.sets) if sub_meters else ()),
            self.ident.strip(),
            _readable(serial_in(self.sets, SERIAL_CODES)) or self.ident.strip(),
            _meter_clock(self.sets, zone),
            self.check,
            self.raw,
        )


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16_arc(data: bytes) -> int:
    """CRC-16/ARC (poly A001 reflected, init 0), as P1 has it."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


class P1Stream:
    """Finds telegrams in a stream that is fed in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.damage = Damage()

    def feed(self, piece: bytes) -> list[P1Telegram]:
        """The telegrams that `piece` completes."""
        self._buffer += piece
        return self._drain(_END) if b"\n" in piece or len(self._buffer) > TELEGRAM_MAX else []

    def line_quiet(self) -> list[P1Telegram]:
        """To be called when the line has been silent for a while: ends a last line without its line end."""
        return self._drain(_OPEN_END)

    def _drain(self, end_pattern: re.Pattern[bytes]) -> list[P1Telegram]:
        found: list[P1Telegram] = []
        while (ident := _IDENT.search(self._buffer)) is not None:
            limit = ident.start() + TELEGRAM_MAX
            end = _END.search(self._buffer, ident.end(), limit) or end_pattern.search(self._buffer, ident.end())
            end = None if end is not None and end.end() > limit else end
            again = _IDENT_ON_A_NEW_LINE.search(self._buffer, ident.end(), limit)
            if again is not None and (end is None or again.start() < end.start()):
                self.damage.note("a telegram breaks off")
                del self._buffer[: again.start()]
            elif end is not None:
                raw, stop = bytes(self._buffer[ident.start() : end.end()]), end.end()
                try:
                    found.append(read_telegram(raw))
                except DamagedTelegram as error:
                    self.damage.note(str(error))
                    inner = [match.start() for match in _IDENT.finditer(raw, 1)]  # another may begin in mid-line
                    stop -= len(raw) - inner[-1] if inner else 0
                del self._buffer[:stop]
            elif len(self._buffer) - ident.start() > TELEGRAM_MAX:
                self.damage.note("a telegram has no end")
                del self._buffer[: ident.end()]
            else:
                del self._buffer[: ident.start()]
                return found
        slash = self._buffer.find(b"/", max(0, len(self._buffer) - _IDENT_MAX))
        del self._buffer[: len(self._buffer) if slash < 0 else slash]
        return found


def read_telegram(raw: bytes) -> P1Telegram:
    """The telegram `raw`, from `/` to the end of the line with `!`. Raises DamagedTelegram."""
    ident = _IDENT.match(raw)
    end = raw.rfind(b"\n!")
    if ident is None or end < 0:
        raise DamagedTelegram("a telegram begins with / and ends with !")
    line_end = b"\r\n" if ident.group().endswith(b"\r\n") else b"\n"
    last_line = raw[end + 2 :]
    digits = last_line.removesuffix(line_end if last_line.endswith(b"\n") else b"\r")
    if digits:
        if _CRC_DIGITS.fullmatch(digits) is None:
            raise DamagedTelegram("what follows the ! is no CRC")
        if int(digits, 16) != crc16_arc(raw[: end + 2]):
            raise DamagedTelegram("the telegram's CRC is wrong")
    elif last_line not in (line_end, b"", b"\r"):
        raise DamagedTelegram("the ! is not alone on its line")
    sets = read_data_sets(raw[ident.end() : end], checked=bool(digits))
    return P1Telegram(ident.group(1).decode("latin-1"), sets, Check.VALID if digits else Check.ABSENT, raw)


def sub_meter_values(sets: tuple[DataSet, ...]) -> tuple[RegisterValue, ...]:
    """The registers of meters connected to this one, as 0-n:24.2.x."""
    found: list[RegisterValue] = []
    for one in sets:
        code = read_address(one.address, "0-0")
        if code is None or not code.code.startswith("0-") or code.code.startswith("0-0:"):
            continue
        name = code.code.partition(":")[2]
        if name == _SUB_METER_V3 and len(one.values) >= 3:
            # time stamp, status, period, count, code, unit, value
            quantity = read_quantity(one.values[-1], one.values[-2])
            inner = read_address(one.values[-3])
            obis = code.code if inner is None else inner.code
        elif name.startswith("24.2.") and len(one.values) == 2:
            quantity, obis = read_quantity(one.values[1]), code.code
        else:
            continue
        if quantity is not None:
            found.append(RegisterValue(obis, quantity))
    return tuple(found)


def _meter_clock(sets: tuple[DataSet, ...], zone: ZoneInfo) -> datetime | None:
    """The time stamp of the telegram, YYMMDDhhmmss and S for summer or W for winter, in UTC."""
    said = next((one.value for one in sets if one.address == _CLOCK), "")
    match = _STAMP.fullmatch(said)
    if match is None:
        return clock_of(sets, zone)
    try:
        year, *rest = (int(match[1][at : at + 2]) for at in range(0, 12, 2))
        month, day, hour, minute, second = rest
        local = datetime(_CENTURY + year, month, day, hour, minute, second)  # noqa: DTZ001 - the meter's wall clock
    except ValueError:
        return None
    return utc_of_local(local, zone, match[2] == "S" if match[2] else None)


def _readable(name: str | None) -> str:
    """Meters say their number as the hexadecimal digits of its letters."""
    if name is None or len(name) < _NAME_DIGITS_MIN or re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", name) is None:
        return name or ""
    decoded = bytes.fromhex(name)
    return decoded.decode("ascii") if all(0x20 < byte < 0x7F for byte in decoded) else name
