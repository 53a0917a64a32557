"""Runs of the reconciliation: the pairs that agree, what was attributed, and how far the balances were compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, text
from sqlmodel import col

from community.chain.blocks import BlockRef
from community.ids import named_id
from community.reconciliation.attribution import Attribution, Confidence, Method
from community.reconciliation.results import Outcome
from community.store import breaks, changed_matches
from community.store.changed_matches import MatchChange
from community.store.tables.reconciling import AttributionRow, MatchRow, ReconciliationRunRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all

_RUN_LOCK = 0x0EC0_5EC0


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run: what was compared and how it came out. Energy in Wh, supply in base units.

    `break_count` are findings that are open, `accepted_count` those that a person has closed with a reason. `digest`
    (SHA-256, hex) is the same for the same facts; None for runs from before it was kept.
    """

    id: str
    started_at: datetime
    finalised: BlockRef
    verified_wh: int
    issued_wh: int
    settled_wh: int
    supply: int
    match_count: int
    break_count: int
    accepted_count: int = 0
    digest: str | None = None


async def record_run(
    work: Work,
    result: Outcome,
    changes: Iterable[MatchChange],
    finalised: BlockRef,
    supply: int,
    *,
    chain_id: int,
    now: datetime,
) -> RunSummary:
    """Store a run: matches change by `changes`, its breaks open, stay open, or close.

    One run at a time. The open breaks are locked before anything is announced, so that what a person notes on one
    meanwhile comes before or after the run, and neither waits for the other in a circle.
    """
    if not work.is_sqlite:
        await work.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _RUN_LOCK})
    still_open = await breaks.locked_open_breaks(work)
    run_id = named_id("run", chain_id, finalised.hash, now.isoformat())
    values: dict[str, object] = {
        "id": run_id,
        "started_at": now,
        "finalised_block": finalised.number,
        "finalised_hash": finalised.hash,
        "verified_wh": result.verified_wh,
        "issued_wh": result.issued_wh,
        "settled_wh": result.settled_wh,
        "supply": supply,
        "match_count": result.match_count,
        "break_count": len(result.breaks),
        "accepted_count": 0,
        "digest": result.digest,
    }
    await insert_all(work, ReconciliationRunRow, [values])
    await changed_matches.apply(work, changes, chain_id, run_id, now)
    await _store_attributions(work, result.attributions, chain_id, run_id)
    accepted = await breaks.store_findings(work, still_open, result, run_id, now)
    row = await work.session.get_one(ReconciliationRunRow, run_id)
    row.break_count, row.accepted_count = len(result.breaks) - accepted, accepted
    await work.session.flush()
    return _summary(row)


async def last_run(work: Work, known_at: datetime | None = None) -> RunSummary | None:
    """The newest run, or the newest that began by `known_at`."""
    row = ReconciliationRunRow
    statement = select(row).order_by(col(row.started_at).desc()).limit(1)
    if known_at is not None:
        statement = statement.where(col(row.started_at) <= known_at)
    found = (await work.session.execute(statement)).scalar_one_or_none()
    return None if found is None else _summary(found)


async def matched_issuances(work: Work, chain_id: int) -> list[str]:
    """The ids of all issuances that agree with their settlement."""
    statement = select(col(MatchRow.issuance_id)).where(col(MatchRow.chain_id) == chain_id)
    return list((await work.session.execute(statement)).scalars())


async def attributions(work: Work, chain_id: int, limit: int = 1000) -> list[Attribution]:
    """What the mints of a token without issuer most likely stand for, newest first."""
    row = AttributionRow
    statement = select(row).where(col(row.chain_id) == chain_id).order_by(col(row.block_number).desc()).limit(limit)
    return [
        Attribution(
            one.tx_hash, one.block_number, one.source_id, one.starts_at, one.ends_at, one.energy_wh, one.amount,
            Method(one.method), Confidence(one.confidence),
        )
        for one in (await work.session.execute(statement)).scalars()
    ]  # fmt: skip


async def _store_attributions(work: Work, found: Sequence[Attribution], chain_id: int, run_id: str) -> None:
    """The attributions of this run are all there are: a better guess replaces a worse one."""
    await work.session.execute(delete(AttributionRow).where(col(AttributionRow.chain_id) == chain_id))
    await insert_all(
        work,
        AttributionRow,
        [
            {
                "chain_id": chain_id,
                "tx_hash": one.tx_hash,
                "block_number": one.block_number,
                "source_id": one.source_id,
                "starts_at": one.starts_at,
                "ends_at": one.ends_at,
                "energy_wh": one.energy_wh,
                "amount": one.amount,
                "residual": one.residual,
                "method": one.method.value,
                "confidence": one.confidence.value,
                "run_id": run_id,
            }
            for one in found
        ],
    )


def _summary(row: ReconciliationRunRow) -> RunSummary:
    return RunSummary(
        id=row.id,
        started_at=row.started_at,
        finalised=BlockRef(row.finalised_block, row.finalised_hash),
        verified_wh=row.verified_wh,
        issued_wh=row.issued_wh,
        settled_wh=row.settled_wh,
        supply=row.supply,
        match_count=row.match_count,
        break_count=row.break_count,
        accepted_count=row.accepted_count,
        digest=row.digest,
    )
