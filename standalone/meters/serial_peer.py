"""The far end of a simulated serial line: a pseudo terminal with a steady name."""

import asyncio
import contextlib
import os
import termios
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

_PIECE_MAX = 4096
_BAUDS = (300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 115_200)


class SerialPeer:
    """Makes `link` point at a new pseudo terminal. Use as a context manager."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._far, self._near = -1, -1
        self._readable = asyncio.Event()

    def __enter__(self) -> Self:
        self._far, self._near = os.openpty()
        tty.setraw(self._near)  # and kept open, so that a reader may come and go
        os.set_blocking(self._far, False)
        self._link.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._link.with_name(f"{self._link.name}.new")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.ttyname(self._near))
        temporary.replace(self._link)
        asyncio.get_running_loop().add_reader(self._far, self._readable.set)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._far)
        self._link.unlink(missing_ok=True)
        os.close(self._far)
        os.close(self._near)

    @property
    def baud(self) -> int:
        """The speed to which the near end is set."""
        speed = termios.tcgetattr(self._near)[4]
        return next((baud for baud in _BAUDS if getattr(termios, f"B{baud}") == speed), 0)

    def send(self, data: bytes) -> None:
        """Put `data` on the line. What nobody reads in time is lost, as light in an empty room is."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._far, data)

    async def receive(self) -> bytes:
        """The next bytes from the near end."""
        while True:
            await self._readable.wait()
            self._readable.clear()
            with contextlib.suppress(BlockingIOError):
                return os.read(self._far, _PIECE_MAX)
