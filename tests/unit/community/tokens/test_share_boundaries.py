"""Holdings of share tokens at boundaries, as the contract reckons them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.tokens.share_boundaries import EVER, ShareMove, boundary_after, holdings_by_boundary
from community.tokens.transfers import ZERO_ADDRESS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=30)
TREASURY, ANNA, BERND = ("0x" + digit * 40 for digit in "abc")
PERIOD_S = 900


def minutes(count: int) -> datetime:
    return NOON + timedelta(minutes=count)


CREATED = ShareMove(minutes(1), ZERO_ADDRESS, TREASURY, 1000)


@pytest.mark.parametrize(("second", "boundary"), [(0, 900), (1, 900), (899, 900), (900, 1800)])
def test_a_transfer_counts_from_the_next_boundary_on(second: int, boundary: int) -> None:
    assert boundary_after(NOON + timedelta(seconds=second), PERIOD_S) == NOON + timedelta(seconds=boundary)


def test_what_happens_between_two_boundaries_is_one_change_and_none_if_nothing_is_left_of_it() -> None:
    moves = [
        CREATED,
        ShareMove(minutes(2), TREASURY, ANNA, 100),
        ShareMove(minutes(14), TREASURY, BERND, 50),
        ShareMove(minutes(16), ANNA, BERND, 10),
        ShareMove(minutes(17), BERND, ANNA, 10),
        ShareMove(minutes(31), ANNA, BERND, 100),
    ]
    assert holdings_by_boundary(moves, PERIOD_S, LATER) == [
        (EVER, {TREASURY: 1000}),
        (minutes(15), {TREASURY: 850, ANNA: 100, BERND: 50}),
        (minutes(45), {TREASURY: 850, BERND: 150}),
    ]
    assert holdings_by_boundary(moves, PERIOD_S, minutes(44))[-1][0] == minutes(15), "the boundary has not come"
    assert holdings_by_boundary([], PERIOD_S, LATER) == []


def test_nobody_gives_what_he_has_not() -> None:
    with pytest.raises(ValueError, match="gave 1 shares more than he had"):
        holdings_by_boundary([CREATED, ShareMove(minutes(2), ANNA, BERND, 1)], PERIOD_S, LATER)


@given(
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from((TREASURY, ANNA, BERND)), st.integers(1, 40))), st.data()
)
def test_at_every_boundary_it_is_the_balance_before_it(steps: list[tuple[int, str, int]], data: st.DataObject) -> None:
    """The law of EnergyShares: the shares of an instant are the balances before the last boundary at or before it."""
    held, moves = {TREASURY: 1000}, [CREATED]
    for minute, sender, count in sorted(steps, key=lambda step: step[0]):
        recipient = data.draw(st.sampled_from((TREASURY, ANNA, BERND)))
        given_away = min(count, held.get(sender, 0))
        held[sender] = held.get(sender, 0) - given_away
        held[recipient] = held.get(recipient, 0) + given_away
        moves.append(ShareMove(minutes(minute), sender, recipient, given_away))
    found = holdings_by_boundary(moves, PERIOD_S, LATER)
    for boundary in (minutes(15 * number) for number in range(10)):
        balances: dict[str, int] = {TREASURY: 1000}
        for move in moves[1:]:
            if move.at < boundary:
                balances[move.sender] = balances.get(move.sender, 0) - move.count
                balances[move.recipient] = balances.get(move.recipient, 0) + move.count
        shown = [table for since, table in found if since <= boundary][-1]
        assert shown == {holder: count for holder, count in balances.items() if count}
        assert sum(shown.values()) == 1000
