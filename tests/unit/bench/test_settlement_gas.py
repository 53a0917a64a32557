"""Gas is exact: the committed figures are what the committed contracts cost, and they stay below the gates."""

import pytest

from bench import settlement_gas
from bench.repricing import surcharge


def test_the_committed_figures_are_those_of_the_contracts() -> None:
    found = settlement_gas.measure()
    assert found == settlement_gas.snapshot(), "if the change is meant: python -m bench.settlement_gas"
    assert [figure.name for figure in settlement_gas.figures(found) if not figure.ok] == []


def test_a_prototypes_steps_are_priced_as_the_design_says() -> None:
    """Seven cold reads and three changed slots for one holder: 21 000 gas more on Polygon; 2 520 for each one more."""
    read, changed = {"op": "SLOAD", "gasCost": 2_100}, {"op": "SSTORE", "gasCost": 2_900}
    assert surcharge([*[read] * 7, *[changed] * 3]) == 96_855 - 75_855
    assert 9 * surcharge([read, changed]) == (210_604 - 166_924) - (96_855 - 75_855)


@pytest.mark.parametrize(
    ("op", "cost", "more"),
    [
        ("SLOAD", 100, 0),
        ("SLOAD", 2_100, 3_360),
        ("SSTORE", 100, 0),
        ("SSTORE", 2_200, 840),
        ("SSTORE", 2_900, -840),
        ("SSTORE", 5_000, 0),
        ("SSTORE", 20_000, 0),
        ("SSTORE", 22_100, 840),
        ("CALL", 2_100, 0),
    ],
)
def test_cold_storage_is_dearer_on_polygon(op: str, cost: int, more: int) -> None:
    assert surcharge([{"op": op, "gasCost": cost}]) == more


@pytest.mark.parametrize(("op", "cost"), [("SLOAD", 800), ("SSTORE", 2_300)])
def test_costs_of_another_schedule_are_refused(op: str, cost: int) -> None:
    with pytest.raises(ValueError, match=f"no {op} costs {cost} gas"):
        surcharge([{"op": op, "gasCost": cost}])
