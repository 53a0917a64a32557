"""A meter exchange: no watt-hour lost and none gained, whatever lies between the readings around it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.clock import QUARTER_HOUR
from community.metering.exchange import MeterExchange, energy_across, fits_exchange, plan_exchange
from community.metering.intervals import Gap, IntervalEnergy, RegisterPoint
from community.metering.plausibility import RegisterLimits

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BEFORE = RegisterPoint("meas_old", NOON, 1_000)
AT = NOON + timedelta(minutes=7)


def point(quarter_hours: int, wh: int) -> RegisterPoint:
    return RegisterPoint("meas_new", NOON + QUARTER_HOUR * quarter_hours, wh)


def test_the_interval_of_an_exchange_adds_what_both_registers_counted() -> None:
    plan = plan_exchange(BEFORE, MeterExchange(AT, 1_030, 7), point(1, 57))
    assert plan.interval == IntervalEnergy(NOON, 80, "meas_old", "meas_new", "calculated")  # type: ignore[arg-type]
    assert plan.gap is None


def test_readings_further_apart_leave_a_gap_with_the_exact_total() -> None:
    plan = plan_exchange(BEFORE, MeterExchange(AT, 1_030, 0), point(5, 450))
    assert plan.gap == Gap(NOON, NOON + QUARTER_HOUR * 5, 480)  # type: ignore[arg-type]
    assert plan.interval is None


def test_both_meters_read_at_the_very_instant_of_the_exchange_leave_nothing_between() -> None:
    plan = plan_exchange(BEFORE, MeterExchange(NOON, 1_000, 7), point(0, 7))
    assert (plan.interval, plan.gap) == (None, None)


def test_each_side_counts_behind_its_own_transformers() -> None:
    exchange = MeterExchange(AT, 1_010, 0, old_factor=40, new_factor=60)
    assert energy_across(BEFORE, exchange, point(1, 5)) == 10 * 40 + 5 * 60


def test_the_old_register_may_have_wrapped_on_its_last_stretch() -> None:
    exchange = MeterExchange(AT, 20, 0, old_modulus_wh=10_000)
    assert energy_across(RegisterPoint("meas_old", NOON, 9_990), exchange, point(1, 1)) == 31


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**9), st.integers(0, 10**6), st.integers(1, 100))
def test_cutting_a_span_at_an_exchange_loses_nothing(r0: int, old: int, initial: int, new: int, factor: int) -> None:
    exchange = MeterExchange(AT, r0 + old, initial, None, factor, factor)
    before, after = RegisterPoint("meas_old", NOON, r0), point(1, initial + new)
    assert energy_across(before, exchange, after) == (old + new) * factor


@pytest.mark.parametrize(
    ("before", "exchange", "after", "text"),
    [
        (BEFORE, MeterExchange(AT, 999, 0), point(1, 1), "ended 1 Wh below"),
        (BEFORE, MeterExchange(AT, 1_000, 10), point(1, 9), "1 Wh below where it began"),
        (BEFORE, MeterExchange(NOON - QUARTER_HOUR, 1_000, 0), point(1, 9), "either side"),
        (BEFORE, MeterExchange(NOON + QUARTER_HOUR * 2, 1_000, 0), point(1, 9), "either side"),
    ],
)
def test_what_cannot_be_across_an_exchange(
    before: RegisterPoint, exchange: MeterExchange, after: RegisterPoint, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        energy_across(before, exchange, after)


@pytest.mark.parametrize(
    ("final", "initial", "more"),
    [(-1, 0, {}), (0, -1, {}), (10, 0, {"old_modulus_wh": 10}), (0, 0, {"old_factor": 0}), (0, 0, {"new_factor": 0})],
)
def test_an_exchange_that_no_meter_can_show_is_refused(final: int, initial: int, more: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"at an exchange|cannot end|at least 1"):
        MeterExchange(AT, final, initial, **more)  # type: ignore[arg-type]


def test_an_exchange_needs_an_instant_with_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        MeterExchange(datetime(2026, 3, 2), 0, 0)  # noqa: DTZ001


def test_a_reading_must_fit_to_what_was_read_off() -> None:
    limits = RegisterLimits(10_000, 4_000)  # 1,200 Wh in a quarter-hour with the margin
    assert fits_exchange(9_000, NOON, AT, 9_100, limits, old=True)
    assert fits_exchange(9_990, NOON, AT, 10, limits, old=True)
    assert not fits_exchange(9_101, NOON, AT, 9_100, limits, old=True)
    assert not fits_exchange(1_000, NOON, AT, 9_100, limits, old=True)
    assert fits_exchange(100, NOON + QUARTER_HOUR, AT, 0, limits, old=False)
    assert not fits_exchange(9_000, NOON + QUARTER_HOUR, AT, 0, limits, old=False)
    assert not fits_exchange(0, NOON + QUARTER_HOUR, AT, 1, limits, old=False)
