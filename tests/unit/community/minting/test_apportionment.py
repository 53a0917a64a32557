"""The split of a settlement, by hand."""

import pytest

from community.minting.apportionment import apportion
from community.units import WattHours

KILO = 10**15


def test_the_last_holder_takes_the_remainder() -> None:
    assert apportion(WattHours(1), (1, 1, 1)) == (333333333333333, 333333333333333, 333333333333334)


def test_the_demo_shares() -> None:
    assert apportion(WattHours(1000), (300, 200, 150, 100, 250)) == tuple(n * KILO for n in (300, 200, 150, 100, 250))


def test_nothing_and_one_holder() -> None:
    assert apportion(WattHours(0), (2, 1)) == (0, 0)
    assert apportion(WattHours(7), (5,)) == (7 * KILO,)


@pytest.mark.parametrize(("energy", "weights"), [(1, ()), (1, (1, 0)), (1, (-1, 2)), (-1, (1,))])
def test_what_cannot_be_split(energy: int, weights: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"weight|mintable"):
        apportion(WattHours(energy), weights)
