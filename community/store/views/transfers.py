"""Transfers of the indexed chain, newest first: of everybody, of some addresses, or of one transaction.

An account's page is two index scans, one for what it sent and one for what it received, each no longer than the page:
"sender or recipient" in one condition would read all of the account's history, or of the chain's, to sort it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select, tuple_, union
from sqlmodel import col

from community.store.tables.chain import BlockRow, IndexCheckpointRow, TransferRow
from community.store.tables.identity import CoinAddressRow
from community.store.unit_of_work import Work
from community.store.views.keyset import PAGE_MAX, Keyset, Page, fetch_page, select_rows
from community.store.views.scope import Scope
from community.units import TokenAmount

ADDRESSES_MAX = 100
"""Addresses of one asker that a page looks at: newest first."""
KEYSET = Keyset((col(TransferRow.block_number), col(TransferRow.log_index)), (int, int))


@dataclass(frozen=True, slots=True)
class TransferView:
    chain_id: int
    block_number: int
    log_index: int
    tx_hash: str
    token: str
    sender: str
    recipient: str
    amount: TokenAmount
    kind: str
    at: datetime | None
    final: bool


async def page(
    work: Work, scope: Scope, *, address: str | None, tx_hash: str | None, first: int, after: str | None
) -> Page[TransferView]:
    """Transfers, newest first, in which an address of the asker takes part, and `address` if it is given."""
    checkpoint = (
        await work.session.execute(select(IndexCheckpointRow).order_by(col(IndexCheckpointRow.chain_id)).limit(1))
    ).scalar()
    if checkpoint is None:
        return Page((), (), more=False)
    own = None if scope.everything else await _own_addresses(work, scope)
    row, chain_id = TransferRow, checkpoint.chain_id
    statement = (
        select_rows(row, BlockRow.at, col(row.block_number).label("key_block"), col(row.log_index).label("key_log"))
        .outerjoin(BlockRow, and_(col(BlockRow.chain_id) == chain_id, col(BlockRow.number) == col(row.block_number)))
        .where(col(row.chain_id) == chain_id)
    )
    if tx_hash is not None:
        statement = statement.where(col(row.tx_hash) == tx_hash, *_takes_part(own, address))
    elif own is not None or address is not None:
        among = own if address is None or (own is not None and address not in own) else (address,)
        others = address if among is own and address is not None else None
        keys = _newest_keys(chain_id, among or (), others, min(max(1, first), PAGE_MAX) + 1, after)
        if keys is None:
            return Page((), (), more=False)
        statement = statement.join(
            keys, and_(keys.c.block_number == col(row.block_number), keys.c.log_index == col(row.log_index))
        )

    def make(found: Any) -> TransferView:
        return _view(found[0], found[1], checkpoint.finalised_number)

    return await fetch_page(work, statement, KEYSET, make, first, after)


def _newest_keys(chain_id: int, addresses: Sequence[str], other: str | None, limit: int, after: str | None) -> Any:
    """The places of the newest transfers of `addresses` (with `other` on the other side); None without addresses."""
    row, sides = TransferRow, []
    for address in addresses:
        for side, opposite in ((col(row.sender), col(row.recipient)), (col(row.recipient), col(row.sender))):
            branch = select(col(row.block_number), col(row.log_index)).where(
                col(row.chain_id) == chain_id, side == address
            )
            if other is not None:
                branch = branch.where(opposite == other)
            if after is not None:
                branch = branch.where(tuple_(*KEYSET.columns) < tuple_(*KEYSET.values(after)))
            newest = branch.order_by(col(row.block_number).desc(), col(row.log_index).desc()).limit(limit).subquery()
            sides.append(select(newest.c.block_number, newest.c.log_index))
    return union(*sides).subquery() if sides else None


def _takes_part(own: Sequence[str] | None, address: str | None) -> list[Any]:
    row = TransferRow
    conditions = [] if own is None else [or_(col(row.sender).in_(own), col(row.recipient).in_(own))]
    if address is not None:
        conditions.append(or_(col(row.sender) == address, col(row.recipient) == address))
    return conditions


async def _own_addresses(work: Work, scope: Scope) -> tuple[str, ...]:
    row = CoinAddressRow
    statement = (
        select(col(row.address))
        .where(scope.addresses(col(row.address)))
        .order_by(col(row.valid_from).desc(), col(row.address))
        .limit(ADDRESSES_MAX)
    )
    return tuple((await work.session.execute(statement)).scalars())


def _view(row: TransferRow, at: datetime | None, finalised: int) -> TransferView:
    return TransferView(
        row.chain_id,
        row.block_number,
        row.log_index,
        row.tx_hash,
        row.token,
        row.sender,
        row.recipient,
        TokenAmount(row.amount),
        row.kind,
        at,
        row.block_number <= finalised,
    )
