"""Laws of gaps of evidence: they are exactly what is missing, keep their age when they split or grow, and end with a cause."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.attestation.evidence_gaps import (
    ASKED_MAX,
    KEPT_FOR,
    PATIENCE,
    EvidenceGap,
    GapKind,
    GapState,
    Missing,
    ask,
    ranges_of,
    review,
)
from community.clock import slot_at

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SLOT = slot_at(NOW)

missing_slots = st.sets(st.integers(SLOT - 60, SLOT), max_size=30)
missing_counters = st.sets(st.integers(1, 30), max_size=12)


def missing_of(slots: set[int], counters: set[int]) -> list[Missing]:
    return [(GapKind.SLOTS, *each) for each in ranges_of(slots)] + [
        (GapKind.STATEMENTS, *each) for each in ranges_of(counters)
    ]


class GapBooks:
    """Gaps as a store would hold them."""

    def __init__(self) -> None:
        self.gaps: dict[Missing, EvidenceGap] = {}
        self.history: dict[Missing, list[str]] = {}

    def going(self) -> list[EvidenceGap]:
        return [gap for gap in self.gaps.values() if not gap.state.ended]

    def not_closed(self) -> list[EvidenceGap]:
        return [gap for gap in self.gaps.values() if gap.state is not GapState.CLOSED]

    def review(self, missing: list[Missing], now: datetime) -> int:
        changes = review(self.not_closed(), missing, now)
        for change in changes:
            key = (change.gap.kind, change.gap.first, change.gap.last)
            self.gaps[key] = change.gap
            self.history.setdefault(key, []).append(change.cause)
        return len(changes)

    def ask(self) -> None:
        for gap in self.going():
            self.gaps[gap.kind, gap.first, gap.last] = ask(gap).gap


@given(st.lists(st.tuples(missing_slots, missing_counters, st.booleans()), min_size=1, max_size=8))
def test_what_goes_on_is_exactly_what_is_missing(rounds: list[tuple[set[int], set[int], bool]]) -> None:
    books, since, asked = GapBooks(), {}, {}
    for n, (slots, counters, asks) in enumerate(rounds):
        now = NOW + n * timedelta(hours=1)
        missing = missing_of(slots, counters)
        books.review(missing, now)
        assert {(gap.kind, gap.first, gap.last) for gap in books.going()} == set(missing)
        assert books.review(missing, now) == 0  # once is enough
        present = {(gap.kind, number): gap for gap in books.going() for number in range(gap.first, gap.last + 1)}
        for key, gap in present.items():  # no part of a gap ever gets younger, or is forgotten to have been asked for
            assert gap.since_at <= since.get(key, now)
            assert gap.asked >= asked.get(key, 0)
        if asks:
            books.ask()
            present = {(gap.kind, number): gap for gap in books.going() for number in range(gap.first, gap.last + 1)}
        since = {key: gap.since_at for key, gap in present.items()}
        asked = {key: gap.asked for key, gap in present.items()}
    books.review([], NOW + timedelta(days=1))
    assert books.going() == []
    assert all(causes and causes[-1] for causes in books.history.values())


def test_a_gap_is_handed_over_after_requests_in_vain_and_after_days() -> None:
    books, one = GapBooks(), [(GapKind.SLOTS, SLOT, SLOT)]
    books.review(one, NOW)
    for n in range(ASKED_MAX):
        books.ask()
        books.review(one, NOW)
        [gap] = books.going()
        assert gap.state is (GapState.HANDED_OVER if n == ASKED_MAX - 1 else GapState.ASKED)
    books.ask()
    assert books.going()[0].state is GapState.HANDED_OVER and books.going()[0].asked == ASKED_MAX + 1
    silent = GapBooks()
    silent.review(one, NOW)
    silent.review(one, NOW + PATIENCE + timedelta(seconds=1))
    assert [gap.state for gap in silent.going()] == [GapState.HANDED_OVER]


@pytest.mark.parametrize("kind", list(GapKind))
def test_what_the_device_cannot_have_any_more_is_lost(kind: GapKind) -> None:
    books, number = GapBooks(), SLOT if kind is GapKind.SLOTS else 7
    books.review([(kind, number, number)], NOW)
    books.review([(kind, number, number)], NOW + KEPT_FOR + timedelta(minutes=30))
    assert books.going() == [] and books.gaps[kind, number, number].state is GapState.LOST
    assert (
        books.review([(kind, number, number)], NOW + KEPT_FOR + timedelta(hours=1)) == 0
    )  # once lost, it is not found anew
    assert books.review([], NOW + KEPT_FOR + timedelta(hours=2)) == 1  # and yet it may come
    assert books.gaps[kind, number, number].state is GapState.CLOSED


@pytest.mark.parametrize(
    ("first", "last", "asked", "since"),
    [(5, 4, 0, NOW), (-1, 4, 0, NOW), (1, 1, -1, NOW), (1, 1, 0, datetime(2026, 1, 1))],  # noqa: DTZ001 - the point of the test
)
def test_a_gap_that_cannot_be_is_refused(first: int, last: int, asked: int, since: datetime) -> None:
    with pytest.raises(ValueError, match=r"gap|asked|time zone"):
        EvidenceGap(GapKind.SLOTS, first, last, GapState.OPEN, since, asked)
