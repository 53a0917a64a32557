"""Law: in whatever order readings arrive, and however often, intervals, gaps and measurements come out the same."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.clock import QUARTER_HOUR
from community.metering.intervals import Gap, IntervalEnergy, RegisterPoint, plan_intervals
from community.units import WattHours

START = datetime(2026, 3, 28, 22, tzinfo=UTC)  # the night in which local clocks skip an hour
MODULUS = 5000


@st.composite
def rising_registers(draw: st.DrawFn) -> list[RegisterPoint]:
    """Readings at some of the boundaries of a register that rises, and may wrap at MODULUS."""
    slots = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=14)))
    total, points = draw(st.integers(0, MODULUS - 1)), []
    for slot in slots:
        points.append(RegisterPoint(f"m{slot}", START + slot * QUARTER_HOUR, total % MODULUS))
        total += draw(st.integers(0, 300))
    return points


class Books:
    """What intake keeps of one register, by the plan alone."""

    def __init__(self) -> None:
        self.points: dict[datetime, RegisterPoint] = {}
        self.intervals: dict[datetime, IntervalEnergy] = {}
        self.gaps: dict[tuple[datetime, datetime], Gap] = {}

    def take_in(self, new: RegisterPoint, factor: int) -> None:
        if new.at in self.points:
            return
        before = max((point for point in self.points.values() if point.at < new.at), key=lambda p: p.at, default=None)
        after = min((point for point in self.points.values() if point.at > new.at), key=lambda p: p.at, default=None)
        plan = plan_intervals(before, new, after, modulus_wh=MODULUS, factor=factor)
        self.points[new.at] = new
        for interval in plan.intervals:
            assert interval.starts_at not in self.intervals  # an interval once written never changes
            self.intervals[interval.starts_at] = interval
        if plan.gap_closed is not None:
            del self.gaps[plan.gap_closed]  # exactly one gap was open around the newcomer
        for gap in plan.gaps_opened:
            self.gaps[gap.starts_at, gap.ends_at] = gap


@given(points=rising_registers(), factor=st.integers(1, 40), data=st.data())
def test_the_books_do_not_depend_on_the_order_of_arrival(
    points: list[RegisterPoint], factor: int, data: st.DataObject
) -> None:
    in_order, shuffled = Books(), Books()
    for point in points:
        in_order.take_in(point, factor)
    arrivals = data.draw(st.permutations(points + data.draw(st.lists(st.sampled_from(points), max_size=5))))
    for point in arrivals:
        shuffled.take_in(point, factor)
    assert shuffled.points == in_order.points
    assert shuffled.intervals == in_order.intervals
    assert shuffled.gaps == in_order.gaps


@given(points=rising_registers(), factor=st.integers(1, 40))
def test_intervals_and_gaps_together_are_the_whole_difference(points: list[RegisterPoint], factor: int) -> None:
    books = Books()
    for point in reversed(points):
        books.take_in(point, factor)
    energy = sum(one.energy_wh for one in books.intervals.values()) + sum(gap.energy_wh for gap in books.gaps.values())
    rise = sum((b.register_wh - a.register_wh) % MODULUS for a, b in pairwise(points))
    assert energy == rise * factor
    covered = len(books.intervals) + sum((gap.ends_at - gap.starts_at) // QUARTER_HOUR for gap in books.gaps.values())
    assert covered == (points[-1].at - points[0].at) // QUARTER_HOUR


def test_a_fall_without_a_modulus_is_refused() -> None:
    high, low = RegisterPoint("a", START, 10), RegisterPoint("b", START + QUARTER_HOUR, 9)
    with pytest.raises(ValueError, match="fell by 1 Wh"):
        plan_intervals(high, low, None)


def test_neighbours_on_the_wrong_side_are_refused() -> None:
    first, second = RegisterPoint("a", START, 1), RegisterPoint("b", START + QUARTER_HOUR, 2)
    with pytest.raises(ValueError, match="neighbours"):
        plan_intervals(second, first, None)
    with pytest.raises(ValueError, match="neighbours"):
        plan_intervals(None, second, first)


def test_points_and_gaps_refuse_what_they_cannot_be() -> None:
    with pytest.raises(ValueError, match="boundary"):
        RegisterPoint("a", START.replace(second=1), 1)
    with pytest.raises(ValueError, match="cannot stand"):
        RegisterPoint("a", START, -1)
    with pytest.raises(ValueError, match="longer"):
        Gap(START, START + QUARTER_HOUR, WattHours(1))
