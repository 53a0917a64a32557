"""Corrections in any order end in the books that the final data give directly (energy-and-tokens 2.9, GkWh, B2E2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.minting.corrections import (
    NOTHING_YET,
    Correction,
    CorrectionKind,
    SourceAccount,
    correction_for,
    net_of_debt,
)
from community.units import WattHours
from tests.support.sending_device import NOON

DEBT, SUPPLEMENT = CorrectionKind.DEBT, CorrectionKind.SUPPLEMENT
ENERGY = st.integers(0, 10**12)
LATER_WH = WattHours(10**14)
"""Production after the corrections, more than all debts together."""
STEPS = st.lists(
    st.tuples(st.sampled_from(["settle", "debt", "supplement", "settle_supplement"]), st.integers(1, 10**12)),
    max_size=30,
)


def after(account: SourceAccount, step: str, energy: int) -> SourceAccount:
    match step:
        case "settle":
            return account.settle(WattHours(energy))
        case "settle_supplement":
            return account.settle_supplement()
        case _:
            return account.correct(CorrectionKind(step), WattHours(energy))


def made_good(account: SourceAccount) -> SourceAccount:
    """After what is open was settled: the supplement with its own evidence, the debt from later production."""
    account = account.settle_supplement()
    return account.settle(account.debt_wh)


@given(steps=STEPS, order=st.randoms(use_true_random=False))
def test_any_order_of_corrections_gives_the_books_of_the_final_data(
    steps: list[tuple[str, int]], order: object
) -> None:
    shuffled = list(steps)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = NOTHING_YET, NOTHING_YET
    for step, energy in steps:
        one = after(one, step, energy)
    for step, energy in shuffled:
        other = after(other, step, energy)
    final_wh = sum({"settle": energy, "supplement": energy, "debt": -energy}.get(step, 0) for step, energy in steps)
    assert one.verified_wh == other.verified_wh == final_wh
    computed_directly = WattHours(final_wh + LATER_WH)
    for account in (one, other):
        assert made_good(account.settle(LATER_WH)) == SourceAccount(
            computed_directly, computed_directly, WattHours(0), WattHours(0)
        )


@given(energy=ENERGY, debt=ENERGY)
def test_netting_mints_what_the_debt_leaves(energy: int, debt: int) -> None:
    netted = net_of_debt(WattHours(energy), WattHours(debt))
    assert netted.minted_wh - netted.debt_left_wh == energy - debt
    assert 0 in (netted.minted_wh, netted.debt_left_wh) and min(netted.minted_wh, netted.debt_left_wh) >= 0


@given(start=ENERGY, wanted=ENERGY)
def test_the_correction_to_new_data_brings_the_books_there(start: int, wanted: int) -> None:
    account = NOTHING_YET.settle(WattHours(start))
    change = correction_for(account, WattHours(wanted))
    if change is None:
        assert start == wanted
        return
    corrected = account.correct(*change)
    assert corrected.verified_wh == wanted and corrected.minted_wh == start


@pytest.mark.parametrize(
    ("change", "debt", "supplement"),
    [(-1, 1, 0), (-1000, 1000, 0), (7, 0, 7)],
    ids=["minus one Wh", "minus 100 per cent", "plus"],
)
def test_corrections_of_one_wh_of_all_and_upwards(change: int, debt: int, supplement: int) -> None:
    """Golden list 2.11: correction -1 Wh, -100 %, +."""
    account = NOTHING_YET.settle(WattHours(1000))
    found = correction_for(account, WattHours(1000 + change))
    assert found is not None
    corrected = account.correct(*found)
    assert (corrected.minted_wh, corrected.debt_wh, corrected.supplement_wh) == (1000, debt, supplement)
    assert made_good(corrected).minted_wh == max(1000, 1000 + change)


def correction(**changes: object) -> Correction:
    values = {
        "source_id": "plant", "kind": DEBT, "energy_wh": 5, "evidence": "0x" + "ab" * 32, "reason": "wrong factor",
        "recorded_by": "operator", "recorded_at": NOON,
    }  # fmt: skip
    return Correction(**(values | changes))  # type: ignore[arg-type]


def test_one_document_is_one_correction() -> None:
    assert correction().id == correction(energy_wh=6, reason="again").id
    assert correction().id != correction(evidence="0x" + "cd" * 32).id


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"energy_wh": 0}, "at least 1 Wh"),
        ({"energy_wh": 1 << 63}, "at least 1 Wh"),
        ({"evidence": "0xab"}, "SHA-256"),
        ({"reason": "  "}, "a reason"),
        ({"recorded_by": ""}, "name of who"),
    ],
)
def test_a_correction_without_substance_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        correction(**changes)


@pytest.mark.parametrize("values", [(1, 0, 0, 0), (0, -1, 1, 0), (-1, 0, 0, 0)])
def test_books_that_do_not_add_up_are_refused(values: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"equal minted|below zero"):
        SourceAccount(*(WattHours(value) for value in values))


def test_nothing_below_zero_is_netted() -> None:
    with pytest.raises(ValueError, match="below zero"):
        net_of_debt(WattHours(-1), WattHours(0))
