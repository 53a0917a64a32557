"""Transfers as indexed. Balances and supply, their folds, stand in `balances`."""

from typing import Any

from sqlalchemy import delete, select
from sqlmodel import col

from community.store.bulk import copy_lines
from community.store.tables.chain import TransferRow
from community.store.unit_of_work import Work
from community.tokens.transfers import ZERO_ADDRESS, Transfer, TransferFields

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


async def add(work: Work, lines: bytes) -> None:
    """Record transfers, given as their `transfer_lines`, which are at hand.

    Raises RowRefused if one is there already: the checkpoint must make that impossible.
    """
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


def are_mints(chain_id: int, token: str, upto: int) -> tuple[Any, ...]:
    """The conditions of mints of `token` in the blocks up to `upto`, found by the index of senders."""
    row = TransferRow
    return (
        col(row.chain_id) == chain_id, col(row.sender) == ZERO_ADDRESS, col(row.block_number) <= upto,
        col(row.token) == token, col(row.kind) == "mint",
    )  # fmt: skip


async def mints(work: Work, chain_id: int, token: str, upto: int) -> list[Transfer]:
    """Mints of `token` in the blocks up to `upto`, in chain order."""
    statement = (
        select(TransferRow)
        .where(*are_mints(chain_id, token, upto))
        .order_by(col(TransferRow.block_number), col(TransferRow.log_index))
    )
    return [transfer_of(row) for row in (await work.session.execute(statement)).scalars()]


async def remove_above(work: Work, chain_id: int, number: int) -> None:
    """Forget the transfers above block `number`."""
    above = (col(TransferRow.chain_id) == chain_id, col(TransferRow.block_number) > number)
    await work.session.execute(delete(TransferRow).where(*above))


def transfer_of(row: TransferRow) -> Transfer:
    """The value of a row."""
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
