"""DSMR telegrams that come inside the ciphering (Sagemcom T210-D on P1): the text as any P1 text, the counter of the cipher."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from community.metering.dlms.telegram import TextTelegram
from gateway_agent.meters.telegram_sample import SampleBuilder
from gateway_agent.profiles import DlmsPushProfile
from gateway_agent.protocols.dsmr_p1 import read_telegram
from gateway_agent.reading import MeterSample


class CipheredTextSamples:
    """Makes samples of the texts of one meter. The tag of the ciphering protects them, so a CRC need not be there."""

    def __init__(self, profile: DlmsPushProfile, zone: str) -> None:
        energy = [code for code, unit in profile.units.items() if unit == "Wh"]
        self._builder = SampleBuilder({code: ((code,), _tariffs(code)) for code in energy})
        self._zone = ZoneInfo(zone)

    def sample(self, telegram: TextTelegram) -> MeterSample:
        """The sample of `telegram`; units are those in the text, which are Wh at Energienetze Steiermark.

        Raises DamagedTelegram.
        """
        content = read_telegram(telegram.text.encode("ascii")).telegram(self._zone)
        made = self._builder.sample(content)
        return replace(made, frame=telegram.raw, invocation_counter=telegram.invocation_counter)


def _tariffs(code: str) -> tuple[str, str]:
    """The registers of tariffs 1 and 2, which some meters send in place of the total."""
    register, _, _ = code.rpartition(".")
    return f"{register}.1", f"{register}.2"
