"""Laws of windows: books compared piece by piece come out as they do at once, wherever they may be cut."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from community.reconciliation.digest import ResultDigest, result_digest
from community.reconciliation.facts import Facts
from community.reconciliation.matching import (
    all_pending,
    of_no_source,
    of_the_whole,
    reconcile,
    reconcile_window,
    sums_of,
)
from community.reconciliation.results import Part
from community.reconciliation.settlements import RegisterState, assign_mints
from community.reconciliation.windows import Columns, Cut, cuts
from tests.laws.test_matching_laws import UNHURRIED, troubled
from tests.support.books_in_agreement import OPENING_AT, QUARTER, SOURCE, agreeing


def cuts_of(facts: Facts, every: int) -> list[Cut]:
    issued = Columns(
        (one.from_wh, one.to_wh, int(one.period_start.timestamp()), int(one.period_end.timestamp()))
        for one in sorted(facts.issuances, key=lambda one: (one.from_wh, one.id))
    )
    settled = Columns(
        (one.from_wh, one.to_wh, one.block_number, one.log_index)
        for one in sorted(facts.settled, key=lambda one: (one.block_number, one.log_index))
        if one.source_ref == SOURCE.ref
    )
    return list(cuts(issued, settled, every, lambda second: datetime.fromtimestamp(second, UTC)))


def in_windows(facts: Facts, every: int) -> list[Part]:
    """The parts of the only source, each from the records of its window alone."""
    end = Cut(2**62, datetime.max.replace(tzinfo=UTC), (2**62, 0))
    begin = Cut(0, datetime.min.replace(tzinfo=UTC), (0, 0))
    register, parts = RegisterState(SOURCE.opening_register_wh), []
    for cut in [*cuts_of(facts, every), end]:
        settled = [one for one in facts.settled if begin.place <= (one.block_number, one.log_index) < cut.place]
        hashes = {one.tx_hash for one in settled}
        window = replace(
            facts,
            issuances=tuple(one for one in facts.issuances if begin.register_wh <= one.from_wh < cut.register_wh),
            intervals=tuple(one for one in facts.intervals if begin.at <= one.starts_at < cut.at),
            settled=tuple(one for one in facts.settled if one.tx_hash in hashes),
            mints=tuple(one for one in facts.mints if one.tx_hash in hashes),
            configured=tuple(
                one for one in facts.configured if begin.place <= (one.block_number, one.log_index) < cut.place
            ),
        )
        parts.append(reconcile_window(window, register))
        register, begin = parts[-1].after, cut
    return parts


@UNHURRIED
@given(troubled(), st.integers(1, 3), st.data())
def test_windows_come_to_what_the_whole_comes_to(facts: Facts, every: int, data: st.DataObject) -> None:
    facts = replace(facts, has_issuer=True)
    if facts.issuances and data.draw(st.booleans()):
        # a record that reaches over others forbids cuts there
        at = data.draw(st.integers(0, len(facts.issuances) - 1))
        long = replace(
            facts.issuances[at],
            to_wh=facts.issuances[at].to_wh + data.draw(st.integers(0, 9_000)),
            period_end=facts.issuances[at].period_end + data.draw(st.integers(0, 3)) * QUARTER,
        )
        facts = replace(facts, issuances=(*facts.issuances[:at], long, *facts.issuances[at + 1 :]))
    whole, parts = reconcile(facts), in_windows(facts, every)
    assert [one for part in parts for one in part.matches] == list(whole.matches)
    assert [one for part in parts for one in part.idle] == list(whole.idle)
    found = [one for part in parts for one in part.breaks]
    _, foreign = assign_mints(facts.settled, facts.mints)
    found += of_no_source([one for one in facts.settled if one.source_ref != SOURCE.ref], foreign)
    found += of_the_whole(facts, sums_of(facts), found)
    assert Counter(found) == Counter(whole.breaks)
    pending = all_pending(parts)
    assert sorted(pending.intervals) == sorted(whole.pending.intervals)
    assert sorted(pending.issuances) == sorted(whole.pending.issuances)
    assert sum(part.verified_wh for part in parts) == whole.verified_wh
    digest = ResultDigest()
    for part in parts:
        digest.add(part.matches, part.idle)
    totals_wh = (whole.verified_wh, whole.issued_wh, whole.settled_wh)
    assert digest.hexdigest(found, pending, (), totals_wh) == result_digest(whole)


@UNHURRIED
@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=30), st.integers(1, 7))
def test_books_in_agreement_are_cut_wherever_it_is_wanted(energies_wh: list[int], every: int) -> None:
    facts = agreeing(energies_wh)
    found = cuts_of(facts, every)
    assert [one.at for one in found] == [OPENING_AT + n * QUARTER for n in range(every, len(energies_wh), every)]
    assert [one.register_wh for one in found] == [
        facts.issuances[n].from_wh for n in range(every, len(energies_wh), every)
    ]


def test_another_result_has_another_digest() -> None:
    facts = agreeing([5, 7, 11])
    changed = replace(facts, issuances=(*facts.issuances[:2], replace(facts.issuances[2], amount=1)))
    idle = replace(facts, intervals=(*facts.intervals[:2], replace(facts.intervals[2], energy_wh=0)))
    other = replace(facts, settled=(*facts.settled[:2], replace(facts.settled[2], log_index=9)))
    assert len({result_digest(reconcile(one)) for one in (facts, changed, idle, other)}) == 4
