"""A few days at the slowest and the fastest data rate with a tenth of all frames lost; the month is in the benches."""

import pytest

from gateway_agent.lorawan.scheduler import DAILY_BUDGET_US
from standalone.lora_month import SETTLE_DAYS, MonthOptions, MonthResult, simulate


def sound(result: MonthResult) -> None:
    assert result.wrong == []
    assert result.verified == result.readings > 0
    assert result.latest_verified_days <= SETTLE_DAYS
    assert result.airtime_s_busiest <= DAILY_BUDGET_US / 1e6


@pytest.mark.parametrize(("data_rate", "seconds"), [(0, 23.0), (5, 11.5)])
def test_days_with_loss(data_rate: int, seconds: float) -> None:
    result = simulate(MonthOptions(data_rate, seed=4, days=4))
    sound(result)
    assert result.lost > 0
    assert result.airtime_s_per_day <= seconds


def test_a_third_of_all_frames_lost_at_the_lowest_rate() -> None:
    result = simulate(MonthOptions(0, seed=5, days=4, loss=0.3))
    assert result.wrong == [] and result.airtime_s_busiest <= 30
    assert result.verified >= result.readings * 0.9


def test_the_same_seed_gives_the_same_days() -> None:
    options = MonthOptions(3, seed=6, days=2)
    assert simulate(options) == simulate(options)
    assert simulate(options) != simulate(MonthOptions(3, seed=7, days=2))


def test_without_loss_nothing_is_sent_twice_at_the_lowest_rate() -> None:
    result = simulate(MonthOptions(0, seed=8, days=3, loss=0))
    sound(result)
    assert (3 + SETTLE_DAYS) * 8 - 2 <= result.uplinks <= (3 + SETTLE_DAYS) * 8


@pytest.mark.parametrize(("data_rate", "away_days"), [(0, 3), (5, 7)])
def test_days_without_a_modem_are_caught_up(data_rate: int, away_days: int) -> None:
    result = simulate(MonthOptions(data_rate, seed=9, days=3 + away_days, silent=(2, 2 + away_days)))
    assert result.wrong == [] and result.airtime_s_busiest <= DAILY_BUDGET_US / 1e6
    assert result.verified == result.readings
    assert result.latest_verified_days <= away_days + SETTLE_DAYS
