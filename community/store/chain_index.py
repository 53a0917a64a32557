"""The index's checkpoint and blocks. Every change of the checkpoint names the head it starts from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import col

from community.chain.blocks import BlockRef
from community.chain.index_checkpoint import IndexCheckpoint, IndexedBlock
from community.errors import RetryableError
from community.store.bulk import insert_rows
from community.store.tables.chain import BlockRow, IndexCheckpointRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all

_BLOCK_COLUMNS = ("chain_id", "number", "hash", "parent_hash", "at", "digest")


class CheckpointMoved(RetryableError):
    """Another indexer works on this database and has moved on. Load the checkpoint anew and go on from there."""


async def checkpoint(work: Work, chain_id: int) -> IndexCheckpoint | None:
    """The checkpoint of a chain, None before its first block was indexed."""
    statement = select(IndexCheckpointRow).where(col(IndexCheckpointRow.chain_id) == chain_id)
    row = (await work.session.execute(statement)).scalar_one_or_none()
    return None if row is None else _checkpoint(row)


async def begin(work: Work, start: IndexCheckpoint, anchor: IndexedBlock) -> None:
    """Start the index of a chain at `anchor`, a block whose logs are not indexed."""
    await insert_rows(work, BlockRow, _BLOCK_COLUMNS, [_block_row(start.chain_id, anchor)])
    values = {
        "chain_id": start.chain_id,
        "start_block": start.start_block,
        "head_number": start.head.number,
        "head_hash": start.head.hash,
        "finalised_number": start.finalised.number,
        "finalised_hash": start.finalised.hash,
        "node_head_number": start.node_head,
        "updated_at": start.updated_at,
    }
    await insert_all(work, IndexCheckpointRow, [values])


async def move(
    work: Work, known: IndexCheckpoint, *, head: BlockRef, finalised: BlockRef, node_head: int, now: datetime
) -> IndexCheckpoint:
    """Move the checkpoint on from `known`. Raises CheckpointMoved if it is no longer there.

    Call it first in a unit of work: on PostgreSQL it also keeps a second indexer waiting until this one commits.
    """
    moved = IndexCheckpoint(known.chain_id, known.start_block, head, finalised, node_head, now)
    statement = (
        update(IndexCheckpointRow)
        .where(
            col(IndexCheckpointRow.chain_id) == known.chain_id,
            col(IndexCheckpointRow.head_hash) == known.head.hash,
            col(IndexCheckpointRow.finalised_hash) == known.finalised.hash,
        )
        .values(
            head_number=head.number,
            head_hash=head.hash,
            finalised_number=finalised.number,
            finalised_hash=finalised.hash,
            node_head_number=node_head,
            updated_at=now,
        )
    )
    result: Any = await work.session.execute(statement)
    if result.rowcount != 1:
        raise CheckpointMoved("The index has moved on without this process: another indexer works on this database.")
    return moved


async def add_blocks(work: Work, chain_id: int, blocks: Sequence[IndexedBlock]) -> None:
    """Record indexed blocks."""
    await insert_rows(work, BlockRow, _BLOCK_COLUMNS, [_block_row(chain_id, block) for block in blocks])


async def remove_above(work: Work, chain_id: int, number: int) -> None:
    """Forget the blocks above `number`: they are no longer on the chain."""
    statement = delete(BlockRow).where(col(BlockRow.chain_id) == chain_id, col(BlockRow.number) > number)
    await work.session.execute(statement)


async def blocks_from(work: Work, chain_id: int, number: int, limit: int = 100_000) -> list[IndexedBlock]:
    """Indexed blocks from `number` on, lowest first."""
    statement = (
        select(BlockRow)
        .where(col(BlockRow.chain_id) == chain_id, col(BlockRow.number) >= number)
        .order_by(col(BlockRow.number))
        .limit(limit)
    )
    return [_block(row) for row in (await work.session.execute(statement)).scalars()]


async def block_at(work: Work, chain_id: int, number: int) -> IndexedBlock | None:
    """The indexed block of that number, if it is stored."""
    found = await blocks_from(work, chain_id, number, limit=1)
    return found[0] if found and found[0].ref.number == number else None


async def digest_at(work: Work, chain_id: int, number: int) -> str:
    """The digest after block `number`: that of the last stored block up to there, for others change nothing. "" for none."""
    row = BlockRow
    statement = (
        select(col(row.digest))
        .where(col(row.chain_id) == chain_id, col(row.number) <= number)
        .order_by(col(row.number).desc())
        .limit(1)
    )
    return (await work.session.execute(statement)).scalar_one_or_none() or ""


def _checkpoint(row: IndexCheckpointRow) -> IndexCheckpoint:
    return IndexCheckpoint(
        chain_id=row.chain_id,
        start_block=row.start_block,
        head=BlockRef(row.head_number, row.head_hash),
        finalised=BlockRef(row.finalised_number, row.finalised_hash),
        node_head=row.node_head_number,
        updated_at=row.updated_at,
    )


def _block(row: BlockRow) -> IndexedBlock:
    return IndexedBlock(BlockRef(row.number, row.hash), row.parent_hash, row.at, row.digest)


def _block_row(chain_id: int, block: IndexedBlock) -> tuple[Any, ...]:
    return chain_id, block.ref.number, block.ref.hash, block.parent_hash, block.at, block.digest
