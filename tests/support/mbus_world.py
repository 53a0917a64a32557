"""A simulated M-Bus with slaves, reached over a pseudo terminal, over TCP, or without any line in between."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Literal

from gateway_agent.meters.mbus_line import MbusLine, MbusLink, MbusSerialLink, MbusTcpLink
from standalone.meters.mbus_bus import MbusBus, MbusSlave, run_bus_on_serial, run_bus_on_tcp
from tests.support.brokers import free_port
from tests.support.ports import accepting

Way = Literal["serial", "tcp", "direct"]
BAUD = 38_400
SLACK_S = 0.05
"""A simulated slave answers at once; this is for a busy machine."""


def identification(digits: str) -> bytes:
    """Eight digits as on the wire."""
    return bytes.fromhex(digits)[::-1]


def slave(primary: int, digits: str, *records: str, maker: int = 0x2C2D, medium: int = 2, status: int = 0) -> MbusSlave:
    """A meter with one telegram for each text of `records`, which is hexadecimal."""
    who = identification(digits) + maker.to_bytes(2, "little") + bytes((1, medium))
    head = who + bytes((0, status, 0, 0))
    return MbusSlave(primary, who, [head + bytes.fromhex(each) for each in records])


class DirectLink:
    """Answers are there as soon as the question is asked: silence needs no waiting."""

    where, baud, slack_s = "direct", BAUD, SLACK_S

    def __init__(self, bus: MbusBus) -> None:
        self._bus = bus
        self._back = b""

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncGenerator[MbusLine, None]:
        """This link is its own line."""
        yield self

    async def read(self, _timeout_s: float) -> bytes:
        """What came back."""
        back, self._back = self._back, b""
        return back

    async def write(self, data: bytes) -> None:
        """Ask the bus."""
        self._back += self._bus.hear(data)

    def close(self) -> None:
        """Nothing is open."""


@contextlib.asynccontextmanager
async def serving(bus: MbusBus, way: Way, folder: Path) -> AsyncGenerator[MbusLink, None]:
    """The way to `bus` while it answers."""
    if way == "direct":
        yield DirectLink(bus)
        return
    stop = asyncio.Event()
    link: MbusLink
    if way == "serial":
        ready, path = asyncio.Event(), folder / "mbus"
        task = asyncio.create_task(run_bus_on_serial(bus, path, stop, ready))
        await ready.wait()
        link = MbusSerialLink(str(path), BAUD, slack_s=SLACK_S)
    else:
        port = free_port()
        task = asyncio.create_task(run_bus_on_tcp(bus, "127.0.0.1", port, stop))
        await accepting(port)
        link = MbusTcpLink("127.0.0.1", port, BAUD, slack_s=SLACK_S)
    try:
        yield link
    finally:
        link.close()
        stop.set()
        await task
