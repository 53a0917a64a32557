"""Statements add up to the unit, whatever moved; samples are the same for everybody who has the seed."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from community.reconciliation.sampling import draw
from community.reconciliation.statements import HolderStatement, SourceStatement, holder_statement, source_statement
from community.tokens.transfers import ZERO_ADDRESS, Transfer
from community.units import AMOUNT_MAX
from tests.support.books_in_agreement import ANNA, BERND, OPENING_AT, QUARTER, SOURCE, TOKEN, agreeing, hash32

OWN, OTHER = (ANNA, "0x" + "0a" * 20), BERND
START, END = OPENING_AT + timedelta(hours=1), OPENING_AT + timedelta(hours=2)


def moved(n: int, minutes: int, sender: str, recipient: str, amount: int) -> tuple[datetime, Transfer]:
    at = OPENING_AT + timedelta(minutes=minutes)
    return at, Transfer(n, 0, hash32(n), hash32(n), TOKEN, sender, recipient, amount)


def test_every_line_has_its_place() -> None:
    found = holder_statement(
        "mem_anna", frozenset(OWN),
        [
            moved(1, 10, ZERO_ADDRESS, ANNA, 1000), moved(2, 20, ANNA, OTHER, 100), moved(3, 60, ZERO_ADDRESS, ANNA, 50),
            moved(4, 70, OTHER, OWN[1], 7), moved(5, 80, ANNA, OTHER, 5), moved(6, 90, OWN[1], ZERO_ADDRESS, 2),
            moved(7, 95, ANNA, OWN[1], 900), moved(8, 120, ZERO_ADDRESS, ANNA, 9),
        ],
        START, END,
    )  # fmt: skip
    assert (found.opening, found.minted, found.received, found.sent, found.retired) == (900, 50, 7, 5, 2)
    assert found.closing == 950


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 180), st.integers(1, AMOUNT_MAX // 10)), max_size=9), st.integers(0, 180))
def test_the_closing_of_one_period_is_the_opening_of_the_next(mints: list[tuple[int, int]], cut: int) -> None:
    transfers = [moved(n, minutes, ZERO_ADDRESS, ANNA, amount) for n, (minutes, amount) in enumerate(mints)]
    middle = OPENING_AT + timedelta(minutes=cut)
    last = OPENING_AT + timedelta(minutes=181)
    own = frozenset(OWN)
    first = holder_statement("anna", own, transfers, OPENING_AT, middle)
    second = holder_statement("anna", own, transfers, middle, last)
    assert first.closing == second.opening
    assert second.closing == sum(amount for _, amount in mints)
    assert holder_statement("anna", own, transfers[::-1], middle, last) == second


def test_a_source_shows_what_is_verified_issued_settled_and_open() -> None:
    facts = agreeing([100, 250, 300])
    facts = replace(facts, settled=facts.settled[:2], mints=facts.mints[:4], issuances=facts.issuances[:2])
    found = source_statement(facts, SOURCE.id, OPENING_AT + QUARTER, OPENING_AT + 3 * QUARTER)
    assert (found.opening_wh, found.verified_wh, found.issued_wh, found.settled_wh, found.open_wh) == (
        0,
        550,
        250,
        250,
        300,
    )
    assert found.closing_wh == 300 == found.open_wh
    with pytest.raises(ValueError, match="no energy source"):
        source_statement(facts, "src_none", OPENING_AT, OPENING_AT + QUARTER)


def test_statements_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="does not add up"):
        HolderStatement("anna", START, END, 1, 0, 0, 0, 0, 2)
    with pytest.raises(ValueError, match="less than nothing"):
        HolderStatement("anna", START, END, 0, 0, 0, 1, 0, -1)
    with pytest.raises(ValueError, match="does not add up"):
        SourceStatement("src", START, END, 0, 1, 0, 0, 0, 0)


def test_a_sample_is_the_same_for_all_who_have_the_seed() -> None:
    keys = [hash32(n) for n in range(100)]
    drawn = draw(hash32(7), keys, 10)
    assert drawn == draw(hash32(7), keys[::-1], 10) and len(set(drawn)) == 10
    assert drawn != draw(hash32(8), keys, 10)
    assert len(draw(hash32(7), keys, 1000)) == 100
    with pytest.raises(ValueError, match="hash of a block"):
        draw("7", keys, 10)
    with pytest.raises(ValueError, match="at least one"):
        draw(hash32(7), keys, 0)
