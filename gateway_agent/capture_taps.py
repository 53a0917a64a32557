"""Taps: a meter talks to its line through them, and every byte is seen. The meter's own code knows nothing of it.

A serial tap is a pseudo terminal between the meter and the real port, a TCP tap a relay on the loopback address.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway_agent.capture import Way
from gateway_agent.detection import LineSettings
from gateway_agent.diagnosis import LineErrors
from gateway_agent.meters.serial_line import LineLost, SerialLine

See = Callable[[Way, bytes], None]

_PIECE_MAX = 4096
_REOPEN_S = 1.0
_LOOK_S = 0.02
_OUTPUT_SPEED = 5
_SPEEDS = {
    getattr(termios, f"B{baud}"): baud for baud in (300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
}
_GET_COUNTERS = 0x545D  # TIOCGICOUNT of Linux: what a serial driver has counted since it was loaded
_COUNTERS = struct.Struct("11i9i")
_FRAMING, _OVERRUN, _PARITY, _BREAK = 6, 7, 8, 9


class SerialTap:
    """Between `port` and whoever opens `near`. Raises LineLost on entry if the port cannot be opened."""

    def __init__(self, port: str, settings: LineSettings, see: See, lost: Callable[[str], None]) -> None:
        self._port = port
        self._settings = settings
        self._see = see
        self._lost = lost
        self._line: SerialLine | None = None
        self._far, self._meter_side = -1, -1
        self._task: asyncio.Task[None] | None = None
        self._to_meter = asyncio.Event()
        self._from_meter: asyncio.Queue[bytes] = asyncio.Queue(maxsize=256)
        self.near = ""

    async def __aenter__(self) -> Self:
        line = await open_line(self._port, self._settings)
        self._far, self._meter_side = os.openpty()
        tty.setraw(self._meter_side)
        os.set_blocking(self._far, False)
        self.near = os.ttyname(self._meter_side)
        _unset_speed(self._meter_side)
        asyncio.get_running_loop().add_reader(self._far, self._take_from_meter)
        self._task = asyncio.create_task(self._relay(line))
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._far)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        os.close(self._far)
        os.close(self._meter_side)

    async def _relay(self, line: SerialLine) -> None:
        while True:
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._from_line(line))
                    both.create_task(self._to_line(line))
                    both.create_task(self._follow_speed(line))
            except* LineLost as group:
                self._lost(str(group.exceptions[0]))
            finally:
                await line.__aexit__(None, None, None)
            line = await self._reopened()

    async def _reopened(self) -> SerialLine:
        while True:
            await asyncio.sleep(_REOPEN_S)
            with contextlib.suppress(LineLost):
                return await open_line(self._port, self._settings)

    async def _from_line(self, line: SerialLine) -> None:
        while True:
            if data := await line.read(1.0):
                self._see(Way.IN, data)
                with contextlib.suppress(BlockingIOError):  # a meter object that reads nothing loses what it could read
                    os.write(self._far, data)

    async def _to_line(self, line: SerialLine) -> None:
        while True:
            data = await self._from_meter.get()
            self._see(Way.OUT, data)
            await line.write(data)

    async def _follow_speed(self, line: SerialLine) -> None:
        """A meter that is asked at 300 Bd agrees on more: what the reader sets here is set on the real port."""
        present = self._settings.baud
        while True:
            await asyncio.sleep(_LOOK_S)
            wanted = _SPEEDS.get(termios.tcgetattr(self._far)[_OUTPUT_SPEED], present)
            if wanted != present:
                await line.switch(wanted)
                present = wanted

    def _take_from_meter(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError, asyncio.QueueFull):
            self._from_meter.put_nowait(os.read(self._far, _PIECE_MAX))


class TcpTap:
    """Between `host`:`port` and whoever connects to 127.0.0.1:`near_port`."""

    def __init__(self, host: str, port: int, see: See, lost: Callable[[str], None]) -> None:
        self._host = host
        self._port = port
        self._see = see
        self._lost = lost
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.near_port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.near_port = self._server.sockets[0].getsockname()[1]
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

    async def _connected(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
        try:
            far_in, far_out = await asyncio.open_connection(self._host, self._port)
        except OSError as error:
            self._lost(f"{self._host}:{self._port} cannot be reached: {error.strerror or error}")
            near_out.close()
            return
        pumps = [
            asyncio.create_task(self._pump(near_in, far_out, Way.OUT)),
            asyncio.create_task(self._pump(far_in, near_out, Way.IN)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for writer in (near_out, far_out):
                writer.close()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, way: Way) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(_PIECE_MAX):
                self._see(way, data)
                target.write(data)
                await target.drain()


async def open_line(port: str, settings: LineSettings) -> SerialLine:
    """The open port. Raises LineLost."""
    line = SerialLine(port, settings.baud, settings.bits)
    await line.__aenter__()
    return line


def line_errors(port: str) -> LineErrors | None:
    """What the port's driver has counted so far; None for a driver that does not count, or no such port."""
    try:
        descriptor = os.open(port, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        counted = _COUNTERS.unpack(fcntl.ioctl(descriptor, _GET_COUNTERS, bytes(_COUNTERS.size)))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return LineErrors(counted[_FRAMING], counted[_PARITY], counted[_OVERRUN], counted[_BREAK])


def errors_between(before: LineErrors | None, after: LineErrors | None) -> LineErrors | None:
    """What was counted from `before` to `after`."""
    if before is None or after is None:
        return None
    return LineErrors(
        after.framing - before.framing,
        after.parity - before.parity,
        after.overrun - before.overrun,
        after.breaks - before.breaks,
    )


def port_trouble(port: str) -> str:
    """Why `port` cannot be opened, in words, with what to do; empty if it can."""
    path = Path(port)
    if not path.exists():
        near = sorted(str(each) for each in Path("/dev/serial/by-id").glob("*"))
        return f"there is no {port}. " + (f"These are plugged in: {', '.join(near)}" if near else "Plug the head in.")
    try:
        os.close(os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError as error:
        match error.errno:
            case errno.EACCES | errno.EPERM:
                return f"{port} may not be opened by this user: add the user to the group dialout and log in again."
            case errno.EBUSY:
                return f"{port} is in use by another program: stop it (systemctl stop gateway-agent) and try again."
            case _:
                return f"{port} cannot be opened: {error.strerror}"
    return ""


def _unset_speed(descriptor: int) -> None:
    """A speed that no meter has: a pseudo terminal refuses to be set to what it is set to already."""
    attributes = termios.tcgetattr(descriptor)
    attributes[_OUTPUT_SPEED - 1] = attributes[_OUTPUT_SPEED] = termios.B134
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
