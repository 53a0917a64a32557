"""The records of sources, loaded window by window, compared, and added up: a run holds those of one window at a time."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from community.reconciliation.as_of import until
from community.reconciliation.digest import ResultDigest, result_digest
from community.reconciliation.facts import Facts, IntervalFacts, SourceFacts
from community.reconciliation.matching import (
    all_pending,
    of_no_source,
    of_the_whole,
    reconcile,
    reconcile_window,
    undecided,
)
from community.reconciliation.results import Outcome, Part
from community.reconciliation.settlements import RegisterState
from community.reconciliation.totals import Sums
from community.reconciliation.windows import Columns, Cut, cuts
from community.store import chain_history, reconciliation_facts, settled_windows, transfers
from community.store.changed_matches import ChangeSpool, changes_in_window
from community.store.reconciliation_facts import Knowledge
from community.store.unit_of_work import Work
from community.tokens.issuer_events import SettledEvent
from community.tokens.transfers import Transfer
from indexer.decode import Contracts

ISSUANCES_A_WINDOW = 300
"""With two hundred holders sixty thousand mints."""
_WH_MAX = 2**63 - 1

Bounds = tuple[Cut | None, Cut | None]
"""Where a window begins and where it ends; None is the beginning or the end of everything."""


class Compared(Protocol):
    """Records that were compared. `close` adds what only the totals and the contracts' own answers can tell."""

    def close(self, frame: Facts) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads the records that belong to `frame`. `valid_until`: only of energy up to then."""

    work: Work
    chain_id: int
    contracts: Contracts
    frame: Facts
    valid_until: datetime | None = None
    issuances_a_window: int = ISSUANCES_A_WINDOW

    async def compare(self, changes: ChangeSpool | None = None) -> Compared:
        """Compare the records of every source. What is not as the stored pairs say goes to `changes`."""
        issuer = self.contracts.issuer
        if issuer is None:
            return PlainComparison(await self._plain())
        final, token = self.frame.finalised_block, self.frame.token
        known = await reconciliation_facts.knowledge(self.work, self.frame.now)
        refs = [source.ref for source in self.frame.sources]
        strangers = await settled_windows.settled_for_others(self.work, self.chain_id, refs, final)
        if self.valid_until is not None:
            strangers = tuple(one for one in strangers if one.read_at <= self.valid_until)
        comparison = Comparison(
            strangers=strangers,
            foreign=await settled_windows.foreign_mints(self.work, self.chain_id, token, final),
            sums=await settled_windows.sums(self.work, self.chain_id, token, final),
        )
        for source in self.frame.sources:
            register = RegisterState(source.opening_register_wh)
            async for bounds in self.bounds(source, issuer):
                part = reconcile_window(await self.window(source, issuer, known, bounds), register)
                register = part.after
                comparison.add(part)
                if changes is not None:
                    reach = _reach(bounds)
                    changes.add(await changes_in_window(self.work, self.chain_id, source.id, reach, part.matches))
        return comparison

    async def window(self, source: SourceFacts, issuer: str, known: Knowledge, bounds: Bounds) -> Facts:
        """The facts of one window of `source`."""
        frame, (begin, end) = self.frame, bounds
        since, before = (None if begin is None else begin.place), (None if end is None else end.place)
        starts_at, ends_at = (None if begin is None else begin.at), (None if end is None else end.at)
        settled, mints = await settled_windows.settled_in(
            self.work, self.chain_id, frame.token, source.ref, (since, before), frame.finalised_block
        )
        facts = replace(
            frame,
            sources=(source,),
            issuances=await reconciliation_facts.issuances(
                self.work, self.chain_id, issuer, known, source.id, _reach(bounds)
            ),
            intervals=await reconciliation_facts.production_intervals(
                self.work, frame.now, source.id, starts_at, ends_at
            ),
            settled=settled,
            mints=mints,
            configured=tuple(
                one
                for one in frame.configured
                if (since is None or (one.block_number, one.log_index) >= since)
                and (before is None or (one.block_number, one.log_index) < before)
            ),
        )
        return facts if self.valid_until is None else until(facts, self.valid_until)

    async def whole_source(self, source_id: str) -> Facts:
        """The facts of one source in one window: for its statement."""
        source = next((one for one in self.frame.sources if one.id == source_id), None)
        if source is None or self.contracts.issuer is None:
            return replace(self.frame, intervals=await self._production(source) if source else ())
        known = await reconciliation_facts.knowledge(self.work, self.frame.now)
        return await self.window(source, self.contracts.issuer, known, (None, None))

    async def bounds(self, source: SourceFacts, issuer: str) -> AsyncIterator[Bounds]:
        """The windows of `source`, in time: all of it is in exactly one."""
        issued, settled = Columns(), Columns()
        async for from_wh, to_wh, *period in reconciliation_facts.issuance_ways(
            self.work, self.chain_id, issuer, self.frame.now, source.id
        ):
            starts_at, ends_at = period
            issued.append((from_wh, to_wh, int(starts_at.timestamp()), int(ends_at.timestamp())))
        async for way in settled_windows.settlement_ways(
            self.work, self.chain_id, source.ref, self.frame.finalised_block
        ):
            settled.append(way)
        before: Cut | None = None
        for cut in cuts(issued, settled, self.issuances_a_window, lambda second: datetime.fromtimestamp(second, UTC)):
            yield before, cut
            before = cut
        yield before, None

    async def _plain(self) -> Facts:
        """Everything at once, for a token whose contract does not say what a mint is for: any mint may fit any source."""
        work, frame, token = self.work, self.frame, self.frame.token
        facts = replace(
            frame,
            intervals=tuple([one for source in frame.sources for one in await self._production(source)]),
            mints=tuple(await transfers.mints(work, self.chain_id, token, frame.finalised_block)),
            block_times=await chain_history.times_of_mints(work, self.chain_id, token, frame.finalised_block),
        )
        return facts if self.valid_until is None else until(facts, self.valid_until)

    async def _production(self, source: SourceFacts) -> tuple[IntervalFacts, ...]:
        return await reconciliation_facts.production_intervals(self.work, self.frame.now, source.id, None, None)


@dataclass(slots=True)
class Comparison:
    """What the windows came to, without their pairs and idle intervals, which are digested and forgotten."""

    strangers: tuple[SettledEvent, ...]
    foreign: tuple[Transfer, ...]
    sums: Sums
    match_count: int = 0
    _parts: list[Part] = field(default_factory=list)
    _digest: ResultDigest = field(default_factory=ResultDigest)

    def add(self, part: Part) -> None:
        """Count a window in. Windows of a source come in time, one source after the other."""
        self._digest.add(part.matches, part.idle)
        self.match_count += len(part.matches)
        self._parts.append(replace(part, matches=(), idle=()))

    def close(self, frame: Facts) -> Outcome:
        found = [one for part in self._parts for one in part.breaks]
        found += of_no_source(self.strangers, self.foreign)
        found += of_the_whole(frame, self.sums, found)
        pending = all_pending(self._parts)
        verified_wh = sum(part.verified_wh for part in self._parts)
        issued_wh = sum(part.issued_wh for part in self._parts)
        settled_wh = sum(part.settled_wh for part in self._parts) + sum(one.minted_wh for one in self.strangers)
        return Outcome(
            breaks=found,
            pending=pending,
            match_count=self.match_count,
            verified_wh=verified_wh,
            issued_wh=issued_wh,
            settled_wh=settled_wh,
            digest=self._digest.hexdigest(found, pending, (), (verified_wh, issued_wh, settled_wh)),
            undecided=undecided(frame),
        )


@dataclass(frozen=True, slots=True)
class PlainComparison:
    """The records of a token without an issuer, all of them."""

    facts: Facts

    def close(self, frame: Facts) -> Outcome:
        result = reconcile(replace(self.facts, asked=frame.asked))
        return Outcome(
            breaks=result.breaks,
            pending=result.pending,
            match_count=len(result.matches),
            verified_wh=result.verified_wh,
            issued_wh=result.issued_wh,
            settled_wh=result.settled_wh,
            digest=result_digest(result),
            attributions=result.attributions,
            undecided=result.undecided,
        )


def _reach(bounds: Bounds) -> tuple[int, int]:
    begin, end = bounds
    return (0 if begin is None else begin.register_wh), (_WH_MAX if end is None else end.register_wh)
