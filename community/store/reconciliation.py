"""Runs of the reconciliation, the pairs that agree, and the breaks with their story.

Only agreement closes a break; what a person noted about it stays. A finding that comes back is a new break.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, text
from sqlmodel import col

from community.chain.blocks import BlockRef
from community.ids import named_id
from community.reconciliation.breaks import Break
from community.reconciliation.matching import Match, Reconciliation
from community.store import outbox
from community.store.tables.reconciling import BreakRow, MatchRow, ReconciliationRunRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all, upsert

_RUN_LOCK = 0x0EC0_5EC0


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run: what was compared and how it came out. Energy in Wh, supply in base units."""

    id: str
    started_at: datetime
    finalised: BlockRef
    verified_wh: int
    issued_wh: int
    settled_wh: int
    supply: int
    match_count: int
    break_count: int


@dataclass(frozen=True, slots=True)
class StoredBreak:
    """A break with its story."""

    id: str
    kind: str
    severity: str
    subject: str
    source_id: str | None
    detail: str
    expected: str | None
    found: str | None
    opened_at: datetime
    closed_at: datetime | None
    owner: str | None
    disposition: str | None


async def record_run(
    work: Work, result: Reconciliation, finalised: BlockRef, supply: int, chain_id: int, now: datetime
) -> RunSummary:
    """Store a run: its matches become the matches, its breaks open, stay open, or close.

    One run at a time. The open breaks are locked before anything is announced, so that what a person notes on one
    meanwhile comes before or after the run, and neither waits for the other in a circle.
    """
    if not work.is_sqlite:
        await work.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _RUN_LOCK})
    still_open = await _locked_open_breaks(work)
    run_id = named_id("run", chain_id, finalised.hash, now.isoformat())
    run = RunSummary(
        id=run_id,
        started_at=now,
        finalised=finalised,
        verified_wh=result.verified_wh,
        issued_wh=result.issued_wh,
        settled_wh=result.settled_wh,
        supply=supply,
        match_count=len(result.matches),
        break_count=len(result.breaks),
    )
    await insert_all(work, ReconciliationRunRow, [_run_values(run)])
    await _store_matches(work, result.matches, chain_id, run)
    await _store_breaks(work, still_open, result.breaks, run)
    return run


async def last_run(work: Work) -> RunSummary | None:
    """The newest run."""
    statement = select(ReconciliationRunRow).order_by(col(ReconciliationRunRow.started_at).desc()).limit(1)
    row = (await work.session.execute(statement)).scalar_one_or_none()
    if row is None:
        return None
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
    )


async def open_breaks(work: Work, limit: int = 1000) -> list[StoredBreak]:
    """Breaks that are open, oldest first."""
    statement = select(BreakRow).where(col(BreakRow.closed_at).is_(None)).order_by(col(BreakRow.opened_at)).limit(limit)
    return [_stored(row) for row in (await work.session.execute(statement)).scalars()]


async def break_by_id(work: Work, break_id: str) -> StoredBreak | None:
    """One break, open or closed."""
    row = await work.session.get(BreakRow, break_id)
    return None if row is None else _stored(row)


async def history_of(work: Work, kind: str, subject: str) -> list[StoredBreak]:
    """Every time this finding was open, oldest first."""
    statement = (
        select(BreakRow)
        .where(col(BreakRow.kind) == kind, col(BreakRow.subject) == subject)
        .order_by(col(BreakRow.opened_at))
    )
    return [_stored(row) for row in (await work.session.execute(statement)).scalars()]


async def _store_matches(work: Work, matches: Sequence[Match], chain_id: int, run: RunSummary) -> None:
    """Insert new matches, replace changed ones, remove those that no longer hold. Unchanged ones keep their first run."""
    row = MatchRow
    statement = select(
        col(row.issuance_id), col(row.tx_hash), col(row.block_number), col(row.log_index), col(row.amount)
    ).where(col(row.chain_id) == chain_id)
    known = {found[0]: tuple(found[1:]) for found in (await work.session.execute(statement))}
    for match in matches:
        event = match.event
        if known.pop(match.issuance_id, None) == (event.tx_hash, event.block_number, event.log_index, match.amount):
            continue
        values = {
            "issuance_id": match.issuance_id,
            "source_id": match.source_id,
            "chain_id": chain_id,
            "tx_hash": event.tx_hash,
            "block_number": event.block_number,
            "log_index": event.log_index,
            "energy_wh": match.energy_wh,
            "amount": match.amount,
            "run_id": run.id,
            "matched_at": run.started_at,
        }
        await upsert(work, MatchRow, values, ("issuance_id",))
        await outbox.announce(work, "issuance", match.issuance_id, run.started_at)
    for issuance_id in known:
        await work.session.execute(delete(MatchRow).where(col(MatchRow.issuance_id) == issuance_id))
        await outbox.announce(work, "issuance", issuance_id, run.started_at)


async def _locked_open_breaks(work: Work) -> dict[tuple[str, str], BreakRow]:
    statement = select(BreakRow).where(col(BreakRow.closed_at).is_(None)).order_by(col(BreakRow.id)).with_for_update()
    return {(row.kind, row.subject): row for row in (await work.session.execute(statement)).scalars()}


async def _store_breaks(
    work: Work, still_open: dict[tuple[str, str], BreakRow], breaks: Sequence[Break], run: RunSummary
) -> None:
    for one in breaks:
        row = still_open.pop(_name(one), None)
        if row is None:
            break_id = named_id("brk", one.kind.value, one.subject, run.id)
            await insert_all(work, BreakRow, [_break_values(one, break_id, run)])
            await outbox.announce(work, "break", break_id, run.started_at)
        elif (row.detail, row.expected, row.found) != (one.detail, one.expected, one.found):
            row.detail, row.expected, row.found = one.detail, one.expected, one.found
            await outbox.announce(work, "break", row.id, run.started_at)
    for row in still_open.values():
        row.closed_at = run.started_at
        row.disposition = row.disposition or f"agreed by itself at finalised block {run.finalised.number}"
        await outbox.announce(work, "break", row.id, run.started_at)
    await work.session.flush()


def _name(one: Break) -> tuple[str, str]:
    return one.kind.value, one.subject


def _run_values(run: RunSummary) -> dict[str, object]:
    return {
        "id": run.id,
        "started_at": run.started_at,
        "finalised_block": run.finalised.number,
        "finalised_hash": run.finalised.hash,
        "verified_wh": run.verified_wh,
        "issued_wh": run.issued_wh,
        "settled_wh": run.settled_wh,
        "supply": run.supply,
        "match_count": run.match_count,
        "break_count": run.break_count,
    }


def _break_values(one: Break, break_id: str, run: RunSummary) -> dict[str, object]:
    return {
        "id": break_id,
        "kind": one.kind.value,
        "severity": one.severity.value,
        "subject": one.subject,
        "source_id": one.source_id,
        "detail": one.detail,
        "expected": one.expected,
        "found": one.found,
        "opened_run_id": run.id,
        "opened_at": run.started_at,
    }


def _stored(row: BreakRow) -> StoredBreak:
    return StoredBreak(
        id=row.id,
        kind=row.kind,
        severity=row.severity,
        subject=row.subject,
        source_id=row.source_id,
        detail=row.detail,
        expected=row.expected,
        found=row.found,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        owner=row.owner,
        disposition=row.disposition,
    )
