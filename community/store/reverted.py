"""What transactions carried that were mined and reverted: kept for ever, and free to be sent again."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import col

from community.chain.transactions import ChainTransaction
from community.store.tables.minting import CarriedIssuanceRow, ChainTransactionRow, RevertedIssuanceRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all


async def set_down(
    work: Work, transaction: ChainTransaction, issuance_ids: Sequence[str], reason: str, now: datetime
) -> None:
    """Record that a transaction carried these issuances in vain; another may carry them now. Its nonce stays spent."""
    places = {issuance_id: position for position, issuance_id in enumerate(transaction.issuance_ids)}
    rows = [
        {
            "transaction_id": transaction.id,
            "issuance_id": issuance_id,
            "position": places[issuance_id],
            "reason": reason,
            "recorded_at": now,
        }
        for issuance_id in issuance_ids
    ]
    await insert_all(work, RevertedIssuanceRow, rows)
    row = CarriedIssuanceRow
    await work.session.execute(
        delete(row).where(col(row.transaction_id) == transaction.id, col(row.issuance_id).in_(issuance_ids))
    )


async def reverted_nonces_of(work: Work, issuance_ids: Sequence[str]) -> list[int]:
    """The nonces under which any of these issuances was mined in vain, in order."""
    statement = (
        select(col(ChainTransactionRow.nonce))
        .join(RevertedIssuanceRow, col(RevertedIssuanceRow.transaction_id) == col(ChainTransactionRow.id))
        .where(col(RevertedIssuanceRow.issuance_id).in_(issuance_ids))
        .distinct()
        .order_by(col(ChainTransactionRow.nonce))
    )
    return [int(nonce) for nonce in (await work.session.execute(statement)).scalars()]
