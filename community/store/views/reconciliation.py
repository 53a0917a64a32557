"""The latest comparison of both sides, pairs that agree, and breaks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from community.store.stored_breaks import BreakEntry, StoredBreak, break_entry, stored_break
from community.store.tables.minting import IssuanceRow
from community.store.tables.reconciling import BreakEntryRow, BreakItemRow, BreakRow, MatchRow, ReconciliationRunRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows
from community.units import TokenAmount, WattHours

ENTRIES_MAX = 5000


@dataclass(frozen=True, slots=True)
class RunView:
    id: str
    started_at: datetime
    finalised_block: int
    finalised_hash: str
    verified_wh: WattHours
    issued_wh: WattHours
    settled_wh: WattHours
    supply: TokenAmount
    match_count: int
    break_count: int


@dataclass(frozen=True, slots=True)
class MatchView:
    issuance_id: str
    source_id: str
    tx_hash: str
    block_number: int
    energy_wh: WattHours
    amount: TokenAmount
    matched_at: datetime


@dataclass(frozen=True, slots=True)
class ReconciledView:
    """An issuance and how it stands: `matched`, `pending`, or the kind of the break it is in.

    `explained` says that a person closed that break with a reason.
    """

    issuance_id: str
    source_id: str
    period_start: datetime
    period_end: datetime
    energy_wh: WattHours
    amount: TokenAmount
    state: str
    explained: bool
    break_id: str | None
    tx_hash: str | None
    block_number: int | None


async def of_period(
    work: Work,
    source_id: str | None,
    period: tuple[datetime, datetime] | None,
    first: int,
    after: str | None,
) -> Page[ReconciledView]:
    """How each issuance stands whose period ends in (start, end] of `period`, newest first; of one source or of all."""
    row = IssuanceRow
    statement = select_rows(
        row, MatchRow, _break_of_issuance(), col(row.period_end).label("key_at"), col(row.id).label("key")
    ).outerjoin(MatchRow, col(MatchRow.issuance_id) == col(row.id))
    if source_id is not None:
        statement = statement.where(col(row.source_id) == source_id)
    if period is not None:
        statement = statement.where(col(row.period_end) > period[0], col(row.period_end) <= period[1])
    keyset = Keyset((col(row.period_end), col(row.id)), (datetime, str))
    page = await fetch_page(work, statement, keyset, _reconciled, first, after)
    ids = [one.break_id for one in page.items if one.break_id is not None]
    found = select(col(BreakRow.id), col(BreakRow.kind), col(BreakRow.closed_by)).where(col(BreakRow.id).in_(ids))
    kinds = {each.id: each for each in await work.session.execute(found)} if ids else {}
    items = tuple(
        one
        if one.break_id is None
        else replace(one, state=kinds[one.break_id].kind, explained=kinds[one.break_id].closed_by is not None)
        for one in page.items
    )
    return Page(items, page.cursors, page.more)


def _break_of_issuance() -> Any:
    """The newest break that holds the issuance of the enclosing statement and has not come to agree."""
    item = BreakItemRow
    holding = (
        select(col(BreakRow.id))
        .join(item, col(item.break_id) == col(BreakRow.id))
        .where(
            col(item.kind) == "issuance",
            col(item.key) == col(IssuanceRow.id),
            col(BreakRow.closed_at).is_(None) | col(BreakRow.closed_by).is_not(None),
        )
        .order_by(col(BreakRow.opened_at).desc())
        .limit(1)
    )
    return holding.correlate(IssuanceRow).scalar_subquery().label("break_id")


def _reconciled(row: Any) -> ReconciledView:
    issuance, match, break_id = row[0], row[1], row[2]
    return ReconciledView(
        issuance.id,
        issuance.source_id,
        issuance.period_start,
        issuance.period_end,
        WattHours(issuance.to_wh - issuance.from_wh),
        TokenAmount(issuance.amount),
        "pending" if match is None else "matched",
        False,
        break_id if match is None else None,
        issuance.tx_hash if match is None else match.tx_hash,
        issuance.mined_block if match is None else match.block_number,
    )


async def latest_run(work: Work) -> RunView | None:
    """The newest comparison; None before the first."""
    row = ReconciliationRunRow
    statement = select(row).order_by(col(row.started_at).desc(), col(row.finalised_block).desc()).limit(1)
    each = (await work.session.execute(statement)).scalar_one_or_none()
    return None if each is None else _run(each)


async def runs(work: Work, first: int, after: str | None) -> Page[RunView]:
    """Every comparison, newest first."""
    row = ReconciliationRunRow
    statement = select_rows(row, col(row.started_at).label("key_at"), col(row.id).label("key"))
    keyset = Keyset((col(row.started_at), col(row.id)), (datetime, str))
    return await fetch_page(work, statement, keyset, lambda found: _run(found[0]), first, after)


def _run(each: ReconciliationRunRow) -> RunView:
    return RunView(
        each.id,
        each.started_at,
        each.finalised_block,
        each.finalised_hash,
        WattHours(each.verified_wh),
        WattHours(each.issued_wh),
        WattHours(each.settled_wh),
        TokenAmount(each.supply),
        each.match_count,
        each.break_count,
    )


async def matches(work: Work, source_id: str | None, first: int, after: str | None) -> Page[MatchView]:
    """Pairs that agree, newest first."""
    row = MatchRow
    statement = select_rows(row, col(row.block_number).label("key_block"), col(row.log_index).label("key_log"))
    if source_id is not None:
        statement = statement.where(col(row.source_id) == source_id)
    keyset = Keyset((col(row.block_number), col(row.log_index)), (int, int))
    return await fetch_page(work, statement, keyset, _match, first, after)


def _match(row: Any) -> MatchView:
    each = row[0]
    return MatchView(
        each.issuance_id,
        each.source_id,
        each.tx_hash,
        each.block_number,
        WattHours(each.energy_wh),
        TokenAmount(each.amount),
        each.matched_at,
    )


def _break_columns() -> Any:
    row = BreakRow
    return select_rows(row, col(row.opened_at).label("key_at"), col(row.id).label("key"))


async def breaks(
    work: Work, is_open: bool | None, first: int, after: str | None, *, source_id: str | None = None
) -> Page[StoredBreak]:
    """Breaks, newest first: open ones, closed ones, or all; of one source or of every one."""
    row = BreakRow
    statement = _break_columns()
    if is_open is not None:
        statement = statement.where(col(row.closed_at).is_(None) if is_open else col(row.closed_at).is_not(None))
    if source_id is not None:
        statement = statement.where(col(row.source_id) == source_id)
    keyset = Keyset((col(row.opened_at), col(row.id)), (datetime, str))
    return await fetch_page(work, statement, keyset, _break, first, after)


async def break_by_id(work: Work, break_id: str) -> StoredBreak | None:
    """One break."""
    row = (await work.session.execute(_break_columns().where(col(BreakRow.id) == break_id))).first()
    return None if row is None else _break(row)


def _break(row: Any) -> StoredBreak:
    return stored_break(row[0])


async def stories(work: Work, break_ids: Sequence[str]) -> dict[str, list[BreakEntry]]:
    """The stories of breaks, oldest line first."""
    row = BreakEntryRow
    statement = select(row).where(col(row.break_id).in_(break_ids)).order_by(col(row.id)).limit(ENTRIES_MAX)
    found: dict[str, list[BreakEntry]] = {}
    for each in (await work.session.execute(statement)).scalars():
        found.setdefault(each.break_id, []).append(break_entry(each))
    return found
