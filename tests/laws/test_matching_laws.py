"""Laws of matching: everything is in exactly one place, whatever was lost or changed on either side."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from community.minting.issuances import IssuanceState
from community.reconciliation.as_of import until
from community.reconciliation.attribution import Confidence
from community.reconciliation.digest import result_digest
from community.reconciliation.facts import Facts
from community.reconciliation.matching import reconcile
from tests.support.books_in_agreement import JUST_NOW, OPENING_AT, QUARTER, agreeing

# a busy machine must not fail a law
UNHURRIED = settings(deadline=None)
ENERGIES = st.lists(st.integers(1, 5_000), min_size=1, max_size=8)


@st.composite
def troubled(draw: st.DrawFn) -> Facts:
    """Agreeing books from which some records were lost, doubled or changed."""
    facts = agreeing(draw(ENERGIES))
    keep = st.integers(0, 5)
    issuances = tuple(one for one in facts.issuances if draw(keep))
    issuances = tuple(replace(one, amount=one.amount + 1) if not draw(keep) else one for one in issuances)
    states = st.sampled_from(IssuanceState)
    issuances = tuple(replace(one, state=draw(states)) if not draw(keep) else one for one in issuances)
    intervals = tuple(one for one in facts.intervals if draw(keep))
    intervals = tuple(replace(one, recorded_at=JUST_NOW) if not draw(keep) else one for one in intervals)
    intervals = tuple(replace(one, energy_wh=0) if not draw(keep) else one for one in intervals)
    settled = tuple(one for one in facts.settled if draw(keep))
    doubled = tuple(replace(one, log_index=9) for one in settled if not draw(keep))
    foreign = tuple(replace(one, log_index=12, source_ref="0x" + "ee" * 32) for one in settled if not draw(keep))
    mints = tuple(one for one in facts.mints if draw(keep))
    has_issuer = draw(keep) != 0
    if not has_issuer:
        issuances = settled = doubled = foreign = ()
    times = {one.block_number: one.read_at for one in facts.settled}
    return replace(
        facts, issuances=issuances, intervals=intervals, settled=settled + doubled + foreign, mints=mints, asked=None,
        has_issuer=has_issuer, block_times=times,
    )  # fmt: skip


@UNHURRIED
@given(troubled())
def test_matching_is_a_partition(facts: Facts) -> None:
    result = reconcile(facts)
    issuances = Counter(match.issuance_id for match in result.matches)
    issuances.update(one for found in result.breaks for one in found.issuances)
    issuances.update(result.pending.issuances)
    assert issuances == Counter(one.id for one in facts.issuances)
    events = Counter((match.event.block_number, match.event.log_index) for match in result.matches)
    events.update(one for found in result.breaks for one in found.events)
    assert events == Counter((one.block_number, one.log_index) for one in facts.settled)
    intervals = Counter(one for match in result.matches for one in match.intervals)
    intervals.update(one for found in result.breaks for one in found.intervals)
    intervals.update((*result.pending.intervals, *result.idle, *result.attributed))
    assert intervals == Counter(one.key for one in facts.intervals)


@UNHURRIED
@given(troubled())
def test_breaks_have_names_of_their_own_and_tell_what_to_do(facts: Facts) -> None:
    breaks = reconcile(facts).breaks
    names = [(found.kind, found.subject) for found in breaks]
    assert len(names) == len(set(names))
    assert all(found.detail.endswith(".") and found.severity for found in breaks)


@UNHURRIED
@given(troubled())
def test_the_order_of_records_does_not_matter(facts: Facts) -> None:
    shuffled = replace(
        facts,
        issuances=facts.issuances[::-1],
        intervals=facts.intervals[::-1],
        settled=facts.settled[::-1],
        mints=facts.mints[::-1],
    )
    one, two = reconcile(facts), reconcile(shuffled)
    assert result_digest(one) == result_digest(two) == result_digest(reconcile(facts))
    assert Counter(one.matches) == Counter(two.matches)
    assert {(b.kind, b.subject, b.expected, b.found) for b in one.breaks} == {
        (b.kind, b.subject, b.expected, b.found) for b in two.breaks
    }


@UNHURRIED
@given(ENERGIES)
def test_books_in_agreement_match_completely(energies_wh: list[int]) -> None:
    result = reconcile(agreeing(energies_wh))
    assert result.breaks == () and len(result.matches) == len(energies_wh)
    assert result.verified_wh == result.issued_wh == result.settled_wh == sum(energies_wh)


@UNHURRIED
@given(ENERGIES)
def test_a_plain_tokens_exact_mints_are_attributed_and_count_as_nothing_verified(energies_wh: list[int]) -> None:
    facts = agreeing(energies_wh)
    times = {one.block_number: one.read_at for one in facts.settled}
    plain = replace(
        facts, has_issuer=False, block_times=times, settled=(), issuances=(), configured=(), asked=None
    )  # fmt: skip
    result = reconcile(plain)
    assert result.breaks == () and result.matches == () and result.settled_wh == 0
    assert [one.energy_wh for one in result.attributions] == energies_wh
    assert {one.confidence for one in result.attributions} == {Confidence.HIGH}
    assert len(result.attributed) == len(energies_wh)


@UNHURRIED
@given(ENERGIES, st.integers(0, 8), st.integers(0, 8))
def test_a_period_reconciles_alike_whatever_came_after_it(energies_wh: list[int], end: int, more: int) -> None:
    """The same period at the same knowledge gives the same result, however much is known of later energy."""
    whole = agreeing(energies_wh)
    end = min(end, len(energies_wh))
    upto = OPENING_AT + end * QUARTER
    part = agreeing(energies_wh[: min(end + more, len(energies_wh))])
    assert result_digest(reconcile(until(whole, upto))) == result_digest(reconcile(until(part, upto)))
    assert len(reconcile(until(whole, upto)).matches) == end
