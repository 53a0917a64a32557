"""One reconciliation run: load both sides, ask the chain for its totals, compare, store what came out."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from community.chain.blocks import BlockRef
from community.clients.evm import EvmNode, NodeRefused
from community.reconciliation.breaks import BreakKind
from community.reconciliation.facts import Facts
from community.reconciliation.results import Outcome
from community.store import balance_sweeps, breaks, reconciliation
from community.store.balance_sweeps import Sweep
from community.store.changed_matches import ChangeSpool
from community.store.reconciliation import RunSummary
from community.store.unit_of_work import Store, Work
from indexer.both_sides import AsOf, frame_as_of, frame_now
from indexer.chain_totals import ask_totals
from indexer.decode import Contracts
from indexer.source_windows import Loader

SWEEP_S = 20 * 3600
"""A sweep over every balance is complete in this time, so that there is one a day whatever goes wrong meanwhile."""
BALANCES_ASKED_MIN = 100
"""Balances asked in a run at least."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Question:
    """Whose balances to ask for; `whole`: with these the sweep reaches its end."""

    sweep: Sweep
    addresses: tuple[str, ...]
    whole: bool
    once_more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares the books with the finalised chain. `grace` is the time that new records have to agree."""

    store: Store
    chain_id: int
    contracts: Contracts
    grace: timedelta
    now: Callable[[], datetime]

    async def run(self, node: EvmNode) -> RunSummary:
        """Run once and store the outcome. Raises FatalError before anything is indexed."""
        now = self.now()
        with closing(ChangeSpool()) as changes:
            async with self.store.read() as work:
                block, facts = await frame_now(work, self.chain_id, self.contracts, self.grace, now)
                question = await self._question(work, now)
                compared = await Loader(work, self.chain_id, self.contracts, facts).compare(changes)
            facts, sweep = await self._with_totals(node, facts, question)
            result, supply = compared.close(facts), facts.supply.outstanding
            async with self.store.begin() as work:
                run = await reconciliation.record_run(
                    work, result, changes, block, supply, chain_id=self.chain_id, now=now
                )
                await balance_sweeps.save(work, self.chain_id, self.contracts.token, sweep)
        _log.info(
            "reconciliation_done", block=block.number, matches=run.match_count, breaks=run.break_count,
            accepted=run.accepted_count, pending=len(result.pending.issuances), digest=run.digest,
        )  # fmt: skip
        return run

    async def as_of(self, as_of: AsOf) -> tuple[BlockRef, Facts, Outcome]:
        """What a run then would have found, without the contracts' own answers. Stores nothing; repeatable."""
        async with self.store.read() as work:
            block, facts = await frame_as_of(work, self.chain_id, self.contracts, self.grace, as_of, self.now())
            loader = Loader(work, self.chain_id, self.contracts, facts, as_of.valid_until)
            compared = await loader.compare()
        return block, facts, compared.close(facts)

    async def _question(self, work: Work, now: datetime) -> _Question:
        """The next part of the sweep, and the balances that differed before: only an answer closes their breaks."""
        token = self.contracts.token
        sweep = await balance_sweeps.sweep_of(work, self.chain_id, token) or Sweep(now)
        count = await balance_sweeps.holder_count(work, self.chain_id, token)
        due = count * min(SWEEP_S, int((now - sweep.began_at).total_seconds())) // SWEEP_S - sweep.asked_count
        limit = max(BALANCES_ASKED_MIN, due)
        found = await balance_sweeps.addresses_after(work, self.chain_id, token, sweep.after_address, limit + 1)
        addresses = tuple(found[:limit])
        differed = await breaks.subjects_open(work, BreakKind.BALANCE_DIFFERS)
        once_more = tuple(address for address in differed if address not in addresses)
        return _Question(sweep, addresses, len(found) <= limit, once_more)

    async def _with_totals(self, node: EvmNode, facts: Facts, question: _Question) -> tuple[Facts, Sweep]:
        """`facts` with the contracts' own answers; without them where the node has forgotten that block's state."""
        refs = [source.ref for source in facts.sources]
        addresses = (*question.addresses, *question.once_more)
        try:
            asked = await ask_totals(node, self.contracts, facts.finalised_block, addresses, refs)
        except NodeRefused as error:
            _log.warning("control_totals_not_asked", reason=str(error))
            return facts, question.sweep
        advanced = question.sweep.advanced(question.addresses, question.whole, facts.finalised_block, facts.now)
        return replace(facts, asked=asked), advanced
