"""A meter that pushes ciphered telegrams on a serial line: DLMS in its transports, and AMIS, which asks to be answered."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import structlog

from community.metering.dlms.telegram import PushTelegram, TextTelegram, decode_received
from community.metering.dlms.transports import telegram_deframer
from community.metering.dlms.unreadable import UnreadableTelegram
from gateway_agent.meters.ciphered_text import CipheredTextSamples
from gateway_agent.meters.serial_line import LineLost, SerialLine
from gateway_agent.profiles import DlmsPushProfile, PushTransport
from gateway_agent.protocols.amis_oms5 import AmisReader, AmisTelegram, decode_amis
from gateway_agent.protocols.channels import by_register
from gateway_agent.protocols.quantity import DamagedTelegram
from gateway_agent.reading import MeterSample, RawRegister

log = structlog.get_logger(__name__)

QUIET_S = 0.2
"""A pause that ends a telegram: a byte takes 1 ms at 9600 Bd."""
SILENCE_S = 30.0
REOPEN_S = 1.0
WRONG_KEY_AFTER = 3
_MAKER_LETTERS = 3

Telegram = PushTelegram | TextTelegram | AmisTelegram


class DlmsPushMeter:
    """One infrared head or wired interface. Opens the port again when it was lost.

    `key` is the GUEK, `auth_key` the GAK for meters whose telegrams carry a tag.
    """

    def __init__(
        self, profile: DlmsPushProfile, port: str, key: bytes, zone: str, auth_key: bytes | None = None
    ) -> None:
        self._profile = profile
        self._port = port
        self._key = key
        self._zone = zone
        self._auth_key = auth_key
        self._texts = CipheredTextSamples(profile, zone)
        self._failures = 0
        self._last: tuple[bytes, int] | None = None

    async def samples(self) -> AsyncGenerator[MeterSample, None]:
        """Every telegram that decrypts to readings and is newer than the one before. Ends only by cancellation."""
        while True:
            try:
                async with SerialLine(self._port, self._profile.baud, self._profile.format) as line:
                    log.info("meter_port_open", port=self._port)
                    async with contextlib.aclosing(self._telegrams(line)) as telegrams:
                        async for telegram in telegrams:
                            sample = self._as_sample(telegram) if self._is_news(telegram) else None
                            if sample is not None:
                                yield sample
            except LineLost as error:
                log.warning("meter_port_lost", port=self._port, reason=str(error), retry_s=REOPEN_S)
                await asyncio.sleep(REOPEN_S)

    async def _telegrams(self, line: SerialLine) -> AsyncGenerator[Telegram, None]:
        match self._profile.transport:
            case PushTransport.AMIS:
                reader = AmisReader()
                async for piece in self._pieces(line):
                    for request in reader.feed(piece) if piece else reader.line_quiet():
                        await line.write(request.reply)  # first of all: the meter waits half a second
                        if request.frame is not None and (said := self._decoded_amis(request.frame)) is not None:
                            yield said
            case PushTransport.HDLC | PushTransport.MBUS | PushTransport.RAW as transport:
                deframer = telegram_deframer(transport.of_telegrams)
                async for piece in self._pieces(line):
                    for received in deframer.feed(piece) if piece else deframer.line_quiet():
                        try:
                            telegram = decode_received(received, self._key, self._zone, self._auth_key)
                        except UnreadableTelegram as error:
                            self._unreadable(error)
                            continue
                        yield telegram

    async def _pieces(self, line: SerialLine) -> AsyncGenerator[bytes, None]:
        """What comes, and nothing for each pause."""
        silent_s = 0.0
        while True:
            piece = await line.read(QUIET_S)
            silent_s = 0.0 if piece else silent_s + QUIET_S
            if silent_s >= SILENCE_S:
                log.warning("meter_silent", port=self._port, hint=self._profile.hints.get("no_bytes", ""))
                silent_s = 0.0
            yield piece

    def _decoded_amis(self, frame: bytes) -> AmisTelegram | None:
        try:
            return decode_amis(frame, self._key, self._zone)
        except UnreadableTelegram as error:
            self._unreadable(error)
            return None

    def _unreadable(self, error: UnreadableTelegram | DamagedTelegram) -> None:
        self._failures += 1
        if self._failures == WRONG_KEY_AFTER:  # said once, not with every telegram
            hint = self._profile.hints.get("bad_structure", "")
            log.warning("meter_unreadable", port=self._port, reason=str(error), hint=hint)

    def _is_news(self, telegram: Telegram) -> bool:
        """Whether it is not older than the last one, and not the same heard twice."""
        self._failures = 0
        if isinstance(telegram, AmisTelegram):
            before, self._last = self._last, (telegram.address, telegram.access_number)
            return before != self._last
        before, self._last = self._last, (telegram.system_title, telegram.invocation_counter)
        if before is None or before[0] != telegram.system_title or telegram.invocation_counter > before[1]:
            return True
        if telegram.invocation_counter < before[1]:  # an equal one is the same telegram heard twice
            log.warning("meter_counter_fell", counter=telegram.invocation_counter, last=before[1])
            self._last = before
        return False

    def _as_sample(self, telegram: Telegram) -> MeterSample | None:
        """The registers that the profile names, where the telegram has energy: some meters' lists are mostly powers."""
        if isinstance(telegram, TextTelegram):
            try:
                return self._texts.sample(telegram)
            except DamagedTelegram as error:
                self._unreadable(error)
                return None
        named = by_register(telegram.values, self._profile.units)
        energy = {code: value for code, value in named.items() if value.unit == "Wh"}
        if not energy:
            return None
        return MeterSample(
            registers_wh={code: value.whole for code, value in energy.items()},
            meter_serial=telegram.serial or _serial_of(telegram),
            meter_at=telegram.meter_at,
            resolution_wh=max(value.resolution for value in energy.values()),
            powers_w={code: value.whole for code, value in named.items() if value.unit == "W"},
            frame=telegram.raw,
            raw={code: RawRegister(value.raw, value.scaler, "Wh") for code, value in energy.items()},
            invocation_counter=telegram.invocation_counter if isinstance(telegram, PushTelegram) else None,
        )


def _serial_of(telegram: PushTelegram | AmisTelegram) -> str:
    return "" if isinstance(telegram, AmisTelegram) else serial_of_title(telegram.system_title)


def serial_of_title(system_title: bytes) -> str:
    """A meter's name from its system title: three letters of the maker, then hexadecimal digits."""
    maker = system_title[:_MAKER_LETTERS].decode("ascii", "replace")
    return maker + system_title[_MAKER_LETTERS:].hex()
