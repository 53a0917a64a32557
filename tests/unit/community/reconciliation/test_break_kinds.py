"""What matching decides beside the situations of tests/scenarios: time left, epochs, netted debt, neighbours."""

from dataclasses import replace
from datetime import timedelta

import pytest

from community.minting.issuances import IssuanceState
from community.reconciliation.breaks import Break, BreakKind, Severity
from community.reconciliation.facts import Configured, Facts
from community.reconciliation.matching import reconcile
from community.tokens.supply import Supply
from community.tokens.transfers import ZERO_ADDRESS, Transfer
from community.units import BASE_UNITS_PER_WH
from tests.support.books_in_agreement import ANNA, BERND, JUST_NOW, LONG_AGO, NOW, SOURCE, TOKEN, agreeing, hash32

K = BreakKind


def books() -> Facts:
    return agreeing([100, 250, 300])


def last_issuance(facts: Facts, **changes: object) -> Facts:
    return replace(facts, issuances=(*facts.issuances[:-1], replace(facts.issuances[-1], **changes)))  # type: ignore[arg-type]


def without_last_settlement(facts: Facts) -> Facts:
    """The chain never settled the last issuance."""
    gone = facts.settled[-1]
    mints = tuple(mint for mint in facts.mints if mint.tx_hash != gone.tx_hash)
    lost = {mint.recipient: mint.amount for mint in facts.mints if mint.tx_hash == gone.tx_hash}
    balances = {holder: amount - lost[holder] for holder, amount in facts.balances.items()}
    assert facts.asked is not None
    state = replace(facts.asked.sources[SOURCE.ref], register_wh=gone.from_wh)
    supply = Supply(sum(mint.amount for mint in mints))
    asked = replace(facts.asked, total_supply=supply.outstanding, balances=dict(balances), sources={SOURCE.ref: state})
    return replace(facts, settled=facts.settled[:-1], mints=mints, balances=balances, supply=supply, asked=asked)


def more_tokens(facts: Facts, mint: Transfer) -> Facts:
    """`mint` happened on chain and is indexed."""
    balances = {**facts.balances, mint.recipient: facts.balances.get(mint.recipient, 0) + mint.amount}
    supply = Supply(facts.supply.minted + mint.amount, facts.supply.burned)
    assert facts.asked is not None
    asked = replace(facts.asked, total_supply=supply.outstanding, balances=dict(balances))
    return replace(facts, mints=(*facts.mints, mint), balances=balances, supply=supply, asked=asked)


FOREIGN = Transfer(22, 7, hash32(22), hash32(66), TOKEN, ZERO_ADDRESS, ANNA, 5)


def forget_issuance(facts: Facts, n: int, keep_interval: bool = False) -> Facts:
    intervals = facts.intervals if keep_interval else tuple(i for k, i in enumerate(facts.intervals) if k != n)
    return replace(facts, issuances=tuple(i for k, i in enumerate(facts.issuances) if k != n), intervals=intervals)


def test_a_mint_without_issuance_is_grave_and_names_its_log() -> None:
    (found,) = reconcile(more_tokens(books(), FOREIGN)).breaks
    assert (found.severity, found.subject, found.found) == (Severity.GRAVE, f"{FOREIGN.tx_hash}:7", "5")
    assert ANNA in found.detail


def test_what_is_recent_is_pending_and_no_break() -> None:
    facts = last_issuance(without_last_settlement(books()), state=IssuanceState.BROADCAST, planned_at=JUST_NOW)
    result = reconcile(facts)
    assert result.breaks == ()
    assert result.pending.issuances == (facts.issuances[-1].id,)
    assert result.pending.intervals == (facts.intervals[-1].key,)


def test_age_counts_from_the_record_not_from_the_energys_time() -> None:
    facts = forget_issuance(without_last_settlement(books()), 2, keep_interval=True)
    fresh = replace(facts, intervals=(*facts.intervals[:-1], replace(facts.intervals[-1], recorded_at=JUST_NOW)))
    assert reconcile(fresh).breaks == ()
    assert reconcile(fresh).pending.intervals == (facts.intervals[-1].key,)
    assert NOW - facts.intervals[-1].starts_at > timedelta(days=100) and LONG_AGO < JUST_NOW


def test_a_source_that_collects_a_day_gets_that_day() -> None:
    facts = forget_issuance(without_last_settlement(books()), 2, keep_interval=True)
    daily = replace(facts, sources=(replace(SOURCE, collects=timedelta(days=1)),))
    assert [found.kind for found in reconcile(facts).breaks] == [K.INTERVAL_UNMINTED]
    assert reconcile(daily).breaks == () and len(reconcile(daily).pending.intervals) == 1


def test_a_final_issuance_waits_for_the_index_to_reach_its_block() -> None:
    facts = last_issuance(without_last_settlement(books()), mined_block=10_000, planned_at=JUST_NOW)
    assert reconcile(facts).breaks == ()


def test_unminted_neighbours_are_one_break() -> None:
    facts = agreeing([100, 250, 300, 400])
    alone = replace(facts, issuances=(), settled=(), mints=(), balances={}, supply=Supply(), asked=None)
    (found,) = reconcile(alone).breaks
    assert found.kind is K.INTERVAL_UNMINTED and found.expected == "1050 Wh" and len(found.intervals) == 4


def test_a_night_without_energy_needs_no_issuance() -> None:
    facts = agreeing([100])
    night = replace(facts.intervals[0], starts_at=facts.intervals[0].ends_at, energy_wh=0)
    result = reconcile(replace(facts, intervals=(*facts.intervals, night)))
    assert result.breaks == () and result.idle == (night.key,)


def test_netted_debt_is_part_of_the_identity() -> None:
    facts = agreeing([100])
    assert facts.asked is not None
    (settled,), (issuance,) = facts.settled, facts.issuances
    netted = replace(settled, minted_wh=0)
    debt_left = replace(facts.asked.sources[SOURCE.ref], debt_wh=20)
    paid = replace(
        facts, settled=(netted,), issuances=(replace(issuance, amount=0, parts=((ANNA, 0), (BERND, 0))),), mints=(),
        supply=Supply(), balances={}, corrected_wh={SOURCE.ref: 120},
        asked=replace(facts.asked, total_supply=0, balances={}, sources={SOURCE.ref: debt_left}),
    )  # fmt: skip
    result = reconcile(paid)
    assert result.breaks == () and len(result.matches) == 1 and result.matches[0].energy_wh == 100


def test_a_new_meter_begins_a_new_epoch_of_the_register() -> None:
    facts = agreeing([100, 250])
    first, second = facts.settled
    moved = replace(second, from_wh=0, to_wh=250)
    evidence = replace(facts.issuances[1].evidence, register_wh=250)
    issuance = replace(facts.issuances[1], from_wh=0, to_wh=250, evidence=evidence)
    exchange = Configured(first.block_number, 50, SOURCE.ref, first.to_wh, 0)
    assert facts.asked is not None
    state = replace(facts.asked.sources[SOURCE.ref], register_wh=250)
    exchanged = replace(
        facts, settled=(first, moved), issuances=(facts.issuances[0], issuance),
        configured=(*facts.configured, exchange), asked=replace(facts.asked, sources={SOURCE.ref: state}),
    )  # fmt: skip
    assert reconcile(exchanged).breaks == ()
    (found, *_) = reconcile(replace(exchanged, configured=facts.configured, asked=None)).breaks
    assert found.kind is K.MINTED_TWICE


def test_settlements_of_one_transaction_keep_their_own_mints() -> None:
    facts = agreeing([100, 250])
    first, second = facts.settled
    together = replace(second, block_number=first.block_number, tx_hash=first.tx_hash, log_index=3)
    mints = tuple(
        mint if mint.tx_hash == first.tx_hash
        else replace(mint, block_number=first.block_number, tx_hash=first.tx_hash, log_index=mint.log_index + 3)
        for mint in facts.mints
    )  # fmt: skip
    assert reconcile(replace(facts, settled=(first, together), mints=mints)).breaks == ()


def test_unfinalised_settlements_are_refused() -> None:
    facts = agreeing([100])
    with pytest.raises(ValueError, match="only finalised"):
        replace(facts, finalised_block=facts.settled[0].block_number - 1)
    with pytest.raises(ValueError, match="without an issuer"):
        replace(facts, has_issuer=False)


def test_a_settlement_of_an_unknown_source_is_named() -> None:
    facts = agreeing([100])
    stranger = replace(facts.settled[0], log_index=40, source_ref=hash32(3), minted_wh=1)
    found: Break = reconcile(replace(facts, settled=(*facts.settled, stranger))).breaks[0]
    assert found.kind is K.MISSING_OFF_CHAIN and hash32(3) in found.detail and found.source_id is None


def test_one_wh_is_compared_to_the_unit() -> None:
    facts = agreeing([1])
    assert reconcile(facts).matches[0].amount == BASE_UNITS_PER_WH
    assert reconcile(last_issuance(facts, amount=BASE_UNITS_PER_WH - 1)).matches == ()
