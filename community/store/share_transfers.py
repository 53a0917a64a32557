"""Transfers of share tokens as indexed."""

from collections.abc import Sequence
from dataclasses import astuple

from sqlalchemy import delete, select
from sqlmodel import col

from community.store.tables.chain import ShareTransferRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all
from community.tokens.share_transfers import ShareTransfer

_COLUMNS = (
    "block_number",
    "log_index",
    "position",
    "block_hash",
    "tx_hash",
    "contract",
    "operator",
    "sender",
    "recipient",
    "source_ref",
    "amount",
)
"""The fields of a ShareTransfer in their order."""


async def add(work: Work, chain_id: int, transfers: Sequence[ShareTransfer]) -> None:
    """Record transfers of shares."""
    rows = [{"chain_id": chain_id, **dict(zip(_COLUMNS, astuple(one), strict=True))} for one in transfers]
    await insert_all(work, ShareTransferRow, rows)


async def between(work: Work, chain_id: int, after: int, upto: int) -> list[ShareTransfer]:
    """Those of the blocks in (after, upto], in chain order."""
    row = ShareTransferRow
    statement = (
        select(row)
        .where(col(row.chain_id) == chain_id, col(row.block_number) > after, col(row.block_number) <= upto)
        .order_by(col(row.block_number), col(row.log_index), col(row.position))
    )
    found = (await work.session.execute(statement)).scalars()
    return [ShareTransfer(*(getattr(one, name) for name in _COLUMNS)) for one in found]


async def remove_above(work: Work, chain_id: int, number: int) -> None:
    """Forget those above block `number`."""
    row = ShareTransferRow
    await work.session.execute(delete(row).where(col(row.chain_id) == chain_id, col(row.block_number) > number))
