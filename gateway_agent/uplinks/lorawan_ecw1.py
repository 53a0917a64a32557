"""ECW1 over LoRaWAN: statements as compressed readings and signature chunks, repaired by downlink (wire-format 2.3, 2.4)."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from community.attestation.device_message import DeviceMessage, parse_up
from community.attestation.lora_bits import MalformedFrame
from community.attestation.lora_frame import RadioKeys, run_of, seal_uplink
from community.attestation.lora_frame_downlink import open_commands
from community.attestation.lora_frame_readings import SLOT_MODULUS
from community.attestation.sealing import SealBroken
from community.attestation.statement import SlotReading
from community.clock import Clock, slot_at
from community.errors import RetryableError
from gateway_agent.lorawan import queue_file
from gateway_agent.lorawan.airtime import PAYLOAD_MAX, airtime_us
from gateway_agent.lorawan.rate_plans import RATE_PLANS, due_statements
from gateway_agent.lorawan.scheduler import LoraScheduler, NextFrame, WaitUntil, nearest
from gateway_agent.meters.serial_line import SerialLine
from gateway_agent.protocols import at_commands
from gateway_agent.protocols.at_commands import Downlink, ModemFailure
from gateway_agent.secure_element.signer import Signer
from gateway_agent.spool import Spool
from gateway_agent.statements import DeviceIdentity, sign_statement, up_plaintext
from gateway_agent.uplinks.lorawan_link import BAUD, ModemLink, ModemNotNow, ModemUnavailable, NoAnswer

log = structlog.get_logger(__name__)

RETRY_S = 5.0
_STATEMENTS_MAX = 4096
FLUSH_PAUSE_S = 300
"""After an empty uplink: more than the duty cycle asks for at any data rate."""
_ONE_READING = 17
"""Bytes of the smallest frame with a reading."""


@dataclass(frozen=True, slots=True)
class LorawanOptions:
    """How the radio is used."""

    data_rate: int | None = None
    """0 to 5; None lets the network choose (ADR)."""
    daily_airtime_s: int = 30
    jitter_max_s: int = 600
    answer_timeout_s: float = 20.0
    randbelow: Callable[[int], int] = field(default=secrets.randbelow)


class LorawanEcw1Uplink:
    """Signs what waits in the spool and sends it as the airtime allows. `wake` after adding a reading."""

    def __init__(
        self,
        device: str,
        identity: DeviceIdentity,
        signer: Signer,
        spool: Spool,
        clock: Clock,
        *,
        development_key: bool,
        options: LorawanOptions | None = None,
    ) -> None:
        self._device = device
        self._identity = identity
        self._signer = signer
        self._spool = spool
        self._clock = clock
        self._development_key = development_key
        self._options = options or LorawanOptions()
        self._keys = RadioKeys(identity.eui, identity.secret)
        self._queue_path: Path = spool.path.with_name(spool.path.name + ".lorawan")
        self._queue = queue_file.load(self._queue_path)
        self._scheduler = LoraScheduler(
            self._queue,
            self._options.randbelow,
            daily_budget_us=self._options.daily_airtime_s * 1_000_000,
            jitter_max_s=self._options.jitter_max_s,
        )
        self._messages: dict[int, DeviceMessage] = {}
        self._data_rate = self._options.data_rate or 0
        self._ask_time = False
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
                    modem = ModemLink(line, self._options.answer_timeout_s)
                    await self._set_up(modem)
                    while True:
                        self._something_new.clear()
                        await self._wait(await self._step(modem))
            except RetryableError as error:
                log.warning("modem_unavailable", device=self._device, reason=str(error), retry_s=RETRY_S)
                await asyncio.sleep(RETRY_S)

    async def _set_up(self, modem: ModemLink) -> None:
        await modem.begin(self._device, self._identity.eui)
        await modem.ask(at_commands.adaptive_data_rate(self._options.data_rate is None))
        if self._options.data_rate is not None:
            await modem.ask(at_commands.set_data_rate(self._options.data_rate))
        log.info("modem_joined", device=self._device, eui=self._identity.eui_text)

    async def _step(self, modem: ModemLink) -> int | None:
        """Send one frame if it is time; else the unix second at which to look again."""
        held = self._held()
        chosen = self._scheduler.next(self._now_s(), self._data_rate, PAYLOAD_MAX[self._data_rate], held)
        if isinstance(chosen, WaitUntil):
            return chosen.at_s
        try:
            self._data_rate = at_commands.parse_data_rate(await modem.ask(at_commands.data_rate()))
            length = at_commands.parse_length(await modem.ask(at_commands.payload_length()))
        except ModemFailure as error:
            raise ModemUnavailable(f"the modem does not say what it can send: {error}") from error
        chosen = self._scheduler.next(self._now_s(), self._data_rate, length, held)
        if isinstance(chosen, NextFrame):
            await self._send(modem, chosen)
            return None
        if length < _ONE_READING and self._may_flush():
            await self._flush(modem)
            return self._now_s() + FLUSH_PAUSE_S
        return chosen.at_s

    def _may_flush(self) -> bool:
        us, now_s = airtime_us(0, self._data_rate), self._now_s()
        return self._queue.airtime.free_at(now_s, us, self._options.daily_airtime_s * 1_000_000) <= now_s

    async def _send(self, modem: ModemLink, frame: NextFrame) -> None:
        run = frame.run
        signature = None if run is None else run_of(self._messages[run.ctr].signed, run.first, run.count)
        counter = self._spool.reserve_message_counter()
        f_port, payload = seal_uplink(
            self._keys, self._identity.key_generation, counter, frame.readings, signature, frame.first_slot
        )
        await modem.ask(at_commands.set_port(f_port))
        lines = await self._transmit(modem, payload)
        if lines is None:
            return
        self._scheduler.sent(frame, self._now_s(), self._data_rate)
        if run is not None:
            self._spool.mark_sent(run.ctr)
        for line in lines:
            if (downlink := at_commands.parse_downlink(line)) is not None:
                self._take_down(downlink)
        self._keep_queue()
        log.info(
            "frame_sent",
            f_port=f_port,
            size=len(payload),
            message_counter=counter,
            data_rate=self._data_rate,
            readings=len(frame.readings),
            chunks=0 if run is None else run.count,
            airtime_s_today=round(self._queue.airtime.used_us(self._now_s()) / 1e6, 1),
        )

    async def _transmit(self, modem: ModemLink, payload: bytes) -> list[str] | None:
        """What the modem said of the uplink; None if it could not send it now."""
        if self._ask_time:
            await modem.ask(at_commands.request_time())
        try:
            lines = await modem.exchange(at_commands.send(payload))
        except ModemNotNow as busy:
            log.info("modem_busy", wait_s=busy.wait_s, reason=str(busy))
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=busy.wait_s))
            return None
        except NoAnswer:  # it may have been on the air
            self._queue.airtime.add(self._now_s(), airtime_us(len(payload), self._data_rate))
            self._keep_queue()
            raise
        if self._ask_time:
            self._ask_time = False
            await self._compare_clock(modem)
        return lines

    async def _flush(self, modem: ModemLink) -> None:
        """An empty uplink that carries the answers to the network away, which left no room for a reading."""
        if await self._transmit(modem, b"") is not None:
            self._queue.airtime.add(self._now_s(), airtime_us(0, self._data_rate))
            self._keep_queue()
            log.info("answers_to_network_sent", data_rate=self._data_rate)

    async def _compare_clock(self, modem: ModemLink) -> None:
        try:
            network = at_commands.parse_clock(await modem.ask(at_commands.clock()))
        except ModemFailure as error:
            log.warning("network_time_unreadable", reason=str(error))
            return
        ahead_s = round((self._clock.now() - network).total_seconds())
        log.warning("clock_compared", ahead_of_network_s=ahead_s, remedy="set this system's clock if it is off")

    def _held(self) -> dict[int, SlotReading]:
        """Sign what is due; then every reading that the backend has not acknowledged, by slot."""
        slot_now = slot_at(self._clock.now())
        for group in due_statements(self._spool.unsigned_readings(), RATE_PLANS[self._data_rate], slot_now):
            ctr = self._spool.add_statement(group, partial(self._signed, group), development_key=self._development_key)
            log.info("statement_signed", ctr=ctr, first_slot=group[0].slot, count=len(group))
        waiting = self._spool.unacknowledged(_STATEMENTS_MAX)
        self._messages = {each.ctr: self._messages.get(each.ctr) or parse_up(each.plaintext) for each in waiting}
        for ctr in sorted(self._messages):
            self._queue.line_up(ctr)
        for ctr in [ctr for ctr in self._queue.chunks if ctr not in self._messages]:
            del self._queue.chunks[ctr]
        held = {each.slot: each for message in self._messages.values() for each in message.readings}
        return held | {each.slot: each for each in self._spool.unsigned_readings()}

    def _signed(self, group: list[SlotReading], ctr: int) -> bytes:
        return up_plaintext(sign_statement(self._identity, self._signer, ctr, group))

    def _take_down(self, downlink: Downlink) -> None:
        try:
            opened, commands = open_commands(self._keys, downlink.payload, self._queue.down_counter, downlink.f_port)
        except (SealBroken, MalformedFrame) as error:
            log.warning("downlink_refused", f_port=downlink.f_port, reason=str(error))
            return
        if not self._spool.accept_down_counter(opened.counter):
            log.warning("downlink_repeated", counter=opened.counter)
            return
        self._queue.down_counter = opened.counter
        if commands.stored_up_to is not None:
            self._acknowledge(nearest(commands.stored_up_to, slot_at(self._clock.now()), SLOT_MODULUS))
        self._scheduler.ask(commands, self._held())
        if commands.asks:
            log.info("resend_requested", ranges=len(commands.ranges), signatures=len(commands.chunks))
        if commands.clock_correction_s is not None:
            log.warning("clock_said_to_be_wrong", correction_s=commands.clock_correction_s)
            self._ask_time = True
        if commands.profiles is not None:
            log.warning("profile_table_ignored", size=len(commands.profiles))

    def _acknowledge(self, stored_slot: int) -> None:
        """Forget the statements that end at or before `stored_slot`."""
        stored = [ctr for ctr, message in self._messages.items() if message.signed.statement.last_slot <= stored_slot]
        if stored:
            done = self._spool.acknowledge(max(stored))
            log.info("statements_acknowledged", up_to_ctr=max(stored), count=done)

    def _keep_queue(self) -> None:
        """A full disk must not end the uplink: what is in memory goes on, and is written with the next frame."""
        try:
            queue_file.keep(self._queue_path, self._queue)
        except OSError as error:
            log.warning("send_queue_not_kept", path=str(self._queue_path), reason=str(error))

    async def _wait(self, until_s: int | None) -> None:
        """Until `until_s`, or until there is a new reading."""
        if until_s is None:
            return
        instant = datetime.fromtimestamp(until_s, UTC)
        tasks = [
            asyncio.create_task(self._clock.sleep_until(instant)),
            asyncio.create_task(self._something_new.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())
