"""What shares cover is never more than what was consumed or produced, and the parts of all holders are the whole."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from community.identity.shares import Share, ShareTable
from community.minting.coverage import Account, IntervalEnergy, holdings_of, summed
from community.units import TokenAmount, WattHours, base_units

AT = datetime(2026, 1, 1, tzinfo=UTC)
energies = st.integers(0, 10**7)
known = st.none() | energies


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30), energies)
def test_parts_of_all_holders_are_the_production(counts: list[int], energy: int) -> None:
    shares = tuple(Share(f"mem_{n}", f"0x{n:040x}", count) for n, count in enumerate(counts))
    table = ShareTable("sht_1", "src_1", 1, sum(counts), shares, "0x", AT)
    parts = [holdings_of(share.holder_id, [table])[0].part_of(WattHours(energy)) for share in shares]
    assert sum(parts) == base_units(WattHours(energy))
    assert holdings_of("mem_nobody", [table]) == []


@given(st.lists(st.tuples(known, known), max_size=50))
def test_an_account_adds_up(intervals: list[tuple[int | None, int | None]]) -> None:
    account = Account()
    for consumption, share in intervals:
        part = None if share is None else TokenAmount(share * 10**14)
        account.add(IntervalEnergy(None if consumption is None else WattHours(consumption), part))
    assert account.intervals == len(intervals)
    assert account.covered <= min(base_units(WattHours(account.consumption_wh)), account.production_share)
    assert account.covered + account.from_grid == base_units(WattHours(account.consumption_wh))
    assert account.covered + account.surplus == account.production_share
    assert account.consumption_missing == sum(consumption is None for consumption, _ in intervals)
    by_hand = sum(min(c * 10**15, s * 10**14) for c, s in intervals if c is not None and s is not None)
    assert account.covered == by_hand


def test_one_unknown_makes_the_sum_unknown() -> None:
    assert summed([]) is None
    assert summed([1, None]) is None
    assert summed([1, 2]) == 3
