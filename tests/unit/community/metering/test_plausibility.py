"""The rules for a register's next value, at their limits; and one law over all of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.metering.plausibility import (
    Advances,
    BeyondNameplate,
    FirstReading,
    RegisterLimits,
    RegisterState,
    RegisterVerdict,
    Regression,
    ResetSuspected,
    RolledOver,
    judge_register,
)
from community.units import WattHours

START = datetime(2026, 6, 1, tzinfo=UTC)
LIMITS = RegisterLimits(modulus_wh=1_000_000, max_power_w=10_000)  # 3000 Wh per quarter-hour with the margin


def _judge(before: int, after: int, limits: RegisterLimits = LIMITS, seconds: int = 900) -> RegisterVerdict:
    new = RegisterState(START + timedelta(seconds=seconds), after)
    return judge_register(RegisterState(START, before), new, limits)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (500, 500, Advances(WattHours(0))),
        (500, 3500, Advances(WattHours(3000))),
        (500, 3501, BeyondNameplate(WattHours(3001))),
        (999_000, 1_500, RolledOver(WattHours(2500))),
        (999_000, 2_000, RolledOver(WattHours(3000))),
        (999_000, 2_001, ResetSuspected(WattHours(996_999))),
        (900_000, 0, ResetSuspected(WattHours(900_000))),
        (900_001, 99_999, ResetSuspected(WattHours(800_002))),
        (1_000_000, 10, ResetSuspected(WattHours(999_990))),
        (215_600, 215_500, Regression(WattHours(100))),
        (215_600, 215_499, ResetSuspected(WattHours(101))),
        (215_600, 0, ResetSuspected(WattHours(215_600))),
        (50, 0, Regression(WattHours(50))),
    ],
)
def test_the_rules_at_their_limits(before: int, after: int, verdict: RegisterVerdict) -> None:
    assert _judge(before, after) == verdict


def test_the_power_limit_grows_with_the_time_passed() -> None:
    assert _judge(0, 6000, seconds=1800) == Advances(WattHours(6000))
    assert _judge(0, 6001, seconds=1800) == BeyondNameplate(WattHours(6001))
    assert _judge(0, 2500, RegisterLimits(max_power_w=10_000, margin_percent=100)) == Advances(WattHours(2500))


def test_what_is_not_known_is_not_checked() -> None:
    nothing = RegisterLimits()
    assert _judge(0, 10**12, nothing) == Advances(WattHours(10**12))
    assert _judge(999_000, 0, nothing) == ResetSuspected(WattHours(999_000))
    wrapping = RegisterLimits(modulus_wh=1_000_000)
    assert _judge(900_001, 99_999, wrapping) == RolledOver(WattHours(199_998))
    assert _judge(900_000, 0, wrapping) == ResetSuspected(WattHours(900_000))
    assert _judge(999_000, 100_000, wrapping) == ResetSuspected(WattHours(899_000))


def test_a_first_reading_creates_no_energy() -> None:
    assert judge_register(None, RegisterState(START, 5_000_000), LIMITS) == FirstReading()


def test_readings_must_come_in_order() -> None:
    for seconds in (0, -900):
        with pytest.raises(ValueError, match="cannot be judged after"):
            _judge(1, 2, seconds=seconds)


def test_impossible_states_and_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        RegisterState(START.replace(tzinfo=None), 1)
    with pytest.raises(ValueError, match="cannot stand"):
        RegisterState(START, -1)
    changes: list[dict[str, Any]] = [{"modulus_wh": 0}, {"max_power_w": -1}, {"margin_percent": 99}, {"jitter_wh": -1}]
    for change in changes:
        with pytest.raises(ValueError, match=r"must be|cannot be"):
            RegisterLimits(**change)


@given(st.integers(0, 999_999), st.integers(0, 999_999), st.integers(1, 10**6))
def test_energy_is_never_negative_and_never_more_than_the_installation_can(
    before: int, after: int, seconds: int
) -> None:
    match _judge(before, after, seconds=seconds):
        case Advances(energy) | RolledOver(energy):
            assert 0 <= energy
            assert (before + energy) % 1_000_000 == after
            assert energy * 360_000 <= 10_000 * 120 * seconds
        case BeyondNameplate(energy):
            assert energy * 360_000 > 10_000 * 120 * seconds
        case Regression(fall):
            assert 0 < fall <= 100
            assert after == before - fall
        case ResetSuspected(fall):
            assert fall > 100
            assert after == before - fall
        case FirstReading():
            raise AssertionError("there was a reading before")
