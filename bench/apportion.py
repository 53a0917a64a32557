"""Apportioning a settlement over 10 000 holders, exactly, beside two ways that are often chosen for it.

With fractions: exact too, each part a `Fraction` that is rounded down, the last holder taking the rest. By largest
remainder: whole watt-hours, exact in sum, but equal members do not get equal parts. Both baselines are the shortest
honest way to write them.
"""

from collections.abc import Sequence
from fractions import Fraction
from random import Random

from bench.measuring import Baseline, Figure, compare
from community.minting.apportionment import apportion
from community.units import BASE_UNITS_PER_WH, WattHours

NAME = "apportion"
HOLDERS = 10_000
ENERGY_WH = WattHours(7_123_457)
GATE_FRACTIONS = 5.0
GATE_LARGEST_REMAINDER = 1.0


def with_fractions(energy_wh: int, weights: Sequence[int]) -> list[int]:
    """Base units per holder: his exact share rounded down, the last one takes the rest."""
    whole = energy_wh * BASE_UNITS_PER_WH
    total = sum(weights)
    parts = [int(whole * Fraction(weight, total)) for weight in weights[:-1]]
    return [*parts, whole - sum(parts)]


def by_largest_remainder(energy_wh: int, weights: Sequence[int]) -> list[int]:
    """Whole watt-hours per holder (Hamilton): rounded down, and the rest to the largest remainders."""
    total = sum(weights)
    parts = [divmod(energy_wh * weight, total) for weight in weights]
    left = energy_wh - sum(part for part, _ in parts)
    given = {at for _, at in sorted(((-rest, at) for at, (_, rest) in enumerate(parts)))[:left]}
    return [part + (at in given) for at, (part, _) in enumerate(parts)]


def run() -> list[Figure]:
    """Holders a second."""
    chance = Random(1)
    weights = [chance.randint(1, 1_000_000) for _ in range(HOLDERS)]
    parts = apportion(ENERGY_WH, weights)
    if list(parts) != with_fractions(ENERGY_WH, weights):
        raise AssertionError("the two exact ways disagree")
    if sum(by_largest_remainder(ENERGY_WH, weights)) != ENERGY_WH:
        raise AssertionError("the largest remainder lost energy")
    baselines = (
        (
            f"{NAME}_fractions",
            Baseline("fractions.Fraction", lambda: with_fractions(ENERGY_WH, weights)),
            GATE_FRACTIONS,
        ),
        (
            f"{NAME}_largest_remainder",
            Baseline("largest remainder, whole Wh", lambda: by_largest_remainder(ENERGY_WH, weights)),
            GATE_LARGEST_REMAINDER,
        ),
    )
    return [
        compare(name, "holders/s", lambda: apportion(ENERGY_WH, weights), baseline, units=HOLDERS, gate=gate)
        for name, baseline, gate in baselines
    ]
