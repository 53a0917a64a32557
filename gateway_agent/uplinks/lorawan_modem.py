"""Legacy payloads over a LoRa-E5 modem: each reading is the meter's own telegram, its digest and its signature."""

import asyncio

import structlog

from community.errors import RetryableError
from gateway_agent.meters.serial_line import SerialLine
from gateway_agent.protocols import at_commands
from gateway_agent.secure_element.signer import Signer
from gateway_agent.spool import Spool
from gateway_agent.statements import legacy_payload
from gateway_agent.uplinks.lorawan_link import BAUD, ModemLink, ModemNotNow

log = structlog.get_logger(__name__)

RETRY_S = 5.0


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
                    modem = ModemLink(line)
                    await self._set_up(modem)
                    while True:
                        self._something_new.clear()
                        self._sign_waiting()
                        await self._send_waiting(modem)
                        await self._something_new.wait()
            except RetryableError as error:
                log.warning("modem_unavailable", device=self._device, reason=str(error), retry_s=RETRY_S)
                await asyncio.sleep(RETRY_S)

    async def _set_up(self, modem: ModemLink) -> None:
        await modem.begin(self._device, self._eui)
        await modem.ask(at_commands.set_data_rate(self._data_rate))
        await modem.ask(at_commands.set_port(self._f_port))
        log.info("modem_joined", device=self._device, eui=self._eui.hex())

    def _sign_waiting(self) -> None:
        for slot, frame in self._spool.frames_without_payload():
            payload = legacy_payload(self._signer, frame)
            self._spool.add_payload(slot, payload, development_key=self._development_key)

    async def _send_waiting(self, modem: ModemLink) -> None:
        while waiting := self._spool.waiting_payloads():
            for each in waiting:
                try:
                    await modem.ask(at_commands.send(each.payload))
                except ModemNotNow as busy:
                    log.info("modem_busy", wait_s=busy.wait_s, reason=str(busy))
                    await asyncio.sleep(busy.wait_s)
                    break
                self._spool.mark_payload_sent(each.slot)
                log.info("payload_sent", slot=each.slot, size=len(each.payload))
