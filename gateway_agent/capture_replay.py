"""Plays a capture back: to the meter's own code it is the port, and the clock is the capture's.

Nothing is signed, kept or sent from a replay: a recording is no reading.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from community.errors import RetryableError
from gateway_agent.capture import Heard, Way

ANSWER_WITHIN_S = 5.0
SETTLE_S = 0.5
"""After the last byte: longer than any meter's pause that ends a telegram."""
_PIECE_MAX = 2048
"""Half of what a terminal holds."""
_SPEED = 5
_NOBODY = termios.B134
"""A speed that no meter has."""
_TRANSACTION = 2


class ReplayDiverged(RetryableError):
    """The meter's code asks otherwise than it did when the capture was made."""


class RecordedTime:
    """A clock that stands at the instant of the piece that was played last. Is a `community.clock.Clock`."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The instant of the newest piece."""
        return self._now

    async def sleep_until(self, _instant: datetime) -> None:
        """Nothing waits in a replay: it is as fast as the reader."""

    def move_to(self, instant: datetime) -> None:
        """Never back."""
        self._now = max(self._now, instant)


class SerialReplay:
    """A pseudo terminal at `near` that says what the capture's meter said, when it was asked as in the capture."""

    def __init__(self, pieces: Sequence[Heard], clock: RecordedTime, *, real_time: bool = False) -> None:
        self._pieces = pieces
        self._clock = clock
        self._real_time = real_time
        self._far, self._meter_side = -1, -1
        self._asked = asyncio.Event()
        self.near = ""

    async def __aenter__(self) -> Self:
        self._far, self._meter_side = os.openpty()
        tty.setraw(self._meter_side)
        os.set_blocking(self._far, False)
        attributes = termios.tcgetattr(self._meter_side)
        attributes[_SPEED] = attributes[_SPEED - 1] = _NOBODY
        termios.tcsetattr(self._meter_side, termios.TCSANOW, attributes)
        self.near = os.ttyname(self._meter_side)
        asyncio.get_running_loop().add_reader(self._far, self._take_question)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._far)
        os.close(self._far)
        os.close(self._meter_side)

    async def play(self) -> None:
        """Say everything, then wait until the reader must have noticed the silence. Raises ReplayDiverged."""
        await self._reader_to_come()
        before: datetime | None = None
        for piece in self._pieces:
            if self._real_time and before is not None:
                await asyncio.sleep(max(0.0, (piece.at - before).total_seconds()))
            before = piece.at
            if piece.way is Way.OUT:
                await self._question()
                continue
            self._clock.move_to(piece.at)
            await self._say(piece.data)
        await asyncio.sleep(SETTLE_S)

    async def _reader_to_come(self) -> None:
        """Whoever opens the port sets its speed, and empties its buffer."""
        while termios.tcgetattr(self._far)[_SPEED] == _NOBODY:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)

    async def _question(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._asked.wait()
        except TimeoutError:
            raise ReplayDiverged("The capture goes on with a question to the meter, and none was asked.") from None
        self._asked.clear()

    async def _say(self, data: bytes) -> None:
        while data:
            size = os.write(self._far, data[:_PIECE_MAX])
            data = data[size:]
            self._until_it_arrived(size)
            while _unread(self._meter_side):  # noqa: ASYNC110 - no event tells; the clock stands still until this is digested
                await asyncio.sleep(0)
            await asyncio.sleep(0)

    def _until_it_arrived(self, size: int) -> None:
        """A terminal hands bytes on a moment later. Nothing else runs here meanwhile, so nobody can take them first."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + ANSWER_WITHIN_S
        while _unread(self._meter_side) < size and loop.time() < deadline:
            os.sched_yield()

    def _take_question(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.read(self._far, _PIECE_MAX)
            self._asked.set()


class TcpReplay:
    """A server at 127.0.0.1:`near_port` that answers each question as the capture's meter did."""

    def __init__(self, pieces: Sequence[Heard], clock: RecordedTime) -> None:
        self._exchanges = _exchanges(pieces)
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.near_port = 0
        self.exhausted = asyncio.Event()
        self.diverged = 0
        """Questions that were not those of the capture."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.near_port = self._server.sockets[0].getsockname()[1]
        if not self._exchanges:
            self.exhausted.set()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
        try:
            while question := await reader.read(_PIECE_MAX):
                if not self._exchanges:
                    break
                asked, answer = self._exchanges.pop(0)
                self.diverged += asked.data[_TRANSACTION:] != question[_TRANSACTION:]
                if answer:
                    self._clock.move_to(answer[-1].at)
                    words = b"".join(piece.data for piece in answer)
                    # A Modbus answer repeats the number of its question, which is new with every connection.
                    writer.write(question[:_TRANSACTION] + words[_TRANSACTION:])
                    await writer.drain()
                if not self._exchanges:
                    self.exhausted.set()
        finally:
            writer.close()


def _exchanges(pieces: Sequence[Heard]) -> list[tuple[Heard, list[Heard]]]:
    """Each question with the pieces of its answer."""
    exchanges: list[tuple[Heard, list[Heard]]] = []
    for piece in pieces:
        if piece.way is Way.OUT:
            exchanges.append((piece, []))
        elif exchanges:
            exchanges[-1][1].append(piece)
    return exchanges


def _unread(descriptor: int) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    return int(count)
