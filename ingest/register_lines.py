"""What is known of a register around the messages of one batch: the readings next to theirs, and those that the batch adds."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from community.clock import QUARTER_HOUR_S


class KnownReading(NamedTuple):
    """An accepted reading: its slot, the register in Wh, its measurement's id."""

    slot: int
    wh: int
    measurement_id: str


@dataclass(slots=True)
class RegisterLine:
    """The known readings of one register in the order of their slots.

    Complete only around what was asked for: between a run of slots and its neighbours here the books have nothing else.
    """

    _slots: list[int] = field(default_factory=list)
    _readings: list[KnownReading] = field(default_factory=list)

    def around(self, first: int, last: int) -> tuple[KnownReading | None, KnownReading | None] | None:
        """The readings next before slot `first` and next after `last`; None where one is known between them."""
        at = bisect_left(self._slots, first)
        if at < len(self._slots) and self._slots[at] <= last:
            return None
        before = self._readings[at - 1] if at else None
        return before, self._readings[at] if at < len(self._readings) else None

    def add(self, readings: Sequence[KnownReading]) -> None:
        """Enter readings that ascend and between which none is known. One that is known already changes nothing."""
        at = bisect_left(self._slots, readings[0].slot)
        if at < len(self._slots) and self._slots[at] == readings[0].slot:
            return
        self._slots[at:at] = [reading.slot for reading in readings]
        self._readings[at:at] = readings


def lines_of(found: Sequence[tuple[str, str, datetime, int]]) -> dict[str, RegisterLine]:
    """The lines of registers by their ids, from (register, measurement, instant, Wh) of accepted readings."""
    lines: dict[str, RegisterLine] = {}
    for register_id, measurement_id, at, wh in found:
        reading = KnownReading(int(at.timestamp()) // QUARTER_HOUR_S, wh, measurement_id)
        lines.setdefault(register_id, RegisterLine()).add([reading])
    return lines
