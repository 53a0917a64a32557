"""A made-up household's register at every quarter-hour, the same for the same seed: what a LoRaWAN month is tried on."""

import math
import random
from collections.abc import Iterator

YEARLY_WH = 3_500_000
_BASE_SHARE = 0.55
_APPLIANCES = ((2000, 1, 0.06), (900, 3, 0.09), (1200, 2, 0.09), (600, 6, 0.06))
"""(watts, quarter-hours it runs, chance that it starts in the busiest quarter-hour)"""


def register_values(seed: int, start_wh: int = 12_000_000) -> Iterator[int]:
    """The import register in Wh, quarter-hour after quarter-hour, for ever. Midnight comes first."""
    draw = random.Random(seed)
    register = float(start_wh)
    running: list[tuple[int, int]] = []
    slot = 0
    while True:
        yield int(register)
        busy = _busy(slot % 96 / 4)
        running.extend((watts, quarters) for watts, quarters, chance in _APPLIANCES if draw.random() < chance * busy)
        base_w = YEARLY_WH / 8760 * _BASE_SHARE * (0.6 + 0.8 * draw.random())
        register += (base_w + 150 * busy + sum(watts for watts, _quarters in running)) / 4
        running = [(watts, quarters - 1) for watts, quarters in running if quarters > 1]
        slot += 1


def _busy(hour: float) -> float:
    """How busy people are at home, 0 to 1: a little at breakfast, most in the evening."""
    return 0.15 + 0.85 * max(0.0, math.exp(-((hour - 19) ** 2) / 8) + 0.6 * math.exp(-((hour - 8) ** 2) / 4))
