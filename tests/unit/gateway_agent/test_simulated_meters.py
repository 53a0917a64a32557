"""The simulated meters count as real ones: never back, never beyond the plant, always the same."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from community.clock import QUARTER_HOUR, slot_at, slot_start
from standalone.meters.load_profiles import CumulativeRegister, HouseholdPower, NightStandby, SunPower
from standalone.things_stack_json import airtime_us

SINCE = datetime(2026, 11, 20, tzinfo=UTC)
SUN = SunPower(30_000, "test")


def registers() -> list[CumulativeRegister]:
    return [
        CumulativeRegister(SUN, SINCE, 8_000_000),
        CumulativeRegister(NightStandby(SUN), SINCE, 40_000),
        CumulativeRegister(HouseholdPower("flat"), SINCE, 4_500_000),
    ]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-86_400, 4 * 86_400), min_size=2, max_size=20))
def test_a_register_depends_on_the_instant_alone_and_never_falls(seconds: list[int]) -> None:
    for one, other in zip(registers(), registers(), strict=True):
        in_order = [one.wh_at(SINCE + timedelta(seconds=second)) for second in sorted(seconds)]
        as_asked = {second: other.wh_at(SINCE + timedelta(seconds=second)) for second in seconds}
        assert in_order == sorted(in_order)
        assert in_order == [as_asked[second] for second in sorted(seconds)]


def test_a_year_of_sun_is_what_a_plant_in_vienna_gives() -> None:
    first = slot_at(datetime(2026, 1, 1, tzinfo=UTC))
    powers = [SUN.power_w(slot) for slot in range(first, first + 365 * 96)]
    assert 0 <= min(powers) and max(powers) < 30_000
    yearly_kwh = sum(powers) // 4 // 1000
    assert 15_000 < yearly_kwh < 40_000
    by_month = dict.fromkeys(range(1, 13), 0)
    for slot, power in enumerate(powers, start=first):
        by_month[slot_start(slot).month] += power
    assert max(by_month, key=by_month.__getitem__) in (5, 6, 7)
    assert min(by_month, key=by_month.__getitem__) in (12, 1)
    midnight = slot_at(datetime(2026, 6, 21, 23, tzinfo=UTC))
    assert SUN.power_w(midnight) == 0 and NightStandby(SUN).power_w(midnight) > 0


def test_a_flat_uses_what_a_flat_uses() -> None:
    flat = HouseholdPower("flat")
    day_kwh = [sum(flat.power_w(96 * day + slot) for slot in range(96)) // 4000 for day in range(20_000, 20_060)]
    assert 4 < sum(day_kwh) // len(day_kwh) < 20
    assert max(flat.power_w(slot) for slot in range(1_900_000, 1_910_000)) < 14_000


def test_a_register_opens_where_it_was_told() -> None:
    sun = CumulativeRegister(SUN, SINCE, 8_000_000)
    assert sun.wh_at(SINCE - timedelta(days=3)) == 8_000_000
    assert sun.wh_at(SINCE + timedelta(days=2)) > 8_000_000
    with pytest.raises(ValueError, match="below zero"):
        CumulativeRegister(SUN, SINCE, -1)


def test_the_power_shown_is_the_power_counted() -> None:
    flat = CumulativeRegister(HouseholdPower("flat"), SINCE, 0)
    at = SINCE + timedelta(hours=19)
    gained = flat.wh_at(at + QUARTER_HOUR) - flat.wh_at(at)
    assert abs(gained - flat.power_w_at(at) // 4) <= 1


@pytest.mark.parametrize(
    ("size", "data_rate", "airtime_ms"),
    [(12, 0, 1482.8), (12, 5, 61.7), (51, 0, 2793.5), (51, 5, 118.0), (222, 5, 368.9)],
)
def test_airtime_is_that_of_the_data_sheet(size: int, data_rate: int, airtime_ms: float) -> None:
    assert airtime_us(size, data_rate) / 1000 == pytest.approx(airtime_ms, abs=0.05)
