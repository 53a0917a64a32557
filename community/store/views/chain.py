"""What the index knows of the chain: head, supply, settlements, balances of holders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, and_, cast, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from community.store.tables.chain import (
    BalanceRow,
    BlockRow,
    IndexCheckpointRow,
    SettledEventRow,
    SupplyRow,
)
from community.store.tables.identity import CoinAddressRow, EnergySourceRow
from community.store.unit_of_work import Work
from community.store.views.among import among
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows
from community.units import TokenAmount, WattHours

ROWS_MAX = 5000
Place = tuple[int, int, int]
"""Chain id, block number and log index: where an event stands."""


@dataclass(frozen=True, slots=True)
class ChainHeadView:
    chain_id: int
    head: int
    head_hash: str
    finalised: int
    node_head: int
    lag: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SupplyView:
    token: str
    minted: TokenAmount
    burned: TokenAmount
    final_minted: TokenAmount
    final_burned: TokenAmount


@dataclass(frozen=True, slots=True)
class SettlementView:
    chain_id: int
    block_number: int
    log_index: int
    tx_hash: str
    issuer: str
    source_ref: str
    source_id: str | None
    number: int
    from_wh: WattHours
    to_wh: WattHours
    read_at: datetime
    minted_wh: WattHours
    mode: str
    evidence: str
    at: datetime | None
    final: bool


async def head(work: Work) -> ChainHeadView | None:
    """How far the index has come; None before it has read its first block."""
    row = (
        await work.session.execute(select(IndexCheckpointRow).order_by(col(IndexCheckpointRow.chain_id)).limit(1))
    ).scalar()
    if row is None:
        return None
    return ChainHeadView(
        chain_id=row.chain_id,
        head=row.head_number,
        head_hash=row.head_hash,
        finalised=row.finalised_number,
        node_head=row.node_head_number,
        lag=max(0, row.node_head_number - row.head_number),
        updated_at=row.updated_at,
    )


async def supply(work: Work) -> list[SupplyView]:
    """Minted and burned, by token."""
    rows = (await work.session.execute(select(SupplyRow).order_by(col(SupplyRow.token)).limit(ROWS_MAX))).scalars()
    return [
        SupplyView(
            row.token,
            TokenAmount(row.minted),
            TokenAmount(row.burned),
            TokenAmount(row.final_minted),
            TokenAmount(row.final_burned),
        )
        for row in rows
    ]


def the_chain() -> Any:
    """The id of the indexed chain: every key of the chain's tables begins with it, so that a page finds its index."""
    return select(func.min(col(IndexCheckpointRow.chain_id))).scalar_subquery()


def _located(row: Any) -> tuple[Any, Any]:
    """The joins that give an event its block's instant and the finalised height."""
    block = and_(col(BlockRow.chain_id) == col(row.chain_id), col(BlockRow.number) == col(row.block_number))
    return block, col(IndexCheckpointRow.chain_id) == col(row.chain_id)


def _keys(row: Any) -> tuple[Any, ...]:
    return (col(row.block_number).label("key_block"), col(row.log_index).label("key_log"))


def _settlements() -> Any:
    block, checkpoint = _located(SettledEventRow)
    return (
        select_rows(
            SettledEventRow,
            BlockRow.at,
            IndexCheckpointRow.finalised_number,
            EnergySourceRow.identity_id,
            *_keys(SettledEventRow),
        )
        .outerjoin(BlockRow, block)
        .outerjoin(IndexCheckpointRow, checkpoint)
        .outerjoin(EnergySourceRow, col(EnergySourceRow.source_ref) == col(SettledEventRow.source_ref))
        .where(col(SettledEventRow.chain_id) == the_chain())
    )


def _settlement(row: Any) -> SettlementView:
    each, at, finalised, source_id = row[0], row[1], row[2], row[3]
    return SettlementView(
        chain_id=each.chain_id,
        block_number=each.block_number,
        log_index=each.log_index,
        tx_hash=each.tx_hash,
        issuer=each.issuer,
        source_ref=each.source_ref,
        source_id=source_id,
        number=each.seq,
        from_wh=WattHours(each.from_wh),
        to_wh=WattHours(each.to_wh),
        read_at=each.read_at,
        minted_wh=WattHours(each.minted_wh),
        mode=each.mode,
        evidence=each.evidence,
        at=at,
        final=finalised is not None and each.block_number <= finalised,
    )


async def settlements(work: Work, source_id: str | None, first: int, after: str | None) -> Page[SettlementView]:
    """Settlements on chain, newest first."""
    row = SettledEventRow
    statement = _settlements()
    if source_id is not None:
        plant = aliased(EnergySourceRow)  # by its reference there is an index
        reference = select_rows(plant.source_ref).where(plant.identity_id == source_id)
        statement = statement.where(col(row.source_ref) == reference.scalar_subquery())
    keyset = Keyset((col(row.block_number), col(row.log_index)), (int, int))
    return await fetch_page(work, statement, keyset, _settlement, first, after)


async def settlements_by_tx(work: Work, hashes: Sequence[str]) -> dict[str, list[SettlementView]]:
    """Settlements by transaction, in the order of their logs."""
    row = SettledEventRow
    statement = _settlements().where(col(row.tx_hash).in_(hashes)).order_by(col(row.log_index)).limit(ROWS_MAX)
    found: dict[str, list[SettlementView]] = {}
    for each in await work.session.execute(statement):
        found.setdefault(each[0].tx_hash, []).append(_settlement(each))
    return found


async def amounts_of_holders(work: Work, holder_ids: Sequence[str], token: str | None) -> dict[str, tuple[int, int]]:
    """Indexed amount and final amount by identity, over all its addresses, also former ones.

    Added up here and not in SQL: SQLite knows no integers of 256 bits.
    """
    # balances are keyed by chain, token and address: without the first two every balance there is would be read
    tokens = select(col(SupplyRow.token)).where(col(SupplyRow.chain_id) == the_chain())
    statement = (
        # as text: that is three times as fast as a decimal number of the driver's for each amount
        select(
            col(CoinAddressRow.identity_id),
            cast(col(BalanceRow.amount), String),
            cast(col(BalanceRow.final_amount), String),
        )
        .join(BalanceRow, col(BalanceRow.address) == col(CoinAddressRow.address))
        .where(
            among(work, col(CoinAddressRow.identity_id), holder_ids),
            col(BalanceRow.chain_id) == the_chain(),
            col(BalanceRow.token).in_(tokens) if token is None else col(BalanceRow.token) == token,
        )
        .limit(ROWS_MAX)
    )
    totals: dict[str, tuple[int, int]] = {}
    for holder_id, amount, final in await work.session.execute(statement):
        before = totals.get(holder_id, (0, 0))
        totals[holder_id] = (before[0] + int(amount), before[1] + int(final))
    return totals
