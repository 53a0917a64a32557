"""Matching one source: its settlements with issuances, its issuances with intervals, and what is left on either side."""

from collections.abc import Iterable, Mapping, Sequence

from community.minting.issuances import IssuanceState
from community.reconciliation.agreement import compare
from community.reconciliation.breaks import Break, BreakKind
from community.reconciliation.facts import Facts, IntervalFacts, IssuanceFacts, SourceFacts
from community.reconciliation.facts import Part as MintedPart
from community.reconciliation.results import Match, Part, Pending
from community.reconciliation.settlements import RegisterState, Settlement, chained
from community.tokens.issuer_events import SettledEvent


def _way(one: IssuanceFacts | SettledEvent) -> tuple[int, ...]:
    return one.from_wh, one.to_wh


def _beginning(one: IssuanceFacts | SettledEvent) -> tuple[int, ...]:
    return (one.from_wh,)


def _nearest(settlement: Settlement, found: Sequence[IssuanceFacts]) -> IssuanceFacts | None:
    """The first whose period the settlement was read in: another meter's register may have run the same way before."""
    read_at = settlement.event.read_at
    return next((one for one in found if one.period_start < read_at <= one.period_end), next(iter(found), None))


def _overlapping(issuances: Iterable[IssuanceFacts]) -> dict[str, IssuanceFacts]:
    """Issuances whose time another one, which begins earlier, holds already; with that one."""
    found: dict[str, IssuanceFacts] = {}
    before: IssuanceFacts | None = None
    for issuance in sorted(issuances, key=lambda one: (one.period_start, one.id)):
        if before is not None and issuance.period_start < before.period_end:
            found[issuance.id] = before
        if before is None or issuance.period_end > before.period_end:
            before = issuance
    return found


class SourceMatching:
    """The matching of one source, or of a window of it. Sources have nothing in common but the chain."""

    def __init__(
        self,
        facts: Facts,
        source: SourceFacts,
        mints: Mapping[tuple[int, int], tuple[MintedPart, ...]],
        attributed: frozenset[str],
        before: RegisterState,
    ) -> None:
        self._facts = facts
        self._attributed = attributed
        self._source = source
        self._issuances = sorted(
            (one for one in facts.issuances if one.source_id == source.id), key=lambda one: (one.from_wh, one.id)
        )
        self._settlements, self._after = chained(
            [event for event in facts.settled if event.source_ref == source.ref],
            [one for one in facts.configured if one.source_ref == source.ref],
            mints,
            before,
        )
        self._intervals, self._uncovered = self._cover()
        self._overlapping = _overlapping(self._issuances)
        self._matches: list[Match] = []
        self._breaks: list[Break] = []
        self._idle: list[str] = []

    def judged(self) -> Part:
        """Do the work. Call it once."""
        left = self._match_settlements()
        waiting = [one for one in left if not self._judge_unsettled(one)]
        late = self._judge_uncovered()
        pending = Pending(
            tuple(one.id for one in waiting),
            (*(key for one in waiting for key in self._keys(one)), *(interval.key for interval in late)),
        )
        held = (one for intervals in self._intervals.values() for one in intervals)
        return Part(
            source_id=self._source.id,
            matches=self._matches,
            breaks=self._breaks,
            pending=pending,
            idle=self._idle,
            verified_wh=sum(one.energy_wh for one in held) + sum(one.energy_wh for one in self._uncovered),
            issued_wh=sum(one.to_wh - one.from_wh for one in self._issuances),
            settled_wh=sum(one.event.minted_wh for one in self._settlements),
            after=self._after,
        )

    def _cover(self) -> tuple[dict[str, list[IntervalFacts]], list[IntervalFacts]]:
        """Intervals by the issuance whose period holds them, and those that no issuance has."""
        covered: dict[str, list[IntervalFacts]] = {one.id: [] for one in self._issuances}
        rest = []
        by_start = sorted(self._issuances, key=lambda one: (one.period_start, one.id))
        own = (one for one in self._facts.intervals if one.source_id == self._source.id)
        at = 0
        for interval in sorted(own, key=lambda one: one.starts_at):
            if interval.starts_at < self._source.opening_at:
                continue  # before counting began: documented in the opening register
            while at < len(by_start) and by_start[at].period_end < interval.ends_at:
                at += 1
            if at < len(by_start) and by_start[at].period_start <= interval.starts_at:
                covered[by_start[at].id].append(interval)
            else:
                rest.append(interval)
        return covered, rest

    def _keys(self, issuance: IssuanceFacts) -> tuple[str, ...]:
        return tuple(interval.key for interval in self._intervals[issuance.id])

    def _match_settlements(self) -> list[IssuanceFacts]:
        """Pair settlements with issuances: first those that name the same energy, then those that begin alike."""
        left = dict.fromkeys(one.id for one in self._issuances)
        by_id = {one.id: one for one in self._issuances}
        paired: dict[tuple[int, int], str] = {}
        for named in (_way, _beginning):
            alike: dict[tuple[int, ...], list[IssuanceFacts]] = {}
            for issuance in self._issuances:
                alike.setdefault(named(issuance), []).append(issuance)
            for settlement in self._settlements:
                if settlement.key in paired or settlement.fault is BreakKind.DUPLICATE:
                    continue
                found = _nearest(settlement, [one for one in alike.get(named(settlement.event), ()) if one.id in left])
                if found is not None:
                    del left[found.id]
                    paired[settlement.key] = found.id
        for settlement in self._settlements:
            partner = paired.get(settlement.key)
            self._judge_settlement(settlement, None if partner is None else by_id[partner])
        return [by_id[one] for one in left]

    def _judge_settlement(self, settlement: Settlement, issuance: IssuanceFacts | None) -> None:
        event = settlement.event
        held = self._intervals[issuance.id] if issuance else []
        overlapped = None if issuance is None else self._overlapping.get(issuance.id)
        finding = compare(self._source, settlement, issuance, held, overlapped)
        if finding is None and issuance is not None:
            keys = tuple(interval.key for interval in held)
            energy_wh = event.to_wh - event.from_wh
            self._matches.append(Match(issuance.id, self._source.id, event, energy_wh, issuance.amount, keys))
        elif finding is not None:
            self._breaks.append(finding)

    def _judge_unsettled(self, issuance: IssuanceFacts) -> bool:
        """Break an issuance without settlement, unless it still has time."""
        facts = self._facts
        seen_by_index = issuance.mined_block is None or issuance.mined_block <= facts.finalised_block
        old = facts.is_old(issuance.planned_at)
        if issuance.state is IssuanceState.STOPPED:
            kind = BreakKind.MISSING_ON_CHAIN
            what = f"The issuance was given up: {issuance.failure or 'no reason is recorded'}."
        elif seen_by_index and issuance.state is IssuanceState.FINAL:
            kind = BreakKind.MISSING_ON_CHAIN
            what = "Our books call the issuance final, but no finalised block settles it."
        elif seen_by_index and issuance.state is IssuanceState.MINED and old:
            kind = BreakKind.REORGED
            what = f"The issuance was mined in block {issuance.mined_block}, and that block no longer settles it."
        elif old:
            kind, what = BreakKind.LATE, f"The issuance has been {issuance.state} for longer than the time allowed."
        else:
            return False
        self._breaks.append(
            Break(
                kind,
                issuance.id,
                what,
                source_id=self._source.id,
                expected=f"{issuance.to_wh - issuance.from_wh} Wh",
                issuances=(issuance.id,),
                intervals=self._keys(issuance),
            )
        )
        return True

    def _judge_uncovered(self) -> list[IntervalFacts]:
        """Break each run of old intervals that no issuance has. Returns those that still have time."""
        waiting = []
        run: list[IntervalFacts] = []
        for interval in self._uncovered:
            if interval.key in self._attributed:
                continue
            if interval.settled_wh == 0:
                self._idle.append(interval.key)
                continue
            if not self._facts.is_old(interval.recorded_at, self._source.collects):
                waiting.append(interval)
                continue
            if run and run[-1].ends_at != interval.starts_at:
                self._break_run(run)
                run = []
            run.append(interval)
        if run:
            self._break_run(run)
        return waiting

    def _break_run(self, run: Iterable[IntervalFacts]) -> None:
        intervals = list(run)
        first, last = intervals[0], intervals[-1]
        energy_wh = sum(one.settled_wh for one in intervals)
        self._breaks.append(
            Break(
                BreakKind.INTERVAL_UNMINTED,
                first.key,
                f"{energy_wh} Wh of {self._source.name}, produced from {first.starts_at:%Y-%m-%d %H:%M} to "
                f"{last.ends_at:%Y-%m-%d %H:%M} UTC, are verified and in no issuance{'' if self._facts.has_issuer else ', and no mint fits them'}.",
                source_id=self._source.id,
                expected=f"{energy_wh} Wh",
                found="0 Wh",
                intervals=tuple(one.key for one in intervals),
            )
        )
