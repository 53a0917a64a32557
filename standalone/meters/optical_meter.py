"""A D0 meter behind an optical head: it answers the sign-on at 300 Bd and changes its speed as IEC 62056-21 mode C says.

What is sent or heard at another speed than the meter's arrives as garbage, as on a real line.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from standalone.meters.serial_peer import SerialPeer

SIGN_ON_BAUD = 300
BAUDS = {
    **dict(zip("0123456", (300, 600, 1200, 2400, 4800, 9600, 19_200), strict=True)),
    **dict(zip("ABCDEF", (600, 1200, 2400, 4800, 9600, 19_200), strict=True)),
}
_SIGN_ON = re.compile(rb"/\?([0-9A-Za-z ]*)!\r\n")
_ACKNOWLEDGEMENT = re.compile(rb"\x060([0-6])0\r\n")
_BAUD_CHANGE_S = 5.0
_LOOK_S = 0.005


def readout(registers: dict[str, str]) -> bytes:
    """The data message with its block check character: STX, a line for each register, `!`, ETX, BCC."""
    lines = "".join(f"{code}({value})\r\n" for code, value in registers.items())
    block = f"{lines}!\r\n".encode("ascii") + b"\x03"
    check = 0
    for byte in block:
        check ^= byte
    return b"\x02" + block + bytes([check])


@dataclass(slots=True)
class OpticalMeter:
    """The meter's side of the dialogue. Its letter says the mode: a digit is mode C, A to F mode B, anything else mode A."""

    registers: Callable[[datetime], dict[str, str]]
    """What it says at an instant: value and unit by address."""
    identification: str = "ISK5ME172-0001"
    """Maker, baud letter, text."""
    address: str = ""
    echoes: bool = True
    """The head hears its own light."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    spoil: Callable[[bytes], bytes] = lambda data: data
    """What the line makes of the data message."""
    readouts: int = field(default=0, init=False)

    async def run(self, link: Path, stop: asyncio.Event) -> None:
        """Answer on the pseudo terminal at `link` until `stop`."""
        with SerialPeer(link) as line:
            task = asyncio.create_task(self._serve(line))
            try:
                await stop.wait()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _serve(self, line: SerialPeer) -> None:
        heard = b""
        while True:
            piece = await line.receive()
            heard = (heard + piece)[-64:] if line.baud == SIGN_ON_BAUD else b""
            request = _SIGN_ON.search(heard)
            if request is None or request[1].decode("ascii") not in ("", self.address):
                continue
            if self.echoes:
                line.send(request[0])
            self._send(line, f"/{self.identification}\r\n".encode("ascii"), SIGN_ON_BAUD)
            heard = b""
            baud = await self._agreed_baud(line)
            if baud is not None:
                self._send(line, self.spoil(readout(self.registers(self.now()))), baud)
                self.readouts += 1

    async def _agreed_baud(self, line: SerialPeer) -> int | None:
        """The speed of the data message, when the line has it; None if the reader wants none."""
        letter = self.identification[3]
        if letter not in BAUDS:
            return SIGN_ON_BAUD
        baud = BAUDS[letter]
        try:
            async with asyncio.timeout(_BAUD_CHANGE_S):
                if letter.isdigit():
                    heard = b""
                    while (answer := _ACKNOWLEDGEMENT.search(heard)) is None:
                        heard += await line.receive()
                    if self.echoes:
                        line.send(answer[0])
                    baud = BAUDS[answer[1].decode("ascii")]
                while line.baud != baud:  # noqa: ASYNC110 - the change of speed announces itself to nobody
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            return baud if not letter.isdigit() else None
        return baud

    @staticmethod
    def _send(line: SerialPeer, data: bytes, baud: int) -> None:
        line.send(data if line.baud == baud else bytes(byte ^ 0x55 for byte in data))
