"""A proposal waits for its window and for answers to objections."""

from datetime import timedelta

import pytest

from community.identity.identities import SettlementPeriod, SettlementPolicy
from community.minting.proposals import Due, Held, Objection, Proposal, judge_proposal
from community.units import WattHours
from tests.support.sending_device import NOON

HOUR = timedelta(hours=1)


def proposal(**changes: object) -> Proposal:
    values: dict[str, object] = {
        "issuance_id": "0x" + "11" * 32, "source_id": "plant", "from_wh": WattHours(0), "to_wh": WattHours(70),
        "period_start": NOON, "period_end": NOON + HOUR, "measurement_id": "m", "share_table_id": "shares",
        "proposed_at": NOON + HOUR, "due_at": NOON + 25 * HOUR,
    }  # fmt: skip
    return Proposal(**(values | changes))  # type: ignore[arg-type]


def objection(answer: str | None = None, proposal_id: str | None = None) -> Objection:
    return Objection(proposal_id or proposal().id, "anna", "the meter stood still", NOON + 2 * HOUR, answer)


def test_it_is_due_when_its_window_is_over() -> None:
    held = judge_proposal(proposal(), [], NOON + 24 * HOUR)
    assert isinstance(held, Held) and not held.by_objection and "open to objections until" in held.reason
    assert judge_proposal(proposal(), [], NOON + 25 * HOUR) == Due()
    assert judge_proposal(proposal(due_at=NOON + HOUR), [], NOON + HOUR) == Due()


def test_an_open_objection_holds_it_beyond_its_window() -> None:
    held = judge_proposal(proposal(), [objection()], NOON + 100 * HOUR)
    assert isinstance(held, Held) and held.by_objection and "anna" in held.reason
    assert judge_proposal(proposal(), [objection("it was checked")], NOON + 100 * HOUR) == Due()
    assert judge_proposal(proposal(), [objection(proposal_id="another")], NOON + 100 * HOUR) == Due()


def test_the_same_energy_proposed_anew_is_another_proposal() -> None:
    assert proposal().id != proposal(share_table_id="other").id != proposal(proposed_at=NOON + 2 * HOUR).id


@pytest.mark.parametrize(
    "changes", [{"to_wh": WattHours(0)}, {"period_end": NOON}, {"due_at": NOON}], ids=["energy", "period", "due"]
)
def test_a_proposal_of_nothing_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="proposal"):
        proposal(**changes)


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("anna", " ")])
def test_an_objection_without_substance_is_refused(by: str, reason: str) -> None:
    with pytest.raises(ValueError, match="objection needs"):
        Objection("prop_1", by, reason, NOON)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"period": SettlementPeriod.BASE_FEE}, "belongs to the settlement period"),
        ({"base_fee_wei_max": 5}, "belongs to the settlement period"),
        ({"period": SettlementPeriod.BASE_FEE, "base_fee_wei_max": 0}, "above zero"),
        ({"proposal_window": timedelta(days=31)}, "0 to 30 days"),
        ({"proposal_window": -HOUR}, "0 to 30 days"),
        ({"proposal_window": timedelta(microseconds=1)}, "number of seconds"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(values: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SettlementPolicy(**values)  # type: ignore[arg-type]
