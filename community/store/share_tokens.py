"""Share tokens as the finalised chain has them: who holds how many of each source's, and when one last moved."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from community.reconciliation.facts import ShareTokens
from community.store.chain_index import checkpoint
from community.store.tables.chain import BlockRow, ShareTransferRow
from community.store.unit_of_work import Work
from community.tokens.share_boundaries import ShareMove
from community.tokens.transfers import ZERO_ADDRESS


async def share_tokens(work: Work, chain_id: int, sources: Mapping[str, str], upto: int) -> dict[str, ShareTokens]:
    """Per source id the tokens after block `upto`, folded from their transfers; `sources` maps references to ids.

    A source without share tokens is left out.
    """
    row = ShareTransferRow
    statement = (
        select(col(row.source_ref), col(row.sender), col(row.recipient), col(row.amount), col(BlockRow.at))
        .join(BlockRow, (col(BlockRow.chain_id) == chain_id) & (col(BlockRow.number) == col(row.block_number)))
        .where(col(row.chain_id) == chain_id, col(row.block_number) <= upto)
        .order_by(col(row.block_number), col(row.log_index), col(row.position))
    )
    held: dict[str, dict[str, int]] = {}
    moved_at: dict[str, datetime] = {}
    for source_ref, sender, recipient, amount, at in await work.session.execute(statement):
        source_id = sources.get(source_ref)
        if source_id is None:
            continue
        of_source = held.setdefault(source_id, {})
        of_source[sender] = of_source.get(sender, 0) - amount
        of_source[recipient] = of_source.get(recipient, 0) + amount
        moved_at[source_id] = at
    return {
        source_id: ShareTokens({address: count for address, count in found.items() if address != ZERO_ADDRESS}, at)
        for source_id, found in held.items()
        for at in (moved_at[source_id],)
    }


async def share_moves(work: Work, chain_id: int, source_ref: str) -> tuple[list[ShareMove], datetime | None]:
    """Every finalised movement of a source's share tokens in the chain's order, and the time of the finalised block.

    None instead of a time as long as nothing is indexed.
    """
    known = await checkpoint(work, chain_id)
    if known is None:
        return [], None
    row, block = ShareTransferRow, BlockRow
    upto = known.finalised.number
    at_final = select(col(block.at)).where(col(block.chain_id) == chain_id, col(block.number) <= upto)
    final_at = (await work.session.execute(at_final.order_by(col(block.number).desc()).limit(1))).scalar_one_or_none()
    statement = (
        select(col(block.at), col(row.sender), col(row.recipient), col(row.amount))
        .join(block, (col(block.chain_id) == chain_id) & (col(block.number) == col(row.block_number)))
        .where(col(row.chain_id) == chain_id, col(row.source_ref) == source_ref, col(row.block_number) <= upto)
        .order_by(col(row.block_number), col(row.log_index), col(row.position))
    )
    moves = [ShareMove(*move) for move in await work.session.execute(statement)]
    return moves, final_at
