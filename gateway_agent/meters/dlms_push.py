"""A meter that pushes encrypted DLMS telegrams on a serial line."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import structlog

from community.metering.dlms.hdlc import HdlcDeframer, HdlcFrame
from community.metering.dlms.telegram import PushTelegram, decode_frame
from community.metering.dlms.unreadable import UnreadableTelegram
from gateway_agent.meters.serial_line import LineLost, SerialLine
from gateway_agent.profiles import DlmsPushProfile
from gateway_agent.reading import MeterSample

log = structlog.get_logger(__name__)

QUIET_S = 0.2
"""A pause that ends a telegram: a byte takes 1 ms at 9600 Bd."""
SILENCE_S = 30.0
REOPEN_S = 1.0
WRONG_KEY_AFTER = 3
_MAKER_LETTERS = 3


class DlmsPushMeter:
    """One infrared head or wired interface. Opens the port again when it was lost."""

    def __init__(self, profile: DlmsPushProfile, port: str, key: bytes, zone: str) -> None:
        self._profile = profile
        self._port = port
        self._key = key
        self._zone = zone
        self._failures = 0
        self._last: tuple[bytes, int] | None = None

    async def samples(self) -> AsyncGenerator[MeterSample, None]:
        """Every telegram that decrypts to readings and is newer than the one before. Ends only by cancellation."""
        while True:
            try:
                async with SerialLine(self._port, self._profile.baud, self._profile.format) as line:
                    log.info("meter_port_open", port=self._port)
                    async with contextlib.aclosing(self._frames(line)) as frames:
                        async for frame in frames:
                            sample = self._sample(frame)
                            if sample is not None:
                                yield sample
            except LineLost as error:
                log.warning("meter_port_lost", port=self._port, reason=str(error), retry_s=REOPEN_S)
                await asyncio.sleep(REOPEN_S)

    async def _frames(self, line: SerialLine) -> AsyncGenerator[HdlcFrame, None]:
        deframer = HdlcDeframer()
        silent_s = 0.0
        while True:
            piece = await line.read(QUIET_S)
            silent_s = 0.0 if piece else silent_s + QUIET_S
            if silent_s >= SILENCE_S:
                log.warning("meter_silent", port=self._port, hint=self._profile.hints.get("no_bytes", ""))
                silent_s = 0.0
            for frame in deframer.feed(piece) if piece else deframer.line_quiet():
                yield frame

    def _sample(self, frame: HdlcFrame) -> MeterSample | None:
        try:
            telegram = decode_frame(frame, self._key, self._zone)
        except UnreadableTelegram as error:
            self._failures += 1
            if self._failures == WRONG_KEY_AFTER:  # said once, not with every telegram
                hint = self._profile.hints.get("bad_structure", "")
                log.warning("meter_unreadable", port=self._port, reason=str(error), hint=hint)
            return None
        self._failures = 0
        before, self._last = self._last, (telegram.system_title, telegram.invocation_counter)
        if before is not None and before[0] == telegram.system_title and telegram.invocation_counter <= before[1]:
            if telegram.invocation_counter < before[1]:  # an equal one is the same telegram heard twice
                log.warning("meter_counter_fell", counter=telegram.invocation_counter, last=before[1])
                self._last = before
            return None
        return self._as_sample(telegram)

    def _as_sample(self, telegram: PushTelegram) -> MeterSample:
        units = self._profile.units
        return MeterSample(
            registers_wh={obis: value for obis, value in telegram.registers.items() if units.get(obis) == "Wh"},
            meter_serial=telegram.serial or serial_of_title(telegram.system_title),
            meter_at=telegram.meter_time,
            powers_w={obis: value for obis, value in telegram.registers.items() if units.get(obis) == "W"},
            frame=telegram.raw,
        )


def serial_of_title(system_title: bytes) -> str:
    """A meter's name from its system title: three letters of the maker, then hexadecimal digits."""
    maker = system_title[:_MAKER_LETTERS].decode("ascii", "replace")
    return maker + system_title[_MAKER_LETTERS:].hex()
