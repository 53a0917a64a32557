"""Statements of account for a period: a source's energy in Wh, a member's tokens in base units, from finalised blocks."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from community.clock import QUARTER_HOUR
from community.reconciliation.statements import HolderStatement, SourceStatement, holder_statement
from community.store import chain_history
from community.store.reconciliation_facts import VERIFIED, newest_revisions
from community.store.tables.chain import IndexCheckpointRow, SettledEventRow
from community.store.tables.identity import EnergySourceRow
from community.store.tables.measuring import IntervalRow
from community.store.tables.minting import IssuanceRow
from community.store.unit_of_work import Work
from community.store.views.scope import Scope


async def of_source(
    work: Work, source_id: str, since: datetime, until: datetime, known_at: datetime
) -> SourceStatement | None:
    """Energy counts where its quarter-hour, its issuance's period or its settled reading ends; None for an unknown source."""
    row = EnergySourceRow
    source = (await work.session.execute(select(row).where(col(row.identity_id) == source_id))).scalar_one_or_none()
    if source is None:
        return None
    head = await _checkpoint(work)
    upto = -1 if head is None else head.finalised_number
    interval, issuance, event = IntervalRow, IssuanceRow, SettledEventRow
    newest = newest_revisions(known_at)
    verified: Any = (
        select(func.coalesce(func.sum(col(interval.energy_wh)), 0))
        .join(newest, newest.c.id == col(interval.id))
        .where(
            col(interval.metering_point_id) == source.metering_point_id,
            col(interval.quality).in_(VERIFIED),
            col(interval.starts_at) >= source.opening_at,
        )
    )
    energy = col(event.to_wh) - col(event.from_wh)
    of_source = (col(event.source_ref) == source.source_ref, col(event.block_number) <= upto)
    settled: Any = select(func.coalesce(func.sum(energy), 0)).where(*of_source)
    minted: Any = select(func.coalesce(func.sum(col(event.minted_wh)), 0)).where(*of_source)
    issued: Any = select(func.coalesce(func.sum(col(issuance.to_wh) - col(issuance.from_wh)), 0)).where(
        col(issuance.source_id) == source_id
    )
    ends, read_at, period_end = col(interval.starts_at), col(event.read_at), col(issuance.period_end)
    opening = source.opening_at
    before = await _sum(work, verified, ends, opening - QUARTER_HOUR, since - QUARTER_HOUR) - await _sum(
        work, settled, read_at, opening, since
    )
    within = await _sum(work, verified, ends, since - QUARTER_HOUR, until - QUARTER_HOUR)
    settled_wh = await _sum(work, settled, read_at, since, until)
    return SourceStatement(
        source_id=source_id,
        starts_at=since,
        ends_at=until,
        opening_wh=before,
        verified_wh=within,
        issued_wh=await _sum(work, issued, period_end, since, until),
        settled_wh=settled_wh,
        minted_wh=await _sum(work, minted, read_at, since, until),
        closing_wh=before + within - settled_wh,
    )


async def of_member(
    work: Work, scope: Scope, token: str | None, member_id: str, since: datetime, until: datetime
) -> HolderStatement | None:
    """None where the asker may not see it, or nothing is indexed yet. Addresses that he gave up count too."""
    head = await _checkpoint(work)
    if head is None or token is None or not (scope.everything or member_id in scope.identity_ids):
        return None
    addresses = await chain_history.addresses_of(work, member_id)
    moved = await chain_history.transfers_of(work, head.chain_id, token, addresses, head.finalised_number)
    return holder_statement(member_id, addresses, moved, since, until)


async def _checkpoint(work: Work) -> IndexCheckpointRow | None:
    row = IndexCheckpointRow
    return (await work.session.execute(select(row).order_by(col(row.chain_id)).limit(1))).scalar()


async def _sum(work: Work, statement: Any, column: Any, after: datetime, upto: datetime) -> int:
    """The sum of what ended in (after, upto]."""
    found = await work.session.execute(statement.where(column > after, column <= upto))
    return int(found.scalar_one())
