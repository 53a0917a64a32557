"""A LoRa-E5 modem on a serial line: one command at a time, its answers whole, refusals as errors."""

import asyncio
import contextlib

from community.errors import FatalError, RetryableError
from gateway_agent.meters.serial_line import SerialLine
from gateway_agent.protocols import at_commands
from gateway_agent.protocols.at_commands import Answer, Command, LineBuffer, ModemBusy, ModemFailure

BAUD = 9600
ANSWER_TIMEOUT_S = 15.0
"""An uplink at SF12 with both receive windows takes about 6 s."""


class ModemUnavailable(RetryableError):
    """The modem does not answer or the network does not let it in."""


class ModemNotNow(ModemUnavailable):
    """The modem is busy, or must keep silent for `wait_s` seconds."""

    def __init__(self, text: str, wait_s: float) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class NoAnswer(ModemUnavailable):
    """The modem said nothing that ends the command: it may have done it, or not."""


class ModemLink:
    """The modem at the other end of an open line."""

    def __init__(self, line: SerialLine, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._line = line
        self._lines = LineBuffer()
        self._timeout_s = answer_timeout_s

    async def ask(self, command: Command) -> str:
        """Send `command` and return the line that ends it. Raises ModemNotNow, ModemUnavailable."""
        return (await self.exchange(command))[-1]

    async def exchange(self, command: Command) -> list[str]:
        """Send `command` and return all lines up to the one that ends it. Raises ModemNotNow, ModemUnavailable."""
        await self._line.write(command.encoded())
        heard: list[str] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                while True:
                    for answer in self._lines.feed(await self._line.read(self._timeout_s)):
                        heard.append(answer)
                        try:
                            if command.judge(answer) is Answer.DONE:
                                return heard
                        except ModemBusy as busy:
                            raise ModemNotNow(str(busy), busy.wait_s) from busy
                        except ModemFailure as error:
                            raise ModemUnavailable(f"the modem refuses {command.line[:16]}: {error}") from error
        raise NoAnswer(f"no answer to {command.line[:16]} in {self._timeout_s:g} s")

    async def begin(self, device: str, eui: bytes) -> None:
        """Check whose modem it is and join the network. Raises FatalError for another device's modem."""
        try:
            await self.ask(at_commands.hello())
            found = at_commands.parse_device_eui(await self.ask(at_commands.device_eui()))
            if found != eui:
                raise FatalError(
                    f"The modem at {device} is device {found.hex()}, but device.eui is {eui.hex()}. Correct one of them."
                )
            await self.ask(at_commands.join())
        except ModemFailure as error:
            raise ModemUnavailable(f"the modem cannot join now: {error}") from error
