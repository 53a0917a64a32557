"""What is issued next: intervals, longer periods, gaps, changes of shares, registers that fall."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from community.clock import QUARTER_HOUR
from community.identity.identities import SettlementPeriod
from community.identity.shares import Share, ShareTable
from community.minting.planning import (
    Cadence,
    NothingToSettle,
    Plan,
    PlanBlocked,
    PlannedPeriod,
    SettledUpTo,
    VerifiedReading,
    plan_next,
)
from community.units import WattHours

SIX = datetime(2026, 6, 15, 6, tzinfo=UTC)
INTERVAL, HOUR, DAY = SettlementPeriod.INTERVAL, SettlementPeriod.HOUR, SettlementPeriod.DAY


def at(quarters: int) -> datetime:
    return SIX + quarters * QUARTER_HOUR


def readings(**values: int) -> list[VerifiedReading]:
    """q1=5 is 5 Wh one quarter-hour after six."""
    return [VerifiedReading(name, at(int(name[1:])), WattHours(wh), "register") for name, wh in values.items()]


def table(name: str, begin: int, end: int | None = None) -> ShareTable:
    share = Share("anna", "0x" + "aa" * 20, 10)
    return ShareTable(name, "plant", 1, 10, (share,), "0x", at(begin), None if end is None else at(end))


def plan(
    period: SettlementPeriod,
    taken: list[VerifiedReading],
    *tables: ShareTable,
    register: int = 0,
    start: int = 0,
    nameplate_w: int = 10**6,
) -> Plan:
    settled = SettledUpTo(WattHours(register), at(start), "register" if start else None)
    return plan_next(Cadence(period), settled, taken, tables or (table("always", 0),), nameplate_w)


def span(planned: Plan) -> tuple[int, int, datetime, datetime, str]:
    assert isinstance(planned, PlannedPeriod), planned
    reading = planned.reading
    return planned.from_wh, reading.register_wh, planned.period_start, reading.at, planned.share_table.id


def test_the_first_interval_with_energy() -> None:
    assert span(plan(INTERVAL, readings(q1=5, q2=9))) == (0, 5, at(0), at(1), "always")


def test_intervals_without_energy_move_the_period_only() -> None:
    assert span(plan(INTERVAL, readings(q1=0, q2=0, q3=7))) == (0, 7, at(2), at(3), "always")


def test_a_gap_is_issued_whole() -> None:
    assert span(plan(INTERVAL, readings(q4=40, q5=50))) == (0, 40, at(0), at(4), "always")


@pytest.mark.parametrize("taken", [[], readings(q1=0, q2=0), readings(q0=0)])
def test_nothing_to_settle(taken: list[VerifiedReading]) -> None:
    assert plan(INTERVAL, taken) == NothingToSettle()


def test_readings_before_the_settled_instant_are_past() -> None:
    assert span(plan(INTERVAL, readings(q1=5, q2=9), register=5, start=1)) == (5, 9, at(1), at(2), "always")


def test_an_hour_waits_until_it_is_over() -> None:
    assert plan(HOUR, readings(q1=5, q2=9, q3=12)) == NothingToSettle()
    assert span(plan(HOUR, readings(q1=5, q2=9, q3=12, q4=20))) == (0, 20, at(0), at(4), "always")


def test_an_hour_whose_last_reading_is_missing_ends_at_the_one_before() -> None:
    assert span(plan(HOUR, readings(q1=5, q3=12, q6=20))) == (0, 12, at(0), at(3), "always")


def test_a_day_ends_at_midnight_utc() -> None:
    assert plan(DAY, readings(q1=5, q71=100)) == NothingToSettle()
    assert span(plan(DAY, readings(q1=5, q71=100, q72=101, q73=102))) == (0, 101, at(0), at(72), "always")


@pytest.mark.parametrize("period", list(SettlementPeriod))
def test_a_period_ends_where_the_shares_change(period: SettlementPeriod) -> None:
    tables = (table("old", 0, 2), table("new", 2))
    taken = readings(q2=9, q4=20, q100=30)
    assert span(plan(period, taken, *tables)) == (0, 9, at(0), at(2), "old")
    assert span(plan(period, taken, *tables, register=9, start=2))[4] == "new"


def test_zero_energy_before_a_change_leaves_the_rest_to_the_new_table() -> None:
    tables = (table("old", 0, 2), table("new", 2))
    assert span(plan(INTERVAL, readings(q2=0, q5=9), *tables)) == (0, 9, at(2), at(5), "new")


def test_a_change_of_shares_inside_a_gap_waits_for_a_person() -> None:
    blocked = plan(INTERVAL, readings(q5=9), table("old", 0, 2), table("new", 2))
    assert isinstance(blocked, PlanBlocked) and "inside a gap" in blocked.reason


@pytest.mark.parametrize("period", [INTERVAL, HOUR])
def test_a_change_of_shares_inside_a_gap_without_energy_hurts_nobody(period: SettlementPeriod) -> None:
    tables = (table("old", 0, 2), table("new", 2))
    assert span(plan(period, readings(q5=0, q6=9, q8=9), *tables))[3:] == (at(8 if period is HOUR else 6), "new")


@pytest.mark.parametrize("period", list(SettlementPeriod))
def test_what_was_counted_before_a_fall_is_settled_before_a_person_is_asked(period: SettlementPeriod) -> None:
    taken = readings(q1=70, q2=90, q3=4, q4=200)
    expected = 70 if period is INTERVAL else 90
    assert span(plan(period, taken))[:2] == (0, expected)
    blocked = plan(period, taken, register=90, start=2)
    assert isinstance(blocked, PlanBlocked) and "fell from 90 to 4 Wh" in blocked.reason


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (VerifiedReading("m2", at(2), WattHours(90), "another register"), "another meter"),
        (VerifiedReading("m2", at(2), WattHours(90), "register", factor=20), "factor 20"),
    ],
)
def test_another_meter_or_transformers_wait_for_a_person(reading: VerifiedReading, why: str) -> None:
    taken = [*readings(q1=70), reading]
    assert span(plan(DAY, taken))[:2] == (0, 70)
    blocked = plan(DAY, taken, register=70, start=1)
    assert isinstance(blocked, PlanBlocked) and why in blocked.reason


def test_more_than_the_nameplate_is_settled_together_with_what_follows() -> None:
    hot = readings(q1=26, q2=51, q3=52)
    assert span(plan(INTERVAL, readings(q1=26), nameplate_w=100))[1] == 26, "one Wh of rounding is the contract's too"
    assert span(plan(INTERVAL, readings(q1=27, q2=52, q3=53), nameplate_w=100))[:2] == (0, 53)
    blocked = plan(INTERVAL, readings(q1=27, q2=52), nameplate_w=100)
    assert isinstance(blocked, PlanBlocked) and "27 Wh" in blocked.reason and "100 W" in blocked.reason
    assert span(plan(INTERVAL, hot, nameplate_w=100))[1] == 26


def test_more_than_the_nameplate_never_crosses_a_change_of_shares() -> None:
    blocked = plan(INTERVAL, readings(q1=27, q2=28), table("old", 0, 1), table("new", 1), nameplate_w=100)
    assert isinstance(blocked, PlanBlocked) and "under the same shares" in blocked.reason


def test_a_falling_register_waits_for_a_person() -> None:
    blocked = plan(INTERVAL, readings(q1=5), register=6)
    assert isinstance(blocked, PlanBlocked) and "fell from 6 to 5 Wh" in blocked.reason


def test_no_share_table_waits_for_a_person() -> None:
    blocked = plan(INTERVAL, readings(q1=5), table("later", 1))
    assert isinstance(blocked, PlanBlocked) and "No share table" in blocked.reason


def test_the_energy_of_a_plan() -> None:
    planned = plan(INTERVAL, readings(q1=5), register=2)
    assert isinstance(planned, PlannedPeriod) and planned.energy_wh == 3
    assert planned.reading.at - planned.period_start == timedelta(minutes=15)


def plan_cheap(taken: list[VerifiedReading], *tables: ShareTable, cheap: bool, start: int = 0) -> Plan:
    settled = SettledUpTo(WattHours(0), at(start))
    cadence = Cadence(SettlementPeriod.BASE_FEE, cheap=cheap)
    return plan_next(cadence, settled, taken, tables or (table("always", 0),), 10**6)


def test_what_was_read_is_settled_when_the_chain_is_cheap_or_else_when_the_day_is_over() -> None:
    taken = readings(q1=5, q9=40)
    assert plan_cheap(taken, cheap=False) == NothingToSettle()
    assert span(plan_cheap(taken, cheap=True)) == (0, 40, at(0), at(9), "always")
    a_day = readings(q1=5, q72=40, q73=41)
    assert span(plan_cheap(a_day, cheap=False)) == (0, 40, at(0), at(72), "always")
    assert span(plan_cheap(a_day, cheap=True))[1] == 41


def test_a_cheap_chain_settles_no_further_than_the_shares() -> None:
    tables = (table("old", 0, 2), table("new", 2))
    assert span(plan_cheap(readings(q1=5, q2=9, q3=12), *tables, cheap=True)) == (0, 9, at(0), at(2), "old")


@pytest.mark.parametrize(
    ("day", "quarters"),
    [((2025, 3, 30), 92), ((2025, 10, 26), 100), ((2024, 2, 29), 96), ((2025, 6, 1), 96)],
    ids=["spring", "autumn", "leap day", "any day"],
)
def test_a_local_day_has_as_many_quarter_hours_as_it_has(day: tuple[int, int, int], quarters: int) -> None:
    """Golden list 2.11; eegFaktura grouped by local times as text, RDDL assumed 96 (energy-and-tokens 4, 14 and 17)."""
    vienna = ZoneInfo("Europe/Vienna")
    midnight = datetime(*day, tzinfo=vienna).astimezone(UTC)
    taken = [
        VerifiedReading(f"m{n}", midnight + n * QUARTER_HOUR, WattHours(n), "register") for n in range(1, quarters + 8)
    ]
    share = Share("anna", "0x" + "aa" * 20, 10)
    always = ShareTable("always", "plant", 1, 10, (share,), "0x", midnight)
    planned = plan_next(Cadence(DAY, vienna), SettledUpTo(WattHours(0), midnight), taken, (always,), 10**6)
    assert isinstance(planned, PlannedPeriod)
    assert (planned.reading.at - midnight) // QUARTER_HOUR == quarters == planned.energy_wh
    next_midnight = planned.reading.at.astimezone(vienna)
    assert (
        next_midnight.hour,
        next_midnight.minute,
        (next_midnight.date() - midnight.astimezone(vienna).date()).days,
    ) == (
        0,
        0,
        1,
    )


@pytest.mark.parametrize("period", [INTERVAL, DAY])
@pytest.mark.parametrize("missing", [1, 5, 96])
def test_a_gap_of_any_length_is_settled_whole_unless_the_shares_change_inside_it(
    missing: int, period: SettlementPeriod
) -> None:
    """Golden list 2.11: gaps of 1, 5 and 96 intervals, with and without a change of shares."""
    behind = missing + 2
    taken = readings(**{"q1": 5, f"q{behind}": 90, f"q{behind + 96}": 95})
    assert span(plan(period, taken, register=5, start=1))[:2] == (5, 90)
    inside = (table("old", 0, 2), table("new", 2))
    blocked = plan(period, taken, *inside, register=5, start=1)
    assert isinstance(blocked, PlanBlocked) and "inside a gap" in blocked.reason
    at_its_end = (table("old", 0, behind), table("new", behind))
    assert span(plan(period, taken, *at_its_end, register=5, start=1)) == (5, 90, at(1), at(behind), "old")


def test_who_leaves_gets_his_part_up_to_the_boundary_and_nothing_after() -> None:
    """Golden list 2.11: leaver."""
    both = (Share("anna", "0x" + "aa" * 20, 4), Share("bert", "0x" + "bb" * 20, 6))
    before = ShareTable("with anna", "plant", 1, 10, both, "0x", at(0), at(2))
    after = ShareTable("without", "plant", 2, 10, (Share("bert", "0x" + "bb" * 20, 10),), "0x", at(2))
    taken = readings(q1=10, q2=30, q3=60)
    found, settled = [], SettledUpTo(WattHours(0), at(0))
    while isinstance(planned := plan_next(Cadence(), settled, taken, (before, after), 10**6), PlannedPeriod):
        found.append((planned.energy_wh, [share.holder_id for share in planned.share_table.shares]))
        settled = SettledUpTo(planned.reading.register_wh, planned.reading.at, "register")
    assert found == [(10, ["anna", "bert"]), (20, ["anna", "bert"]), (30, ["bert"])]
