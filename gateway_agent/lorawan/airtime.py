"""How long a frame is on the air (Semtech AN1200.13), and the rolling account of a day's airtime.

EU868: data rate 0 is SF12 at 125 kHz, 5 is SF7. Times are whole microseconds and unix seconds given by the caller.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

DATA_RATES = range(6)
PAYLOAD_MAX = (51, 51, 51, 115, 242, 242)
"""Application bytes by data rate (LoRaWAN regional parameters RP002, EU868), without MAC answers."""
DAY_S = 86_400

_BANDWIDTH_KHZ = 125
_LORAWAN_OVERHEAD = 13
"""MHDR 1, DevAddr 4, FCtrl 1, FCnt 2, FPort 1, MIC 4."""
_PREAMBLE_QUARTER_SYMBOLS = 8 * 4 + 17
_CODING = 5
"""Code rate 4/5: five symbols for each block of four."""
_HEAD_BITS = 28 + 16
"""Of header and CRC, beyond the first eight symbols."""
_FIRST_SYMBOLS = 8


def spreading_factor(data_rate: int) -> int:
    """7 to 12. Raises ValueError for a data rate that EU868 does not use."""
    if data_rate not in DATA_RATES:
        raise ValueError(f"a data rate of EU868 is 0 to 5, not {data_rate}")
    return 12 - data_rate


def bits_per_block(data_rate: int) -> int:
    """Payload bits that five symbols carry."""
    factor = spreading_factor(data_rate)
    return 4 * (factor - 2 if factor >= 11 else factor)  # low data rate optimisation at SF11 and SF12


def airtime_us(payload: int, data_rate: int) -> int:
    """Microseconds on the air of `payload` application bytes at `data_rate`. Raises ValueError."""
    if payload < 0:
        raise ValueError(f"a payload has at least 0 bytes, not {payload}")
    factor = spreading_factor(data_rate)
    bits = 8 * (payload + _LORAWAN_OVERHEAD) - 4 * factor + _HEAD_BITS
    blocks = max(-(-bits // bits_per_block(data_rate)), 0)
    quarter_symbols = _PREAMBLE_QUARTER_SYMBOLS + 4 * (_FIRST_SYMBOLS + blocks * _CODING)
    return quarter_symbols * (1 << factor) * 1000 // _BANDWIDTH_KHZ // 4


def block_us(data_rate: int) -> int:
    """Microseconds of one more block of symbols."""
    return _CODING * (1 << spreading_factor(data_rate)) * 1000 // _BANDWIDTH_KHZ


@dataclass(slots=True)
class AirtimeAccount:
    """What was on the air in the last 24 hours."""

    entries: list[tuple[int, int]] = field(default_factory=list)
    """(unix second, microseconds), oldest first."""

    def used_us(self, now_s: int) -> int:
        """Airtime of the 24 hours before `now_s`. What the clock has put into the future counts as well."""
        return sum(us for at_s, us in self.entries if at_s > now_s - DAY_S)

    def add(self, now_s: int, us: int) -> None:
        """A frame was sent; what is older than a day is forgotten."""
        self.entries = [entry for entry in self.entries if entry[0] > now_s - DAY_S]
        self.entries.append((now_s, us))

    def free_at(self, now_s: int, us: int, budget_us: int) -> int:
        """The first second from `now_s` on at which `us` more stay within `budget_us`. Raises ValueError if never."""
        if us > budget_us:
            raise ValueError(f"a frame of {us} us is longer than a day's whole budget of {budget_us} us")
        used = self.used_us(now_s)
        if used + us <= budget_us:
            return now_s
        for at_s, each in self._counted(now_s):
            used -= each
            if used + us <= budget_us:
                return at_s + DAY_S
        raise AssertionError("an empty account has room")

    def _counted(self, now_s: int) -> Iterable[tuple[int, int]]:
        return sorted(entry for entry in self.entries if entry[0] > now_s - DAY_S)
