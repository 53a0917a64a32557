"""Windows of a source's way that have nothing to do with each other, so that a run holds few records at a time."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from community.clock import QUARTER_HOUR

Row = tuple[int, int, int, int]
_QUARTER_S = int(QUARTER_HOUR.total_seconds())
_LOWEST = -(2**63)


@dataclass(frozen=True, slots=True)
class Cut:
    """What is from `register_wh` on, begins at `at` or later and stands at `place` (block, log index) or later is after it."""

    register_wh: int
    at: datetime
    place: tuple[int, int]


class Columns:
    """Rows of four whole numbers in 32 bytes each: a source may have a million settlements."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._columns = tuple(array("q") for _ in range(4))
        for row in rows:
            self.append(row)

    def append(self, row: Row) -> None:
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)

    @property
    def all(self) -> tuple[Sequence[int], ...]:
        return self._columns


def cuts(issuances: Columns, events: Columns, every: int, instant: Callable[[int], datetime]) -> Iterator[Cut]:
    """Cuts of one source, at least `every` issuances apart, fewer where its records are entangled.

    `issuances` are (from Wh, to Wh, start, end of the period) by from Wh, times in whole seconds that `instant` reads;
    `events` are (from Wh, to Wh, block, log index) of its settlements in chain order. A cut is where on both sides all
    that comes before lies before it: in register values, in time, and on chain. Then pairs, overlaps, repetitions and
    runs of quarter-hours never reach over it.
    """
    begins, register_ends, starts, ends = issuances.all
    on_chain = _clean_begins(events)
    event = next(on_chain, None)
    last = 0
    for at, (in_register, in_time) in enumerate(zip(_clean(begins, register_ends), _clean(starts, ends), strict=True)):
        # the quarter-hour that begins at the cut belongs to the issuance that does
        if not in_register or not in_time or at - last < every or ends[at] - starts[at] < _QUARTER_S:
            continue
        while event is not None and event[0] < begins[at]:
            event = next(on_chain, None)
        if event is not None and event[0] == begins[at]:
            last = at
            yield Cut(begins[at], instant(starts[at]), event[1])


def _clean_begins(events: Columns) -> Iterator[tuple[int, tuple[int, int]]]:
    """The register values with which clean settlements begin, rising, and their places. No block is cut."""
    begins, ends, blocks, indexes = events.all
    before = _LOWEST
    for clean, begin, block, index in zip(_clean(begins, ends), begins, blocks, indexes, strict=True):
        if clean and block > before:
            yield begin, (block, index)
        before = block


def _clean(begins: Sequence[int], ends: Sequence[int]) -> Iterator[bool]:
    """Of each row: whether none before ends later or begins as late, and none after begins earlier. Never the first."""
    lowest_after = array("q", accumulate(reversed(begins), min))
    highest_end, highest_begin = _LOWEST, _LOWEST
    for at, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        yield bool(at) and highest_end <= begin and highest_begin < begin == lowest_after[len(begins) - 1 - at]
        highest_end, highest_begin = max(highest_end, end), max(highest_begin, begin)
