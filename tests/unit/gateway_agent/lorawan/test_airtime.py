"""Airtime by the formula of Semtech AN1200.13, and the account of a day."""

import pytest

from gateway_agent.lorawan.airtime import DAY_S, AirtimeAccount, airtime_us, block_us


@pytest.mark.parametrize(
    ("payload", "data_rate", "ms"),
    [(12, 0, 1482.8), (12, 5, 61.7), (51, 0, 2793.5), (51, 5, 118.0), (222, 5, 368.9), (90, 3, 574.464)],
)
def test_published_figures(payload: int, data_rate: int, ms: float) -> None:
    assert airtime_us(payload, data_rate) / 1000 == pytest.approx(ms, abs=0.06)


def test_a_block_more_is_five_symbols() -> None:
    assert airtime_us(55, 0) - airtime_us(50, 0) == block_us(0) == 163_840
    with pytest.raises(ValueError, match="0 to 5"):
        airtime_us(1, 6)
    with pytest.raises(ValueError, match="at least 0"):
        airtime_us(-1, 0)


def test_a_day_s_account() -> None:
    account = AirtimeAccount()
    for at_s in (1000, 2000, 3000):
        account.add(at_s, 10)
    assert account.used_us(3000) == 30
    assert account.free_at(3000, 10, 40) == 3000
    assert account.free_at(3000, 11, 40) == 1000 + DAY_S
    assert account.free_at(3000, 30, 40) == 2000 + DAY_S
    assert account.used_us(1000 + DAY_S) == 20
    account.add(2000 + DAY_S, 5)
    assert account.entries == [(3000, 10), (2000 + DAY_S, 5)]
    with pytest.raises(ValueError, match="whole budget"):
        account.free_at(0, 41, 40)
