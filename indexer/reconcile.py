"""One reconciliation run: load both sides, ask the chain for its totals, compare, store what came out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from community.chain.index_checkpoint import IndexCheckpoint
from community.clients.evm import EvmNode, NodeRefused
from community.errors import FatalError
from community.reconciliation.facts import Configured, Facts
from community.reconciliation.matching import reconcile
from community.store import chain_index, issuer_events, reconciliation, reconciliation_facts, transfers
from community.store.reconciliation import RunSummary
from community.store.unit_of_work import Store, Work
from community.tokens.issuer_events import IssuerEvent
from indexer.chain_totals import ask_totals
from indexer.decode import Contracts

BALANCES_ASKED_MAX = 100
_log = structlog.get_logger()


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
        async with self.store.read() as work:
            known, facts = await self._facts(work)
        facts = await self._with_totals(node, facts)
        result = reconcile(facts)
        async with self.store.begin() as work:
            run = await reconciliation.record_run(
                work, result, known.finalised, facts.supply.outstanding, self.chain_id, facts.now
            )
        _log.info(
            "reconciliation_done", block=known.finalised.number, matches=run.match_count, breaks=run.break_count,
            pending=len(result.pending.issuances),
        )  # fmt: skip
        return run

    async def _facts(self, work: Work) -> tuple[IndexCheckpoint, Facts]:
        known = await chain_index.checkpoint(work, self.chain_id)
        if known is None:
            raise FatalError("Nothing is indexed yet. Run `python -m indexer run` first.")
        final = known.finalised.number
        token, issuer = self.contracts.token, self.contracts.issuer
        changes = await issuer_events.others(work, self.chain_id, ("SourceConfigured", "Corrected"), final)
        return known, Facts(
            now=self.now(),
            grace=self.grace,
            finalised_block=final,
            token=token,
            sources=await reconciliation_facts.sources(work),
            issuances=() if issuer is None else await reconciliation_facts.issuances(work, self.chain_id, issuer),
            intervals=await reconciliation_facts.production_intervals(work),
            settled=tuple(await issuer_events.settled(work, self.chain_id, final)),
            mints=tuple(await transfers.mints(work, self.chain_id, token, final)),
            configured=tuple(_configured(event) for event in changes if event.name == "SourceConfigured"),
            corrected_wh=_debts(changes),
            supply=await transfers.supply(work, self.chain_id, token, final=True),
            balances=await transfers.balances(work, self.chain_id, token, final=True),
        )

    async def _with_totals(self, node: EvmNode, facts: Facts) -> Facts:
        """`facts` with the contracts' own answers; without them where the node has forgotten that block's state."""
        addresses = sorted(facts.balances)
        if len(addresses) > BALANCES_ASKED_MAX:
            # another part of the holders in every run, so that all are asked by and by
            start = facts.finalised_block * BALANCES_ASKED_MAX % len(addresses)
            addresses = (addresses[start:] + addresses[:start])[:BALANCES_ASKED_MAX]
        refs = [source.ref for source in facts.sources]
        try:
            asked = await ask_totals(node, self.contracts, facts.finalised_block, addresses, refs)
        except NodeRefused as error:
            _log.warning("control_totals_not_asked", reason=str(error))
            return facts
        return replace(facts, asked=asked)


def _configured(event: IssuerEvent) -> Configured:
    return Configured(
        block_number=event.block_number,
        log_index=event.log_index,
        source_ref=event.source_ref or "",
        closing_wh=int(event.fields["closing_wh"]),
        opening_wh=int(event.fields["opening_wh"]),
    )


def _debts(events: list[IssuerEvent]) -> dict[str, int]:
    debts: dict[str, int] = {}
    for event in events:
        if event.name == "Corrected" and event.source_ref is not None:
            debts[event.source_ref] = debts.get(event.source_ref, 0) + int(event.fields["debt_wh"])
    return debts
