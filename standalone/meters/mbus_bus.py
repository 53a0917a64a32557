"""Simulated M-Bus slaves on one bus (EN 13757-2 and -3): answers, repeats by frame count bit, selection, collisions.

Knows nothing of the agent's own code: frames are taken apart and put together here a second time.
"""

import asyncio
import os
import termios
from dataclasses import dataclass, field
from pathlib import Path

from standalone.meters.serial_peer import SerialPeer

_ACK = b"\xe5"
_NKE, _REQUEST, _SEND = 0x40, 0x5B, 0x53
_COUNT_BIT = 0x20
_SELECTED, _ALL_ANSWER, _ALL_SILENT = 253, 254, 255


def long_frame(control: int, address: int, information: int, data: bytes) -> bytes:
    """A long frame with its lengths and checksum."""
    content = bytes((control, address, information)) + data
    return bytes((0x68, len(content), len(content), 0x68)) + content + bytes((sum(content) & 0xFF, 0x16))


@dataclass(slots=True)
class MbusSlave:
    """One meter: its addresses and the application data of its telegrams, in their order."""

    primary: int
    secondary: bytes
    """Eight bytes as on the wire: identification, manufacturer, version, medium."""
    telegrams: list[bytes]
    """Application data after the control information 72."""
    information: int = 0x72
    asked: list[int] = field(default_factory=list)
    """Control fields of the requests it has answered."""
    _selected: bool = False
    _count_bit: bool | None = None
    _at: int = 0

    def answer(self, frame: bytes) -> bytes:
        """What it sends back; nothing if it is not meant."""
        if frame[0] == 0x10:
            return self._short(frame[1], frame[2])
        return self._long(frame[4], frame[5], frame[6], frame[7:-2])

    def _short(self, control: int, address: int) -> bytes:
        if not self._meant(address):
            return b""
        if control & ~_COUNT_BIT == _NKE:
            self._count_bit, self._at = None, 0
            if address == _SELECTED:
                self._selected = False
            return b"" if address == _ALL_SILENT else _ACK
        if control & ~_COUNT_BIT != _REQUEST & ~_COUNT_BIT:
            return b""
        bit = bool(control & _COUNT_BIT)
        if self._count_bit is not None and bit is not self._count_bit:
            self._at = (self._at + 1) % len(self.telegrams)
        self._count_bit = bit
        self.asked.append(control)
        return long_frame(0x08, self.primary, self.information, self.telegrams[self._at])

    def _long(self, control: int, address: int, information: int, data: bytes) -> bytes:
        if control & ~_COUNT_BIT != _SEND & ~_COUNT_BIT or information != 0x52 or address != _SELECTED:
            return b""
        self._selected = len(data) == 8 and self._fits(data)
        self._count_bit, self._at = None, 0
        return _ACK if self._selected else b""

    def _meant(self, address: int) -> bool:
        return address in (self.primary, _ALL_ANSWER, _ALL_SILENT) or (address == _SELECTED and self._selected)

    def _fits(self, wanted: bytes) -> bool:
        digits = zip(wanted[:4].hex(), self.secondary[:4].hex(), strict=True)
        rest = [(wanted[4:6], b"\xff\xff"), (wanted[6:7], b"\xff"), (wanted[7:8], b"\xff")]
        mine = [self.secondary[4:6], self.secondary[6:7], self.secondary[7:8]]
        return all(a in ("f", b) for a, b in digits) and all(
            asked in (each, anything) for (asked, anything), each in zip(rest, mine, strict=True)
        )


@dataclass(slots=True)
class MbusBus:
    """All slaves on a pair of wires. What several send at once becomes garbage, as currents that add up do."""

    slaves: list[MbusSlave]
    echo: bool = False
    """The level converter hears itself."""
    lose: int = 0
    """How many of the next telegrams are lost on the way."""
    lose_acknowledgements: int = 0
    skew: int = 1
    """By how many bytes each slave answers later than the one before it."""
    garble: int = 0
    """How many of the next telegrams arrive with a wrong byte."""
    noise: bytes = b""
    """What the line makes of itself before each answer."""
    heard: list[bytes] = field(default_factory=list)
    _pending: bytes = b""

    def hear(self, data: bytes) -> bytes:
        """Take in what the master sends; returns what comes back."""
        back = data if self.echo else b""
        self._pending += data
        while frame := self._next_frame():
            self.heard.append(frame)
            back += self._answers(frame)
        return back

    def _next_frame(self) -> bytes:
        while self._pending and self._pending[0] not in (0x10, 0x68):
            self._pending = self._pending[1:]
        length = 5 if self._pending[:1] == b"\x10" else self._pending[1] + 6 if len(self._pending) > 1 else 261
        if len(self._pending) < length:
            return b""
        frame, self._pending = self._pending[:length], self._pending[length:]
        content = frame[1:-2] if length == 5 else frame[4:-2]
        return frame if sum(content) & 0xFF == frame[-2] and frame[-1] == 0x16 else self._next_frame()

    def _answers(self, frame: bytes) -> bytes:
        answers = [answer for slave in self.slaves if (answer := slave.answer(frame))]
        if not answers:
            return b""
        back = answers[0]
        for place, other in enumerate(answers[1:], start=1):  # a line at rest is all ones: zeros win, bit by bit
            late = b"\xff" * (self.skew * place) + other
            length = max(len(back), len(late))
            back = bytes(a & b for a, b in zip(back.ljust(length, b"\xff"), late.ljust(length, b"\xff"), strict=True))
        return self.noise + self._on_the_way(back)

    def _on_the_way(self, answer: bytes) -> bytes:
        if len(answer) == 1 and self.lose_acknowledgements:
            self.lose_acknowledgements -= 1
            return b""
        if len(answer) > 1 and self.lose:
            self.lose -= 1
            return b""
        if len(answer) > 1 and self.garble:
            self.garble -= 1
            return answer[:-2] + bytes((answer[-2] ^ 1, answer[-1]))
        return answer


async def run_bus_on_serial(bus: MbusBus, link: Path, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Answer at the pseudo terminal `link` until `stop`."""
    with SerialPeer(link) as line:
        ready.set()
        stopped = asyncio.create_task(stop.wait())
        while not stop.is_set():
            heard = asyncio.create_task(line.receive())
            await asyncio.wait((stopped, heard), return_when=asyncio.FIRST_COMPLETED)
            if heard.done():
                _forget_settings(link)
                line.send(bus.hear(heard.result()))
            else:
                heard.cancel()


def _forget_settings(link: Path) -> None:
    """Set another speed: a pseudo terminal keeps no parity, and refuses to be set to what it is set to already."""
    descriptor = os.open(link, os.O_RDWR | os.O_NOCTTY)
    try:
        attributes = termios.tcgetattr(descriptor)
        attributes[4] = attributes[5] = termios.B50
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
    finally:
        os.close(descriptor)


async def run_bus_on_tcp(bus: MbusBus, host: str, port: int, stop: asyncio.Event) -> None:
    """Answer every connection to `host`:`port` until `stop`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1024):
                writer.write(bus.hear(data))
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port)
    try:
        await stop.wait()
    finally:
        server.close()
        await server.wait_closed()
