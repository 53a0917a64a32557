"""Serial lines under test: pseudo terminals on which a meter, a modem or only noise is heard."""

import asyncio
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from community.metering.dlms.encode import MeterModel, PushMeter, encode_push_frame
from standalone.meters.serial_peer import SerialPeer
from tests.support.agents import METER_KEY

EVERY_S = 0.05
TITLE = b"LGZ\x00gr\x00\x48"
SERIAL = "LGZ" + TITLE[3:].hex()
_SPEED = 5

Say = Callable[[int], bytes]
"""What a line says at each step, 20 steps a second; nothing for silence."""


@dataclass(frozen=True, slots=True)
class Flat:
    """An E450 whose registers rise by `rise_wh` with each telegram."""

    key: bytes = METER_KEY
    rise_wh: int = 1
    power_w: int = 500
    ahead_s: int = 0
    title: bytes = TITLE

    def telegram(self, step: int) -> bytes:
        """The frame of a step, stamped with this very second."""
        at = datetime.now(UTC) + timedelta(seconds=self.ahead_s)
        registers = {"1-0:1.8.0": 4_500_000 + step * self.rise_wh, "1-0:1.7.0": self.power_w}
        return encode_push_frame(PushMeter(MeterModel.E450, self.title, self.key), 1000 + step, at, registers)


def silence(_step: int) -> bytes:
    """Nothing at all."""
    return b""


def noise(step: int) -> bytes:
    """What a line of another speed sounds like: the same few bits again and again, of no structure."""
    return bytes((step * 37 + at * 113) & 0xF8 | 0x80 for at in range(40))


def damaged(say: Say) -> Say:
    """`say` with one byte near the end of each frame altered."""

    def altered(step: int) -> bytes:
        frame = bytearray(say(step))
        frame[-10] ^= 0x20
        return bytes(frame)

    return altered


@asynccontextmanager
async def line_that_says(link: Path, say: Say, *, only_at_baud: int | None = None) -> AsyncIterator[SerialPeer]:
    """A port at `link`. With `only_at_baud` it says noise to whoever listens at another speed."""
    speed = None if only_at_baud is None else getattr(termios, f"B{only_at_baud}")
    with SerialPeer(link) as peer:

        async def talk() -> None:
            step = 0
            while True:
                right = speed is None or termios.tcgetattr(peer._far)[_SPEED] == speed
                if words := say(step) if right else noise(step):
                    peer.send(words)
                step += 1
                await asyncio.sleep(EVERY_S)

        talking = asyncio.create_task(talk())
        try:
            yield peer
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)


@asynccontextmanager
async def modem_that_answers(link: Path, answers: dict[str, str]) -> AsyncIterator[None]:
    """A port at `link` that answers each AT line by the longest of `answers` that begins it."""
    with SerialPeer(link) as peer:

        async def answer() -> None:
            text = ""
            while True:
                text += (await peer.receive()).decode("ascii")
                *lines, text = text.split("\r\n")
                for line in lines:
                    fitting = [head for head in answers if line.startswith(head)]
                    if fitting:
                        peer.send(f"{answers[max(fitting, key=len)]}\r\n".encode())

        answering = asyncio.create_task(answer())
        try:
            yield
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
