"""Transfers as indexed. Balances and supply, their folds, stand in `balances`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import col

from community.store.bulk import copy_lines, insert_rows
from community.store.tables.chain import TransferRow
from community.store.unit_of_work import Work
from community.tokens.transfers import Transfer, TransferFields, kind_of

_COLUMNS = (
    "chain_id",
    "block_number",
    "log_index",
    "block_hash",
    "tx_hash",
    "token",
    "sender",
    "recipient",
    "amount",
    "kind",
)
"""In the order of `transfer_lines`."""


async def add(work: Work, chain_id: int, transfers: Sequence[TransferFields], lines: bytes) -> None:
    """Record transfers, given with their `transfer_lines`, which are at hand.

    Raises RowRefused if one is there already: the checkpoint must make that impossible.
    """
    if work.is_sqlite:
        rows = [
            (
                chain_id,
                number,
                index,
                block,
                tx,
                token,
                sender,
                recipient,
                str(amount),
                kind_of(sender, recipient).value,
            )
            for number, index, block, tx, token, sender, recipient, amount in transfers
        ]
        await insert_rows(work, TransferRow, _COLUMNS, rows)
    else:
        await copy_lines(work, TransferRow, _COLUMNS, lines)


async def between(work: Work, chain_id: int, after: int, upto: int) -> list[TransferFields]:
    """Transfers of the blocks in (after, upto], in chain order."""
    row = TransferRow
    columns: tuple[Any, ...] = (
        col(row.block_number),
        col(row.log_index),
        col(row.block_hash),
        col(row.tx_hash),
        col(row.token),
        col(row.sender),
        col(row.recipient),
        col(row.amount),
    )
    statement = (
        select(*columns)
        .where(col(row.chain_id) == chain_id, col(row.block_number) > after, col(row.block_number) <= upto)
        .order_by(col(row.block_number), col(row.log_index))
    )
    return [tuple(found) for found in await work.session.execute(statement)]


async def mints(work: Work, chain_id: int, token: str, upto: int) -> list[Transfer]:
    """Mints of `token` in the blocks up to `upto`, in chain order."""
    statement = (
        select(TransferRow)
        .where(
            col(TransferRow.chain_id) == chain_id,
            col(TransferRow.token) == token,
            col(TransferRow.kind) == "mint",
            col(TransferRow.block_number) <= upto,
        )
        .order_by(col(TransferRow.block_number), col(TransferRow.log_index))
    )
    return [_transfer(row) for row in (await work.session.execute(statement)).scalars()]


async def remove_above(work: Work, chain_id: int, number: int) -> None:
    """Forget the transfers above block `number`."""
    above = (col(TransferRow.chain_id) == chain_id, col(TransferRow.block_number) > number)
    await work.session.execute(delete(TransferRow).where(*above))


def _transfer(row: TransferRow) -> Transfer:
    return Transfer(
        block_number=row.block_number,
        log_index=row.log_index,
        block_hash=row.block_hash,
        tx_hash=row.tx_hash,
        token=row.token,
        sender=row.sender,
        recipient=row.recipient,
        amount=row.amount,
    )
