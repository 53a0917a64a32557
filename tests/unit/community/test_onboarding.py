"""The way of a device into service as a table: facts move it on, in order and once; nothing is approved half-way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from community.attestation.reasons import Reason
from community.onboarding.plausibility_week import NotPlausible, Plausible, WeekFacts, WeekRules, judge_week
from community.onboarding.serials import same_serial
from community.onboarding.stages import (
    TRANSITIONS,
    Approvable,
    Event,
    NotYet,
    OnboardingFacts,
    SourceFacts,
    Stage,
    judge_approval,
    steps_due,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
WEEK = Plausible("670 of 672 quarter-hours")
SOURCE = SourceFacts("src_1", 30_000, trial=False, declared=True)
COMPLETE = OnboardingFacts(Stage.CREATED, "active", False, NOW, "ab" * 8, NOW, NOW, NOW, WEEK, SOURCE)
ORDER = list(Stage)


def test_every_stage_but_the_last_leads_to_the_next_one_only() -> None:
    for (before, _), after in TRANSITIONS.items():
        assert ORDER.index(after) == ORDER.index(before) + 1
    assert {before for before, _ in TRANSITIONS} == set(ORDER[:-1])


def test_all_facts_at_once_take_every_step_in_order_but_never_approve() -> None:
    steps = steps_due(COMPLETE, NOW)
    assert [step.event for step in steps] == [
        Event.BIND_KEY,
        Event.FIRST_UPLINK,
        Event.FIRST_STATEMENT,
        Event.PLAUSIBLE_WEEK,
    ]
    assert steps_due(replace(COMPLETE, stage=steps[-1].stage), NOW) == []
    approvable = judge_approval(COMPLETE, NOW)
    assert isinstance(approvable, Approvable)
    assert approvable.steps[-1].stage is Stage.APPROVED
    assert judge_approval(replace(COMPLETE, stage=Stage.APPROVED), NOW) == Approvable(())


maybe = st.sampled_from([None, NOW])


@settings(max_examples=60)
@given(
    st.sampled_from(ORDER), maybe, maybe, maybe, maybe, st.sampled_from([None, WEEK, NotPlausible(("too few",))]),
    st.booleans(), st.sampled_from(["pending", "active", "revoked"]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_step_only_follows_its_fact_and_approval_needs_all(
    stage: Stage, key: datetime | None, uplink: datetime | None, statement: datetime | None, serial: datetime | None,
    week: Plausible | NotPlausible | None, trial: bool, state: str, declared: bool, source_trial: bool,
) -> None:  # fmt: skip
    facts = OnboardingFacts(
        stage, state, trial, key, "ab" * 8, uplink, statement, serial, week,
        SourceFacts("src_1", 30_000, trial=source_trial, declared=declared),
    )  # fmt: skip
    reached = stage
    for step in steps_due(facts, NOW):
        assert TRANSITIONS[reached, step.event] is step.stage
        fact = {Event.BIND_KEY: key, Event.FIRST_UPLINK: uplink, Event.FIRST_STATEMENT: statement}.get(step.event, NOW)
        assert fact is not None
        reached = step.stage
    assert reached is not Stage.APPROVED or stage is Stage.APPROVED
    verdict = judge_approval(facts, NOW)
    if stage is not Stage.APPROVED and isinstance(verdict, Approvable):
        assert not trial and not source_trial and declared and serial is not None and state != "revoked"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key_bound_at": None}, "no key is bound"),
        ({"first_uplink_at": None}, "no uplink has come"),
        ({"first_statement_at": None}, "no statement of it verified"),
        ({"week": None}, "no reading is on the books"),
        ({"week": NotPlausible(("the register did not move",))}, "did not move"),
        ({"serial_confirmed_at": None}, "confirmed the meter's serial"),
        ({"state": "revoked"}, "was revoked"),
        ({"trial": True}, "device is on trial"),
        ({"source": replace(SOURCE, trial=True)}, "source src_1 is on trial"),
        ({"source": replace(SOURCE, declared=False)}, "no declaration for source src_1"),
    ],
)
def test_each_thing_that_is_missing_is_named(change: dict[str, object], said: str) -> None:
    verdict = judge_approval(replace(COMPLETE, **change), NOW)  # type: ignore[arg-type]
    assert isinstance(verdict, NotYet)
    assert len(verdict.missing) == 1 and said in verdict.missing[0]


def test_the_week_can_be_done_without_for_a_reason_that_is_one() -> None:
    without = replace(COMPLETE, week=None)
    waived = judge_approval(without, NOW, "measured beside the old meter for a month")
    assert isinstance(waived, Approvable)
    assert [step.event for step in waived.steps][-2:] == [Event.WAIVE_WEEK, Event.APPROVE]
    assert "beside the old meter" in waived.steps[-2].why
    short = judge_approval(without, NOW, "because")
    assert short == NotYet(("the reason for doing without the plausible week needs 10 characters or more",))
    assert isinstance(judge_approval(replace(without, first_uplink_at=None), NOW, "a reason of its own"), NotYet)


GOOD = WeekFacts(NOW - timedelta(days=8), 660, 40_000, {})


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(GOOD, first_reading_at=None), "no reading"),
        (replace(GOOD, first_reading_at=NOW - timedelta(days=6)), "wait until 2026-11-28"),
        (replace(GOOD, readings_present=604), "604 of 672"),
        (replace(GOOD, energy_wh=0), "did not move"),
        (replace(GOOD, open_refusals={Reason.RESET_SUSPECTED.value: 2}), "reset_suspected"),
    ],
)
def test_a_week_that_is_not_plausible_says_why(facts: WeekFacts, said: str) -> None:
    verdict = judge_week(facts, WeekRules(), NOW)
    assert isinstance(verdict, NotPlausible) and len(verdict.reasons) == 1 and said in verdict.reasons[0]


def test_a_plausible_week_and_refusals_that_say_nothing_against_the_device() -> None:
    assert isinstance(judge_week(replace(GOOD, readings_present=605), WeekRules(), NOW), Plausible)
    assert isinstance(judge_week(replace(GOOD, open_refusals={"too_old": 9}), WeekRules(), NOW), Plausible)


def test_rules_of_the_week_refuse_what_is_none() -> None:
    with pytest.raises(ValueError, match="an hour or longer"):
        WeekRules(length=timedelta(minutes=59))
    for percent in (0, 101):
        with pytest.raises(ValueError, match="between 1 and 100"):
            WeekRules(present_percent=percent)


def test_serial_numbers_are_compared_as_people_write_them() -> None:
    assert same_serial("1 isk-00.123456", "1ISK00123456")
    assert not same_serial("1ISK00123457", "1ISK00123456")
    assert not same_serial(" - ", " . ")
