"""Meters with a P1 port: they push a telegram every second or every ten while the request line is high.

Opening the port raises RTS, to which P1 cables tie the request line.
"""

from zoneinfo import ZoneInfo

from gateway_agent.meters.pushed_telegrams import FormWatch, PushedTelegrams
from gateway_agent.meters.telegram_sample import SampleBuilder
from gateway_agent.profiles.text_meters import DsmrP1Profile
from gateway_agent.protocols.dsmr_p1 import P1Stream, P1Telegram
from gateway_agent.protocols.obis_text import form_of
from gateway_agent.protocols.quantity import Check, DamagedTelegram
from gateway_agent.reading import MeterSample


class DsmrP1Samples:
    """Makes samples of P1 telegrams, as a profile wants them."""

    def __init__(self, profile: DsmrP1Profile, zone: str) -> None:
        self._profile = profile
        self._zone = ZoneInfo(zone)
        self._builder = SampleBuilder(profile.registers)

    def sample(self, telegram: P1Telegram) -> MeterSample:
        """The sample of `telegram`. Raises DamagedTelegram."""
        if telegram.check is Check.ABSENT:
            match self._profile.check:
                case "required":
                    raise DamagedTelegram("it has no CRC, which this meter's profile asks for")
                case "as-promised" if telegram.should_have_crc:
                    raise DamagedTelegram("it has no CRC, which its version promises")
        content = telegram.telegram(self._zone, energy_unit=self._profile.energy_unit)
        # Without a clock two telegrams of an idle meter are the same bytes: they prove nothing.
        return self._builder.sample(content, telegram.raw if content.meter_at is not None else None)


class DsmrP1Meter(PushedTelegrams[P1Telegram]):
    """One P1 cable. Implements PushMeter."""

    def __init__(self, profile: DsmrP1Profile, port: str, zone: str) -> None:
        samples = DsmrP1Samples(profile, zone)
        forms = FormWatch()

        def sample_of(telegram: P1Telegram) -> MeterSample:
            if telegram.check is Check.ABSENT:
                forms.demand_known(form_of(telegram.sets))
            return samples.sample(telegram)

        super().__init__(port, profile.baud, profile.format, P1Stream, sample_of, profile.hints)
