"""The way to an M-Bus: a level converter on a serial port, or a converter that carries the same bytes over TCP."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Protocol

from gateway_agent.meters.serial_line import LineLost, SerialLine

_PIECE_MAX = 4096
_CONNECT_S = 5.0


class MbusLine(Protocol):
    """An open line."""

    async def read(self, timeout_s: float) -> bytes:
        """The next bytes; nothing if none came in `timeout_s`. Raises LineLost."""
        ...

    async def write(self, data: bytes) -> None:
        """Send `data`. Raises LineLost."""
        ...


class MbusLink(Protocol):
    """A bus that can be opened. One talks at a time."""

    @property
    def where(self) -> str:
        """For messages."""
        ...

    @property
    def baud(self) -> int: ...

    @property
    def slack_s(self) -> float:
        """What the way itself may add to an answer's delay."""
        ...

    def opened(self) -> contextlib.AbstractAsyncContextManager[MbusLine]:
        """The line, alone, until the context ends. Raises LineLost."""
        ...

    def close(self) -> None:
        """Let go of what stays open between two uses."""
        ...


class MbusSerialLink:
    """A level converter on a serial port.

    The port stays open from the first use on: many converters feed the bus from its control lines, and meters that lose
    their power at each closing are not ready at the next reading.
    """

    def __init__(self, port: str, baud: int = 2400, bits_format: str = "8E1", slack_s: float = 0.15) -> None:
        self.where = port
        self.baud = baud
        self.slack_s = slack_s
        self._format = bits_format
        self._alone = asyncio.Lock()
        self._line: SerialLine | None = None

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncGenerator[MbusLine, None]:
        """The open port. Raises LineLost; after that it is opened anew."""
        async with self._alone:
            if self._line is None:
                self._line = await SerialLine(self.where, self.baud, self._format).__aenter__()
            try:
                yield self._line
            except LineLost:
                self.close()
                raise

    def close(self) -> None:
        """Give the port back."""
        line, self._line = self._line, None
        if line is not None:
            line.close()


class MbusTcpLink:
    """A converter with a network address. `baud` is that of the bus behind it: it says how long an answer takes."""

    def __init__(self, host: str, port: int, baud: int = 2400, slack_s: float = 0.5) -> None:
        self.where = f"{host}:{port}"
        self.baud = baud
        self.slack_s = slack_s
        self._host = host
        self._port = port
        self._alone = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncGenerator[MbusLine, None]:
        """The open connection. Raises LineLost."""
        async with self._alone:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    reader, writer = await asyncio.open_connection(self._host, self._port)
            except (OSError, TimeoutError) as error:
                raise LineLost(f"No M-Bus converter answers at {self.where}: {error}. Is the address right?") from error
            try:
                yield _TcpLine(self.where, reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    def close(self) -> None:
        """Nothing stays open between two uses: converters of this kind feed the bus themselves."""


class _TcpLine:
    def __init__(self, where: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._where = where
        self._reader = reader
        self._writer = writer

    async def read(self, timeout_s: float) -> bytes:
        try:
            async with asyncio.timeout(timeout_s):
                piece = await self._reader.read(_PIECE_MAX)
        except TimeoutError:
            return b""
        except OSError as error:
            raise LineLost(f"The connection to {self._where} broke: {error}") from error
        if not piece:
            raise LineLost(f"The converter at {self._where} hung up")
        return piece

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise LineLost(f"The connection to {self._where} broke: {error}") from error
