"""Issuances with their parts and the attempts to bring them to the chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from community.store.tables.identity import ShareTableRow
from community.store.tables.minting import (
    CarriedIssuanceRow,
    ChainTransactionRow,
    IssuancePartRow,
    IssuanceRow,
    TransactionAttemptRow,
)
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows
from community.store.views.scope import Scope
from community.units import TokenAmount, WattHours

PARTS_MAX = 50_000
EnergyKey = tuple[str, int, datetime]
"""A source, the register value at which its energy begins, and the instant of the reading at which it ends."""


@dataclass(frozen=True, slots=True)
class IssuanceView:
    id: str
    chain_id: int
    issuer: str
    source_id: str
    from_wh: WattHours
    to_wh: WattHours
    period_start: datetime
    period_end: datetime
    amount: TokenAmount
    measurement_id: str
    share_total: int
    state: str
    failure: str | None
    planned_at: datetime
    mined_block: int | None
    tx_hash: str | None
    final_at: datetime | None


@dataclass(frozen=True, slots=True)
class IssuancePartView:
    """What one holder gets. Its share is `share_count` of the issuance's `share_total`."""

    issuance_id: str
    holder_id: str
    address: str
    share_count: int
    amount: TokenAmount


@dataclass(frozen=True, slots=True)
class AttemptView:
    issuance_id: str
    number: int
    nonce: int
    account: str
    max_fee_wei: int
    tip_wei: int
    state: str
    tx_hash: str | None
    requested_at: datetime
    signed_at: datetime | None
    broadcast_at: datetime | None


def _statement() -> Any:
    row = IssuanceRow
    return select_rows(
        row, ShareTableRow.share_total, col(row.planned_at).label("key_at"), col(row.id).label("key")
    ).join(ShareTableRow, col(ShareTableRow.id) == col(row.share_table_id))


def _view(row: Any) -> IssuanceView:
    each = row[0]
    return IssuanceView(
        id=each.id,
        chain_id=each.chain_id,
        issuer=each.issuer,
        source_id=each.source_id,
        from_wh=WattHours(each.from_wh),
        to_wh=WattHours(each.to_wh),
        period_start=each.period_start,
        period_end=each.period_end,
        amount=TokenAmount(each.amount),
        measurement_id=each.measurement_id,
        share_total=row[1],
        state=each.state,
        failure=each.failure,
        planned_at=each.planned_at,
        mined_block=each.mined_block,
        tx_hash=each.tx_hash,
        final_at=each.final_at,
    )


async def page(
    work: Work, source_id: str | None, state: str | None, first: int, after: str | None
) -> Page[IssuanceView]:
    """Issuances, newest first. Totals of the community: every viewer may see them; parts are scoped."""
    row = IssuanceRow
    conditions = [] if source_id is None else [col(row.source_id) == source_id]
    if state is not None:
        conditions.append(col(row.state) == state)
    return await issuance_page(work, conditions, first, after)


async def issuance_page(work: Work, conditions: Sequence[Any], first: int, after: str | None) -> Page[IssuanceView]:
    """Issuances that meet all conditions, newest first."""
    row = IssuanceRow
    keyset = Keyset((col(row.planned_at), col(row.id)), (datetime, str))
    return await fetch_page(work, _statement().where(*conditions), keyset, _view, first, after)


async def by_ids(work: Work, ids: Sequence[str]) -> dict[str, IssuanceView]:
    """Issuances by id."""
    rows = await work.session.execute(_statement().where(col(IssuanceRow.id).in_(ids)))
    return {row[0].id: _view(row) for row in rows}


async def by_measurements(work: Work, measurement_ids: Sequence[str]) -> dict[str, list[IssuanceView]]:
    """Issuances by the reading that proves them."""
    row = IssuanceRow
    statement = _statement().where(col(row.measurement_id).in_(measurement_ids)).order_by(col(row.planned_at))
    found: dict[str, list[IssuanceView]] = {}
    for each in await work.session.execute(statement.limit(PARTS_MAX)):
        found.setdefault(each[0].measurement_id, []).append(_view(each))
    return found


async def by_registers(work: Work, keys: Sequence[EnergyKey]) -> dict[EnergyKey, IssuanceView]:
    """Issuances by (source id, from_wh, instant of the reading): what names one energy, whichever meter counted it."""
    wanted = set(keys)
    statement = _statement().where(
        col(IssuanceRow.source_id).in_({source for source, _, _ in wanted}),
        col(IssuanceRow.from_wh).in_({from_wh for _, from_wh, _ in wanted}),
    )
    found: dict[tuple[str, int], list[Any]] = {}
    for row in await work.session.execute(statement):
        found.setdefault((row[0].source_id, row[0].from_wh), []).append(row)
    return {
        key: _view(row)
        for key in wanted
        for row in found.get(key[:2], ())
        if row[0].period_start < key[2] <= row[0].period_end
    }


async def parts(work: Work, scope: Scope, issuance_ids: Sequence[str]) -> dict[str, list[IssuancePartView]]:
    """Parts by issuance in the order of the share table; of holders that the asker may see."""
    row = IssuancePartRow
    statement = (
        select(row)
        .where(col(row.issuance_id).in_(issuance_ids), scope.holders(col(row.holder_id)))
        .order_by(col(row.issuance_id), col(row.position))
        .limit(PARTS_MAX)
    )
    found: dict[str, list[IssuancePartView]] = {}
    for each in (await work.session.execute(statement)).scalars():
        view = IssuancePartView(
            each.issuance_id, each.holder_id, each.address, each.share_count, TokenAmount(each.amount)
        )
        found.setdefault(each.issuance_id, []).append(view)
    return found


async def attempts(work: Work, issuance_ids: Sequence[str]) -> dict[str, list[AttemptView]]:
    """Attempts by issuance, oldest first; those of a batch stand with each issuance it carries."""
    carried = col(CarriedIssuanceRow.issuance_id)
    statement = (
        select(TransactionAttemptRow, ChainTransactionRow, carried)
        .join(ChainTransactionRow, col(ChainTransactionRow.id) == col(TransactionAttemptRow.transaction_id))
        .join(CarriedIssuanceRow, col(CarriedIssuanceRow.transaction_id) == col(ChainTransactionRow.id))
        .where(carried.in_(issuance_ids))
        .order_by(carried, col(TransactionAttemptRow.number))
        .limit(PARTS_MAX)
    )
    found: dict[str, list[AttemptView]] = {}
    for each, transaction, issuance_id in await work.session.execute(statement):
        view = AttemptView(
            issuance_id=issuance_id,
            number=each.number,
            nonce=transaction.nonce,
            account=transaction.account,
            max_fee_wei=each.max_fee_wei,
            tip_wei=each.tip_wei,
            state=each.state,
            tx_hash=each.tx_hash,
            requested_at=each.requested_at,
            signed_at=each.signed_at,
            broadcast_at=each.broadcast_at,
        )
        found.setdefault(issuance_id, []).append(view)
    return found
