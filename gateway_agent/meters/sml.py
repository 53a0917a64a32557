"""Meters that push SML telegrams through their infrared port."""

from gateway_agent.meters.pushed_telegrams import PushedTelegrams
from gateway_agent.meters.telegram_sample import SampleBuilder
from gateway_agent.profiles.text_meters import SmlProfile
from gateway_agent.protocols.sml import SmlStream, SmlTelegram
from gateway_agent.reading import MeterSample


class SmlSamples:
    """Makes samples of SML telegrams, as a profile wants them."""

    def __init__(self, profile: SmlProfile) -> None:
        self._builder = SampleBuilder(profile.registers, watch_steps=True)

    def sample(self, telegram: SmlTelegram) -> MeterSample:
        """The sample of `telegram`. Raises DamagedTelegram."""
        return self._builder.sample(telegram.telegram(), telegram.raw)


class SmlMeter(PushedTelegrams[SmlTelegram]):
    """One infrared head on an eHZ or a basic meter. Implements PushMeter."""

    def __init__(self, profile: SmlProfile, port: str) -> None:
        super().__init__(port, profile.baud, profile.format, SmlStream, SmlSamples(profile).sample, profile.hints)
