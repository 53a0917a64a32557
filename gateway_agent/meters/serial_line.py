"""A serial line as a stream of byte pieces in asyncio: a USB head, a UART or a pseudo terminal."""

import asyncio
import contextlib
import os
import select
import termios
from pathlib import Path
from types import TracebackType
from typing import Self

import serial

from community.errors import RetryableError

_PIECE_MAX = 4096
_BITS_OF_A_BYTE = 10
"""With start and stop bit."""
_SERVED_FORMAT = "8N1"
"""What a pseudo terminal carries, whatever is asked of it."""
_BITS = {"8N1": (8, "N", 1), "8E1": (8, "E", 1), "7E1": (7, "E", 1), "8O1": (8, "O", 1), "8N2": (8, "N", 2)}


class LineLost(RetryableError):
    """The port is not there, or went away."""


class SerialLine:
    """An open port. Use as an async context manager; raises LineLost when the device is unplugged."""

    def __init__(self, path: str, baud: int, bits_format: str = "8N1") -> None:
        self.path = path
        self._baud = baud
        self._format = bits_format
        self._port: serial.Serial | None = None
        self._readable = asyncio.Event()

    async def __aenter__(self) -> Self:
        size, parity, stop = _BITS[_SERVED_FORMAT if _is_pseudo_terminal(self.path) else self._format]
        try:
            self._port = serial.Serial(
                self.path, self._baud, bytesize=size, parity=parity, stopbits=stop, timeout=0, write_timeout=5
            )
            self._port.reset_input_buffer()  # what was said before we listened is of no use
        except (OSError, serial.SerialException, termios.error) as error:
            raise LineLost(f"The port {self.path} cannot be opened: {error}. Is the device plugged in?") from error
        asyncio.get_running_loop().add_reader(self._port.fileno(), self._readable.set)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back; closing twice is no mistake."""
        if self._port is not None:
            asyncio.get_running_loop().remove_reader(self._port.fileno())
            with contextlib.suppress(OSError, termios.error):
                self._port.close()
            self._port = None

    async def read(self, timeout_s: float) -> bytes:
        """The next bytes; nothing if none came in `timeout_s`. Raises LineLost."""
        port = self._opened()
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    await self._readable.wait()
                    self._readable.clear()
                    if piece := self._read_now(port.fileno()):
                        return piece
        except TimeoutError:
            return b""

    def _read_now(self, descriptor: int) -> bytes:
        """What is there, perhaps nothing: the same bytes may have announced themselves twice. Raises LineLost."""
        try:
            piece = os.read(descriptor, _PIECE_MAX)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LineLost(f"The port {self.path} went away: {error.strerror}") from error
        if not piece and _hung_up(descriptor):
            raise LineLost(f"The port {self.path} was closed at the other end")
        return piece

    async def write(self, data: bytes) -> None:
        """Send `data`. Raises LineLost."""
        port = self._opened()
        try:
            await asyncio.to_thread(port.write, data)
        except (OSError, serial.SerialException) as error:
            raise LineLost(f"The port {self.path} takes nothing: {error}") from error

    async def switch(self, baud: int) -> None:
        """Go on at `baud`. Raises LineLost."""
        port = self._opened()
        try:
            port.baudrate = baud
        except (OSError, ValueError, serial.SerialException, termios.error) as error:
            raise LineLost(f"The port {self.path} cannot be set to {baud} Bd: {error}") from error
        self._baud = baud

    async def write_and_switch(self, data: bytes, baud: int) -> None:
        """Send `data`, and when its last bit has left go on at `baud`. Raises LineLost."""
        port = self._opened()
        loop = asyncio.get_running_loop()
        gone_at = loop.time() + len(data) * _BITS_OF_A_BYTE / self._baud
        await self.write(data)
        try:
            await asyncio.to_thread(port.flush)
        except (OSError, serial.SerialException, termios.error) as error:
            raise LineLost(f"The port {self.path} takes nothing: {error}") from error
        await asyncio.sleep(gone_at - loop.time())  # a USB adapter has it all before the line has it
        await self.switch(baud)

    def _opened(self) -> serial.Serial:
        if self._port is None:
            raise LineLost(f"The port {self.path} is not open")
        return self._port


def _is_pseudo_terminal(path: str) -> bool:
    """Whether `path` leads to a terminal without a line: it has no parity, and refuses to be given one."""
    return Path(path).resolve().is_relative_to("/dev/pts")


def _hung_up(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))  # with no events asked for, only hang-up and errors are reported
