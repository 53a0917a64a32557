"""Apportionment is exact; planning covers every watt-hour once, in order, and never crosses a change of shares."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from community.clock import QUARTER_HOUR
from community.identity.identities import SettlementPeriod
from community.identity.shares import Share, ShareTable
from community.minting.apportionment import apportion
from community.minting.planning import (
    Cadence,
    NothingToSettle,
    PlanBlocked,
    PlannedPeriod,
    SettledUpTo,
    VerifiedReading,
    plan_next,
)
from community.units import BASE_UNITS_PER_WH, WattHours
from contracts.abi import ShareConfig
from tests.support.sending_device import NOON

WEIGHTS = st.lists(st.integers(1, 2**64 - 1), min_size=1, max_size=40)
ENERGIES = st.integers(0, 2**64 - 1)


@given(energy=ENERGIES, weights=WEIGHTS)
def test_parts_add_up_and_nobody_gets_less_than_a_unit_below_his_share(energy: int, weights: list[int]) -> None:
    parts = apportion(WattHours(energy), weights)
    whole, total = energy * BASE_UNITS_PER_WH, sum(weights)
    assert sum(parts) == whole
    assert all(0 <= whole * weight - part * total < total for part, weight in zip(parts[:-1], weights, strict=False))
    assert 0 <= parts[-1] * total - whole * weights[-1] < len(weights) * total


@given(energy=ENERGIES, weights=WEIGHTS)
def test_the_split_is_the_contracts(energy: int, weights: list[int]) -> None:
    holders = tuple(f"0x{n:040x}" for n in range(1, len(weights) + 1))
    assert ShareConfig(bytes(32), bytes(32), holders, tuple(weights)).split(energy) == apportion(
        WattHours(energy), weights
    )


def table(revision: int, begin: int, end: int | None) -> ShareTable:
    valid_to = None if end is None else NOON + end * QUARTER_HOUR
    share = Share("member", "0x" + "11" * 20, 1)
    return ShareTable(f"t{revision}", "plant", revision, 1, (share,), "0x", NOON + begin * QUARTER_HOUR, valid_to)


READINGS = st.dictionaries(st.integers(1, 60), st.integers(0, 9), min_size=1, max_size=40)


@given(
    increments=READINGS,
    change=st.none() | st.integers(1, 60),
    period=st.sampled_from(SettlementPeriod),
    cheap=st.booleans(),
)
def test_plans_form_a_chain_without_holes(
    increments: dict[int, int], change: int | None, period: SettlementPeriod, cheap: bool
) -> None:
    register, readings = 0, []
    for slot in sorted(increments):
        register += increments[slot]
        readings.append(VerifiedReading(f"m{slot}", NOON + slot * QUARTER_HOUR, WattHours(register), "register"))
    tables = [table(1, 0, change)] + ([] if change is None else [table(2, change, None)])
    settled = SettledUpTo(WattHours(0), NOON)
    for _ in range(len(readings) + 1):
        match plan_next(Cadence(period, cheap=cheap), settled, readings, tables, 10**6):
            case PlannedPeriod() as planned:
                assert planned.from_wh == settled.register_wh and planned.energy_wh > 0
                assert settled.at <= planned.period_start < planned.reading.at
                assert planned.share_table.is_valid_at(planned.period_start)
                assert planned.share_table.is_valid_at(planned.reading.at - timedelta(seconds=1))
                settled = SettledUpTo(planned.reading.register_wh, planned.reading.at)
            case PlanBlocked():
                assert change is not None and change not in increments
                return
            case NothingToSettle():
                left = [reading for reading in readings if reading.register_wh > settled.register_wh]
                if period is SettlementPeriod.INTERVAL or (cheap and period is SettlementPeriod.BASE_FEE):
                    assert not left
                return
    raise AssertionError("planning did not come to an end")
