"""Legacy payloads over a LoRa-E5 modem: each reading is the meter's own telegram, its digest and its signature."""

import asyncio
import contextlib

import structlog

from community.errors import FatalError, RetryableError
from gateway_agent.meters.serial_line import SerialLine
from gateway_agent.protocols import at_commands
from gateway_agent.protocols.at_commands import Answer, Command, LineBuffer, ModemFailure
from gateway_agent.secure_element.signer import Signer
from gateway_agent.spool import Spool
from gateway_agent.statements import legacy_payload

log = structlog.get_logger(__name__)

BAUD = 9600
ANSWER_TIMEOUT_S = 15.0
"""An uplink at SF12 with both receive windows takes about 6 s."""
RETRY_S = 5.0


class ModemUnavailable(RetryableError):
    """The modem does not answer or the network does not let it in."""


class LorawanModemUplink:
    """Signs telegrams, keeps the payloads in the spool and sends them unconfirmed. `wake` after adding a reading."""

    def __init__(
        self,
        device: str,
        eui: bytes,
        signer: Signer,
        spool: Spool,
        *,
        development_key: bool,
        f_port: int = 1,
        data_rate: int = 5,
    ) -> None:
        self._device = device
        self._eui = eui
        self._signer = signer
        self._spool = spool
        self._f_port = f_port
        self._data_rate = data_rate
        self._development_key = development_key
        self._something_new = asyncio.Event()

    def wake(self) -> None:
        """There is a new reading."""
        self._something_new.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`. A modem that is away is tried again for ever; the spool holds what waits."""
        stopped = asyncio.create_task(stop.wait())
        sending = asyncio.create_task(self._send_for_ever())
        try:
            await asyncio.wait({stopped, sending}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            stopped.cancel()
            sending.cancel()
            await asyncio.gather(stopped, sending, return_exceptions=True)

    async def _send_for_ever(self) -> None:
        while True:
            try:
                async with SerialLine(self._device, BAUD) as line:
                    modem = _Modem(line)
                    await self._set_up(modem)
                    while True:
                        self._something_new.clear()
                        self._sign_waiting()
                        await self._send_waiting(modem)
                        await self._something_new.wait()
            except RetryableError as error:
                log.warning("modem_unavailable", device=self._device, reason=str(error), retry_s=RETRY_S)
                await asyncio.sleep(RETRY_S)

    async def _set_up(self, modem: "_Modem") -> None:
        await modem.ask(at_commands.hello())
        eui = at_commands.parse_device_eui(await modem.ask(at_commands.device_eui()))
        if eui != self._eui:
            raise FatalError(
                f"The modem at {self._device} is device {eui.hex()}, but device.eui is {self._eui.hex()}. Correct one of them."
            )
        await modem.ask(at_commands.join())
        await modem.ask(at_commands.set_data_rate(self._data_rate))
        await modem.ask(at_commands.set_port(self._f_port))
        log.info("modem_joined", device=self._device, eui=eui.hex())

    def _sign_waiting(self) -> None:
        for slot, frame in self._spool.frames_without_payload():
            payload = legacy_payload(self._signer, frame)
            self._spool.add_payload(slot, payload, development_key=self._development_key)

    async def _send_waiting(self, modem: "_Modem") -> None:
        while waiting := self._spool.waiting_payloads():
            for each in waiting:
                await modem.ask(at_commands.send(each.payload))
                self._spool.mark_payload_sent(each.slot)
                log.info("payload_sent", slot=each.slot, size=len(each.payload))


class _Modem:
    def __init__(self, line: SerialLine) -> None:
        self._line = line
        self._lines = LineBuffer()

    async def ask(self, command: Command) -> str:
        """Send `command` and return the line that ends it. Raises ModemUnavailable."""
        await self._line.write(command.encoded())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while True:
                    for answer in self._lines.feed(await self._line.read(ANSWER_TIMEOUT_S)):
                        try:
                            if command.judge(answer) is Answer.DONE:
                                return answer
                        except ModemFailure as error:
                            raise ModemUnavailable(f"the modem refuses {command.line[:16]}: {error}") from error
        raise ModemUnavailable(f"no answer to {command.line[:16]} in {ANSWER_TIMEOUT_S:g} s")
