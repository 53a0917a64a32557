"""IEC 62056-21 (D0) meters: read by the dialogue of modes A, B and C, or heard as they push (mode D)."""

import asyncio
from zoneinfo import ZoneInfo

import structlog

from community.errors import RetryableError
from gateway_agent.meters.pushed_telegrams import FormWatch, PushedTelegrams
from gateway_agent.meters.serial_line import SerialLine
from gateway_agent.meters.telegram_sample import SampleBuilder
from gateway_agent.profiles.text_meters import Iec62056Profile
from gateway_agent.protocols.iec62056_21 import SIGN_ON_BAUD, Dialogue, Readout, ReadoutReader, Send, Switch
from gateway_agent.protocols.obis_text import form_of
from gateway_agent.protocols.quantity import Check, DamagedTelegram
from gateway_agent.reading import MeterSample

log = structlog.get_logger(__name__)

ANSWER_S = 4.0
"""For the identification: the meter may take 1.5 s, its line of 30 characters takes one more at 300 Bd."""
PAUSE_S = 1.8
"""A pause within a readout; the standard allows 1.5 s between two characters."""
READOUT_S = 180.0
AWAKE_S = 1.6
"""From the last zero byte of the wake-up to the sign-on (Annex B)."""


class NoReadout(RetryableError):
    """The meter did not answer, or what it said cannot be used."""


class Iec62056Samples:
    """Makes samples of readouts, as a profile wants them."""

    def __init__(self, profile: Iec62056Profile, zone: str) -> None:
        self._profile = profile
        self._zone = ZoneInfo(zone)
        self._builder = SampleBuilder(profile.registers)

    def sample(self, readout: Readout) -> MeterSample:
        """The sample of `readout`. Raises DamagedTelegram."""
        if readout.check is Check.ABSENT and self._profile.check == "required":
            raise DamagedTelegram("it has no block check, which this meter's profile asks for")
        telegram = readout.telegram(self._zone, group=self._profile.group, energy_unit=self._profile.energy_unit)
        # Without a clock two readouts of an idle meter are the same bytes: they prove nothing.
        return self._builder.sample(telegram, readout.raw if telegram.meter_at is not None else None)


class Iec62056Meter:
    """A meter that is asked, at 300 Bd first. Implements PollMeter."""

    def __init__(self, profile: Iec62056Profile, port: str, zone: str, address: str = "") -> None:
        self._profile = profile
        self._port = port
        self._address = address
        self._samples = Iec62056Samples(profile, zone)

    async def read(self) -> MeterSample:
        """Ask for the data readout. Raises NoReadout, or LineLost."""
        dialogue = Dialogue(self._address, self._profile.baud_max)
        async with SerialLine(self._port, SIGN_ON_BAUD, self._profile.format) as line:
            try:
                async with asyncio.timeout(READOUT_S):
                    readout = await self._readout(line, dialogue)
            except TimeoutError as error:
                raise NoReadout(f"The readout on {self._port} takes longer than {READOUT_S:.0f} s") from error
        try:
            return self._samples.sample(readout)
        except DamagedTelegram as error:
            raise NoReadout(f"The readout on {self._port} cannot be used: {error}") from error

    async def _readout(self, line: SerialLine, dialogue: Dialogue) -> Readout:
        if self._profile.wakeup:
            await line.write_and_switch(bytes(self._profile.wakeup), SIGN_ON_BAUD)
            await asyncio.sleep(AWAKE_S)
        await line.write(dialogue.request)
        while True:
            piece = await line.read(ANSWER_S if dialogue.identification is None else PAUSE_S)
            for step in dialogue.feed(piece) if piece else dialogue.line_quiet():
                match step:
                    case Send(data, baud):
                        await line.write_and_switch(data, baud)
                    case Switch(baud):
                        await line.switch(baud)
                    case Readout():
                        return step
            if not piece or dialogue.readouts.damage.count:
                raise NoReadout(self._why(dialogue))

    def _why(self, dialogue: Dialogue) -> str:
        if dialogue.identification is None:
            hint = self._profile.hints.get("no_bytes", "")
            return f"No meter answers on {self._port} at 300 Bd. {hint}".rstrip()
        found = dialogue.identification
        reason = dialogue.readouts.damage.reason or "nothing whole came"
        return f"The meter {found.line} on {self._port} gave no readout at {found.baud} Bd: {reason}"


class Iec62056PushMeter(PushedTelegrams[Readout]):
    """A meter that sends readouts by itself. Implements PushMeter."""

    def __init__(self, profile: Iec62056Profile, port: str, zone: str) -> None:
        samples = Iec62056Samples(profile, zone)
        forms = FormWatch()

        def sample_of(readout: Readout) -> MeterSample:
            if readout.check is Check.ABSENT:
                forms.demand_known(form_of(readout.sets))
            return samples.sample(readout)

        super().__init__(port, profile.baud, profile.format, ReadoutReader, sample_of, profile.hints)
