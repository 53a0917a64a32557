"""IEC 62056-21 (D0): readouts out of a stream of bytes, and the dialogue of modes A, B and C. Without any I/O.

    /XXXZident CR LF   STX data sets ! CR LF ETX BCC

BCC is the exclusive or of everything after STX up to and including ETX (clause 7, Annex B of ISO 1155). Meters that push
(mode D, the German eHZ) mostly send the data without STX, ETX and BCC: such a readout says `Check.ABSENT`, and only the
strict form of its data sets protects it. The identification line is covered by no check in any mode, and an exclusive or
does not notice two equal characters that are lost: the rules about falling and racing registers do.
"""

import re
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import Literal
from zoneinfo import ZoneInfo

from gateway_agent.protocols.obis_text import DataSet, clock_of, present_values, read_data_sets, serial_in
from gateway_agent.protocols.quantity import Check, Damage, DamagedTelegram, MeterTelegram

SIGN_ON_BAUD = 300
READOUT_MAX = 32_768
STX, ETX, ACK = b"\x02", b"\x03", b"\x06"
SERIAL_CODES = ("0.0.0", "96.1.0", "C.1.0", "96.1.255", "0.0.9", "9.20.0", "9.21.0")
"""Where meters put their number; 0.0.0 is the one that the operator knows it by."""

_IDENT = re.compile(rb"/([A-Z][A-Za-z]{2})([ -~])([^\x00-\x1f]{0,60})\r?\n")
_IDENT_ON_A_NEW_LINE = re.compile(rb"(?<![ -~\x03])" + _IDENT.pattern)
"""Right after ETX stands the check, which may be a slash as well."""
_PREAMBLE = re.compile(rb"(?:[\r\n ]|\x06[0-9A-Z]{3}\r\n)*")
"""Blank lines, and the echo of an acknowledgement."""
_END = re.compile(rb"!\r?\n")
_END_BEFORE_ETX = re.compile(rb"!\r?\n?\x03")
_IDENT_MAX = 70
_MODE_C_BAUDS = dict(zip("0123456", (300, 600, 1200, 2400, 4800, 9600, 19200), strict=True))
_MODE_B_BAUDS = dict(zip("ABCDEF", (600, 1200, 2400, 4800, 9600, 19200), strict=True))


@dataclass(frozen=True, slots=True)
class Identification:
    """What a meter answers to the sign-on: `/`, maker, baud letter, and its own text."""

    maker: str
    baud_letter: str
    text: str

    @property
    def mode(self) -> Literal["A", "B", "C"]:
        """The mode that the baud letter offers (6.3.14)."""
        if self.baud_letter in _MODE_C_BAUDS:
            return "C"
        return "B" if self.baud_letter in _MODE_B_BAUDS else "A"

    @property
    def baud(self) -> int:
        """The speed it offers; 300 in mode A, which stays at the speed of the sign-on."""
        return _MODE_C_BAUDS.get(self.baud_letter) or _MODE_B_BAUDS.get(self.baud_letter) or SIGN_ON_BAUD

    @property
    def line(self) -> str:
        """All of it, without the slash and the line end."""
        return f"{self.maker}{self.baud_letter}{self.text}".rstrip()


@dataclass(frozen=True, slots=True)
class Readout:
    """One whole data readout."""

    identification: Identification | None
    sets: tuple[DataSet, ...]
    check: Check
    raw: bytes

    def telegram(self, zone: ZoneInfo, *, group: str = "1-0", energy_unit: str | None = None) -> MeterTelegram:
        """Its present values, number and clock. `group` and `energy_unit`: see `present_values`."""
        ident = "" if self.identification is None else self.identification.line
        return MeterTelegram(
            present_values(self.sets, group, energy_unit),
            ident,
            serial_in(self.sets, SERIAL_CODES) or ident,
            clock_of(self.sets, zone),
            self.check,
            self.raw,
        )


def block_check(data: bytes) -> int:
    """The exclusive or of `data`, which begins after STX and ends with ETX."""
    return reduce(xor, data, 0)


def identification_in(data: bytes) -> Identification | None:
    """The first identification line of `data` that is whole. An echo of the request is none."""
    match = _IDENT.search(data)
    if match is None:
        return None
    return Identification(*(part.decode("latin-1") for part in match.groups()))


def read_block(readout: bytes) -> tuple[DataSet, ...]:
    """The data sets of one readout whatever its check says: to look at, never to make a reading of. Raises DamagedTelegram.

    `readout` may begin with its identification line, the echo of an acknowledgement or STX.
    """
    ident = _IDENT.match(readout)
    rest = readout if ident is None else readout[ident.end() :]
    begin, ends = rest.find(STX) + 1, [match.start() for match in _END.finditer(rest)]
    if begin == 0 and (preamble := _PREAMBLE.match(rest)) is not None:
        begin = preamble.end()
    return read_data_sets(rest[begin : ends[-1] if ends else len(rest)], checked=True)


def request_message(address: str = "") -> bytes:
    """The sign-on, for all meters on the line or for the one with `address` (6.3.1)."""
    if not re.fullmatch(r"[0-9A-Za-z ]{0,32}", address):
        raise ValueError(f"the meter address {address!r} must be at most 32 letters and digits")
    return f"/?{address}!\r\n".encode("ascii")


def acknowledgement(baud_letter: str) -> bytes:
    """Option select: normal protocol, `baud_letter`, data readout (6.3.3)."""
    return ACK + f"0{baud_letter}0\r\n".encode("ascii")


class ReadoutReader:
    """Finds readouts in a stream that is fed in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.damage = Damage()

    def feed(self, piece: bytes) -> list[Readout]:
        """The readouts that `piece` completes."""
        self._buffer += piece
        return self._drain(quiet=False)

    def line_quiet(self) -> list[Readout]:
        """To be called when the line has been silent for a while: ends a readout that has STX but no ETX."""
        return self._drain(quiet=True)

    def _drain(self, *, quiet: bool) -> list[Readout]:
        found: list[Readout] = []
        while True:
            whole = self._next(quiet=quiet)
            if whole is None:
                return found
            head, body = whole
            raw = bytes(self._buffer[: len(head) + body.end])
            stop = len(raw)
            try:
                if body.check is None:
                    raise DamagedTelegram("the block check character is wrong")
                sets = read_data_sets(body.data, checked=body.check is Check.VALID)
                found.append(Readout(identification_in(head), sets, body.check, raw))
            except DamagedTelegram as error:
                self.damage.note(str(error))
                inner = [match.start() for match in _IDENT.finditer(raw, 1)]  # another may begin in mid-line
                stop = inner[-1] if inner else stop
            del self._buffer[:stop]

    def _next(self, *, quiet: bool) -> "tuple[bytes, _Body] | None":
        """The identification line and body with which the buffer now begins, or None if more must come."""
        while True:
            ident = _IDENT.search(self._buffer)
            if ident is None:
                del self._buffer[: self._tail_of_noise()]
                return None
            head = ident.group()
            del self._buffer[: ident.start()]
            again = _IDENT_ON_A_NEW_LINE.search(self._buffer, len(head), READOUT_MAX)
            rest = bytes(self._buffer[len(head) : READOUT_MAX if again is None else again.start()])
            body = _body(rest, last=quiet or again is not None)
            if body is not None:
                return bytes(head), body
            if again is None and len(self._buffer) <= READOUT_MAX:
                return None
            self.damage.note("a readout has no end")
            del self._buffer[: len(head) if again is None else again.start()]

    def _tail_of_noise(self) -> int:
        """How many bytes can be thrown away: all but what may be the beginning of an identification line."""
        slash = self._buffer.find(b"/", max(0, len(self._buffer) - _IDENT_MAX))
        return len(self._buffer) if slash < 0 else slash


@dataclass(frozen=True, slots=True)
class _Body:
    data: bytes
    """The data sets, without the closing `!`."""
    check: Check | None
    end: int


def _body(rest: bytes, *, last: bool) -> _Body | None:
    """The body at the beginning of `rest`, what follows an identification line; None if its end is not there.

    `last` says that nothing more will come to it. What comes piece by piece is judged at the same byte as what comes whole.
    """
    stx, end = rest.find(STX), _END.search(rest)
    if stx >= 0 and (end is None or stx < end.start()):
        if b"(" in rest[:stx]:  # data before STX: a byte has become one
            return _Body(b"", None, stx + 1)
        return _framed_body(rest, stx + 1, last=last)
    if end is None:
        return None
    preamble = _PREAMBLE.match(rest)
    begin = 0 if preamble is None else preamble.end()
    return _Body(rest[begin : end.start()], Check.ABSENT, end.end())


def _framed_body(rest: bytes, begin: int, *, last: bool) -> _Body | None:
    etx, end = rest.find(ETX, begin), _END.search(rest, begin)
    if end is not None and (etx < 0 or end.end() < etx) and (last or end.end() < len(rest)):
        return _Body(rest[begin : end.start()], Check.ABSENT, end.end())
    if etx < 0 or etx + 1 >= len(rest):
        return None
    closing = _END_BEFORE_ETX.search(rest, max(begin, etx - 3))
    if closing is None or closing.end() != etx + 1 or block_check(rest[begin : etx + 1]) != rest[etx + 1]:
        return _Body(b"", None, etx + 1 if rest[etx + 1 : etx + 2] == b"/" else etx + 2)  # another may begin there
    return _Body(rest[begin : closing.start()], Check.VALID, etx + 2)


@dataclass(frozen=True, slots=True)
class Send:
    """Send `data`, and when it has left go on at `baud`."""

    data: bytes
    baud: int


@dataclass(frozen=True, slots=True)
class Switch:
    """Go on at `baud` without sending anything (mode B)."""

    baud: int


@dataclass(slots=True)
class Dialogue:
    """The reader's side of modes A, B and C. Send `request`, then feed it what comes and do what it says.

    What the head echoes of the reader's own light is passed over: `/?...` is no identification, and data begins at STX.
    """

    address: str = ""
    baud_max: int = 19_200
    identification: Identification | None = None
    readouts: ReadoutReader = field(default_factory=ReadoutReader)
    _heard: bytearray = field(default_factory=bytearray)

    @property
    def request(self) -> bytes:
        """The sign-on, sent at 300 Bd."""
        return request_message(self.address)

    def feed(self, piece: bytes) -> list[Send | Switch | Readout]:
        """What to do next, or the readout, which ends the dialogue."""
        if self.identification is not None:
            return list(self.readouts.feed(piece))
        self._heard += piece
        match = _IDENT.search(self._heard)
        if match is None:
            del self._heard[: max(0, len(self._heard) - _IDENT_MAX)]
            return []
        begin = match.start()
        self.identification = Identification(*(bytes(part).decode("latin-1") for part in match.groups()))
        steps: list[Send | Switch | Readout] = []
        match self.identification.mode:
            case "C":
                letter = self._letter(self.identification.baud_letter)
                steps.append(Send(acknowledgement(letter), _MODE_C_BAUDS[letter]))
            case "B":
                steps.append(Switch(self.identification.baud))
            case "A":
                pass
        return [*steps, *self.readouts.feed(bytes(self._heard[begin:]))]

    def line_quiet(self) -> list[Readout]:
        """See `ReadoutReader.line_quiet`."""
        return self.readouts.line_quiet()

    def _letter(self, offered: str) -> str:
        """The fastest speed that both sides can."""
        allowed = [letter for letter, baud in _MODE_C_BAUDS.items() if baud <= self.baud_max]
        return min(offered, max(allowed, default="0"))
