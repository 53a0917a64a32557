"""Loading what reconciliation compares, but for the records of sources: now, or as it was known at an instant."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from community.chain.blocks import BlockRef
from community.errors import FatalError
from community.reconciliation.as_of import until
from community.reconciliation.facts import Configured, Facts, ShareTableFacts
from community.store import (
    balances,
    chain_history,
    chain_index,
    issuer_events,
    reconciliation,
    reconciliation_evidence,
    reconciliation_facts,
    share_tokens,
)
from community.store.reconciliation_evidence import StoredShareTable
from community.store.unit_of_work import Work
from community.tokens.issuer_events import IssuerEvent
from contracts import abi
from indexer.decode import Contracts


@dataclass(frozen=True, slots=True)
class AsOf:
    """Two times: `known_at`, when we knew it (None: now); `valid_until`, up to when energy was produced (None: all)."""

    known_at: datetime | None = None
    valid_until: datetime | None = None


async def frame_now(
    work: Work, chain_id: int, contracts: Contracts, grace: timedelta, now: datetime
) -> tuple[BlockRef, Facts]:
    """The facts at the finalised block, without the records of sources, which come in windows.

    Raises FatalError before anything is indexed.
    """
    known = await chain_index.checkpoint(work, chain_id)
    if known is None:
        raise FatalError("Nothing is indexed yet. Run `python -m indexer run` first.")
    facts = await _frame(work, chain_id, contracts, grace, now, known.finalised.number)
    token = contracts.token
    return known.finalised, replace(
        facts,
        supply=await balances.supply(work, chain_id, token, final=True),
        balances=await balances.balances(work, chain_id, token, final=True),
    )


async def frame_as_of(
    work: Work, chain_id: int, contracts: Contracts, grace: timedelta, as_of: AsOf, now: datetime
) -> tuple[BlockRef, Facts]:
    """As `frame_now`, of an earlier time: the finalised block known then, and of the books what was recorded by then.

    Raises FatalError if nothing was known then.
    """
    known_at = as_of.known_at or now
    block = await _final_block(work, chain_id, as_of.known_at)
    if block is None:
        raise FatalError(f"Nothing of the chain was known at {known_at.isoformat()}: take a later instant.")
    facts = await _frame(work, chain_id, contracts, grace, known_at, block.number)
    if as_of.valid_until is not None:
        return block, until(facts, as_of.valid_until)
    balances, supply = await chain_history.totals_at(work, chain_id, contracts.token, block.number)
    return block, replace(facts, balances=balances, supply=supply)


async def _final_block(work: Work, chain_id: int, known_at: datetime | None) -> BlockRef | None:
    """The finalised block that was known then: that of the run before, else by the blocks' own times."""
    known = await chain_index.checkpoint(work, chain_id)
    if known_at is None or known is None:
        return None if known is None else known.finalised
    run = await reconciliation.last_run(work, known_at)
    if run is not None:
        return run.finalised
    return await chain_history.last_block_by(work, chain_id, known_at, known.finalised.number)


async def _frame(
    work: Work, chain_id: int, contracts: Contracts, grace: timedelta, known_at: datetime, final: int
) -> Facts:
    changes = await issuer_events.others(work, chain_id, ("SourceConfigured", "Corrected"), final)
    tables = await reconciliation_evidence.share_tables(work, known_at)
    sources = await reconciliation_facts.sources(work)
    by_ref = {source.ref: source.id for source in sources}
    return Facts(
        now=known_at,
        grace=grace,
        finalised_block=final,
        token=contracts.token,
        sources=sources,
        configured=tuple(_configured(event) for event in changes if event.name == "SourceConfigured"),
        corrected_wh=_debts(changes),
        share_tables=tuple(_hashed(table) for table in tables),
        shares_on_chain=await share_tokens.share_tokens(work, chain_id, by_ref, final),
        altered_readings=await reconciliation_evidence.altered_readings(work, known_at),
        altered_intervals=await reconciliation_evidence.altered_intervals(work, known_at),
        has_issuer=contracts.issuer is not None,
    )  # fmt: skip


def _hashed(table: StoredShareTable) -> ShareTableFacts:
    """The table with the hashes that its rows give: with the key that was committed, or with the newest known; with all."""
    facts, hashes = table.facts, []
    for key in table.public_keys:
        try:
            holders, weights = zip(*facts.shares, strict=True)
            config = abi.ShareConfig(key[1:33], key[33:], holders, weights)
        except ValueError:
            return replace(facts, rows_hash="no table that the contract would take")
        hashes.append("0x" + config.hash().hex())
    newest = hashes[-1] if hashes else None
    found = facts.config_hash if facts.config_hash in hashes else newest
    return replace(facts, rows_hash=found, key_hashes=frozenset(hashes))


def _configured(event: IssuerEvent) -> Configured:
    return Configured(
        block_number=event.block_number,
        log_index=event.log_index,
        source_ref=event.source_ref or "",
        closing_wh=int(event.fields["closing_wh"]),
        opening_wh=int(event.fields["opening_wh"]),
        config_hash=str(event.fields["config_hash"]).lower(),
    )


def _debts(events: list[IssuerEvent]) -> dict[str, int]:
    debts: dict[str, int] = {}
    for event in events:
        if event.name == "Corrected" and event.source_ref is not None:
            debts[event.source_ref] = debts.get(event.source_ref, 0) + int(event.fields["debt_wh"])
    return debts
