"""The accounts that send transactions, and what of each is under way: how the signer is kept busy."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col

from community.store.tables.minting import ChainAccountRow, ChainTransactionRow, IssuanceRow, TransactionAttemptRow
from community.store.unit_of_work import Work

UNDER_WAY = ("requested", "signed", "broadcast")
ACCOUNTS_MAX = 100


@dataclass(frozen=True, slots=True)
class SenderView:
    """One account. `is_frozen`: its nonces are in doubt, and it sends nothing until a person has looked."""

    chain_id: int
    address: str
    next_nonce: int
    is_frozen: bool
    under_way: int
    last_signed_at: datetime | None
    last_broadcast_at: datetime | None
    balance_wei: int | None = None
    balance_at: datetime | None = None


async def senders(work: Work) -> list[SenderView]:
    """Every account, by chain and address."""
    account, transaction, attempt = ChainAccountRow, ChainTransactionRow, TransactionAttemptRow
    mine = (col(transaction.chain_id) == col(account.chain_id), col(transaction.account) == col(account.address))
    under_way = (
        select(func.count())
        .select_from(transaction)
        .join(IssuanceRow, col(IssuanceRow.id) == col(transaction.issuance_id))
        .where(*mine, col(IssuanceRow.state).in_(UNDER_WAY))
        .correlate(account)
        .scalar_subquery()
    )

    def newest(column: object) -> object:
        return (
            select(func.max(column))
            .select_from(attempt)
            .join(transaction, col(transaction.id) == col(attempt.transaction_id))
            .where(*mine)
            .correlate(account)
            .scalar_subquery()
        )

    statement = (
        select(account, under_way, newest(col(attempt.signed_at)), newest(col(attempt.broadcast_at)))  # type: ignore[call-overload]
        .order_by(col(account.chain_id), col(account.address))
        .limit(ACCOUNTS_MAX)
    )
    return [
        SenderView(
            row.chain_id,
            row.address,
            row.next_nonce,
            row.frozen,
            count,
            signed_at,
            broadcast_at,
            row.balance_wei,
            row.balance_at,
        )
        for row, count, signed_at, broadcast_at in await work.session.execute(statement)
    ]
