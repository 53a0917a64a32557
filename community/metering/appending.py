"""A run of readings after everything that is known of a register: the usual case, judged in one pass."""

from collections.abc import Sequence

from community.clock import QUARTER_HOUR_S
from community.metering.plausibility import RegisterLimits


def rises_of(
    before: tuple[int, int] | None, slots: Sequence[int], values_wh: Sequence[int], limits: RegisterLimits
) -> list[int] | None:
    """By how many Wh each reading stands above the one before it; None unless every one is a plausible rise.

    `slots` ascend and begin after `before`, the last accepted (slot, Wh) of the register; without it the first rise is 0.
    Where this is a list, `plausibility.judge_register` accepts every reading, with the same differences; where it is
    None the readings have to be judged one by one.
    """
    slot, value = before if before is not None else (slots[0] - 1, values_wh[0])
    rises: list[int] = []
    allow = limits.allow
    if limits.modulus_wh is not None and max(values_wh) >= limits.modulus_wh:
        return None
    for later_slot, later_value in zip(slots, values_wh, strict=True):
        rise = later_value - value
        if later_slot <= slot or rise < 0 or not allow(rise, (later_slot - slot) * QUARTER_HOUR_S):
            return None
        rises.append(rise)
        slot, value = later_slot, later_value
    return rises
