"""Measuring two ways of doing the same thing side by side.

The two take turns within one run, so that whatever else the machine does falls on both; the median turn counts.
"""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

TURNS = 7
TURN_S = 0.25


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure beside its baseline. The gate is the least ratio that passes."""

    name: str
    value: float
    unit: str
    baseline: str
    baseline_value: float
    gate: float
    less_is_better: bool = False

    def __post_init__(self) -> None:
        if not (self.value > 0 and self.baseline_value > 0 and self.gate > 0):
            raise ValueError(f"{self.name}: a figure, its baseline and its gate are above zero")

    @property
    def ratio(self) -> float:
        """How many times the baseline; where less is better, how many times less."""
        if self.less_is_better:
            return self.baseline_value / self.value
        return self.value / self.baseline_value

    @property
    def ok(self) -> bool:
        return self.ratio >= self.gate


@dataclass(frozen=True, slots=True)
class Baseline:
    """Another way of doing the same, by name."""

    name: str
    work: Callable[[], object]


def rate(work: Callable[[], object], units: int, turn_s: float = TURN_S) -> float:
    """Units a second: ``work`` handles ``units`` each time it is called, and is called for about ``turn_s``."""
    calls, began = 0, time.perf_counter()
    while True:
        work()
        calls += 1
        took = time.perf_counter() - began
        if took >= turn_s:
            return calls * units / took


def compare(
    name: str,
    unit: str,
    ours: Callable[[], object],
    baseline: Baseline,
    *,
    units: int,
    gate: float,
    turns: int = TURNS,
    turn_s: float = TURN_S,
) -> Figure:
    """The median rates of ``ours`` and ``baseline``, taken in turns after one unmeasured turn each."""
    ours()
    baseline.work()
    collecting = gc.isenabled()
    gc.disable()
    try:
        rates = [(rate(ours, units, turn_s), rate(baseline.work, units, turn_s)) for _ in range(turns)]
    finally:
        if collecting:
            gc.enable()
    value = statistics.median(own for own, _ in rates)
    baseline_value = statistics.median(theirs for _, theirs in rates)
    return Figure(name, value, unit, baseline.name, baseline_value, gate)
