"""Accounts, transactions and their attempts. The nonce is decided here, in the unit of work of the intent."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update
from sqlalchemy.orm import aliased
from sqlmodel import col

from community.chain.transactions import Attempt, AttemptState, ChainTransaction, Fees, Intent
from community.errors import FatalError
from community.ids import named_id
from community.minting.issuances import IssuanceState
from community.store.tables.minting import (
    CarriedIssuanceRow,
    ChainAccountRow,
    ChainTransactionRow,
    IssuanceRow,
    TransactionAttemptRow,
)
from community.store.unit_of_work import Work
from community.store.upserts import insert_all, insert_if_absent


async def open_account(work: Work, chain_id: int, account: str, chain_nonce: int) -> int:
    """The next nonce of `account`; a new account starts with the chain's.

    Raises FatalError if the account is frozen, or the chain is ahead: then the key was used elsewhere, or these books
    are an old backup, and sending would only collide.
    """
    values = {"chain_id": chain_id, "address": account, "next_nonce": chain_nonce}
    await insert_if_absent(work, ChainAccountRow, values)
    row = (await work.session.execute(select(ChainAccountRow).where(_account(chain_id, account)))).scalars().one()
    if row.frozen:
        raise FatalError(
            f"Account {account} is frozen: a nonce of it was used by a transaction that these books do not know. Find "
            "out who used the key before anything is sent."
        )
    if row.next_nonce < chain_nonce:
        raise FatalError(
            f"The chain has {chain_nonce} transactions of {account}, these books only {row.next_nonce}. The key was used "
            "elsewhere, or the database was restored from an old backup: compare with the signer's audit first."
        )
    return row.next_nonce


async def note_balance(work: Work, chain_id: int, account: str, balance_wei: int, now: datetime) -> None:
    """Remember what `account` had to pay fees with."""
    values = {"balance_wei": balance_wei, "balance_at": now}
    await work.session.execute(update(ChainAccountRow).where(_account(chain_id, account)).values(**values))


async def freeze_account(work: Work, chain_id: int, account: str) -> None:
    """Send nothing from `account` until a person has looked."""
    await work.session.execute(update(ChainAccountRow).where(_account(chain_id, account)).values(frozen=True))


async def reserve_transaction(
    work: Work, issuance_ids: Sequence[str], intent: Intent, now: datetime
) -> ChainTransaction:
    """Take the account's next nonce for these issuances and record the first attempt. Raises FatalError if frozen.

    More than one are a batch, in the order of its call; the first stands for all.
    """
    taken = await work.session.execute(
        update(ChainAccountRow)
        .where(_account(intent.chain_id, intent.account), col(ChainAccountRow.frozen).is_(False))
        .values(next_nonce=col(ChainAccountRow.next_nonce) + 1)
        .returning(col(ChainAccountRow.next_nonce))
    )
    next_nonce = taken.scalar_one_or_none()
    if next_nonce is None:
        raise FatalError(f"Account {intent.account} is frozen or was never opened; nothing can be sent from it.")
    first, *also = issuance_ids
    transaction = ChainTransaction(
        id=named_id("tx", intent.chain_id, intent.account, next_nonce - 1, first, int(now.timestamp() * 1_000_000)),
        issuance_id=first,
        chain_id=intent.chain_id,
        account=intent.account,
        nonce=next_nonce - 1,
        to=intent.to,
        calldata=intent.calldata,
        gas_limit=intent.gas_limit,
        attempts=(Attempt(1, intent.fees, AttemptState.REQUESTED, now),),
        also=tuple(also),
    )
    await add_transaction(work, transaction, now)
    await add_attempt(work, transaction.id, 1, intent.fees, now)
    return transaction


async def add_transaction(work: Work, transaction: ChainTransaction, now: datetime) -> None:
    """Record a transaction and what it carries, without its attempts. Its nonce is taken already."""
    await work.session.execute(
        insert(ChainTransactionRow).values(
            id=transaction.id,
            issuance_id=transaction.issuance_id,
            chain_id=transaction.chain_id,
            account=transaction.account,
            nonce=transaction.nonce,
            to_address=transaction.to,
            calldata=transaction.calldata,
            gas_limit=transaction.gas_limit,
            created_at=now,
        )
    )
    carried = [
        {"issuance_id": issuance_id, "transaction_id": transaction.id, "position": position}
        for position, issuance_id in enumerate(transaction.issuance_ids)
    ]
    await insert_all(work, CarriedIssuanceRow, carried)


async def remove_transaction(work: Work, transaction_id: str) -> None:
    """Forget a transaction of which nothing was ever signed, its attempts being gone."""
    await work.session.execute(
        delete(CarriedIssuanceRow).where(col(CarriedIssuanceRow.transaction_id) == transaction_id)
    )
    await work.session.execute(delete(ChainTransactionRow).where(col(ChainTransactionRow.id) == transaction_id))


async def release_transaction(work: Work, transaction: ChainTransaction) -> None:
    """Take back a transaction that was never signed, and its nonce, so that the next one leaves no hole.

    Raises FatalError if a later nonce is taken or an attempt is signed: then the nonce can only be used.
    """
    removed = await work.session.execute(
        delete(TransactionAttemptRow)
        .where(col(TransactionAttemptRow.transaction_id) == transaction.id, col(TransactionAttemptRow.raw).is_(None))
        .returning(col(TransactionAttemptRow.number))
    )
    returned = await work.session.execute(
        update(ChainAccountRow)
        .where(
            _account(transaction.chain_id, transaction.account),
            col(ChainAccountRow.next_nonce) == transaction.nonce + 1,
        )
        .values(next_nonce=transaction.nonce)
        .returning(col(ChainAccountRow.next_nonce))
    )
    if len(list(removed)) != len(transaction.attempts) or returned.scalar_one_or_none() is None:
        raise FatalError(
            f"Nonce {transaction.nonce} of {transaction.account} was refused by the signer but cannot be taken back."
        )
    await remove_transaction(work, transaction.id)


async def add_attempt(work: Work, transaction_id: str, number: int, fees: Fees, now: datetime) -> None:
    """Record that a signature is wanted: same nonce, same call, these fees."""
    values = {
        "transaction_id": transaction_id,
        "number": number,
        "max_fee_wei": fees.max_fee_wei,
        "tip_wei": fees.tip_wei,
        "state": AttemptState.REQUESTED.value,
        "requested_at": now,
    }
    await insert_if_absent(work, TransactionAttemptRow, values)


async def drop_attempt(work: Work, transaction_id: str, number: int) -> None:
    """Forget an attempt that the signer refused; the earlier ones still stand."""
    await work.session.execute(
        delete(TransactionAttemptRow).where(
            col(TransactionAttemptRow.transaction_id) == transaction_id,
            col(TransactionAttemptRow.number) == number,
            col(TransactionAttemptRow.raw).is_(None),
        )
    )


async def store_signed(work: Work, transaction_id: str, number: int, raw: bytes, tx_hash: str, now: datetime) -> None:
    """Keep the signed bytes of an attempt. They are written once and never replaced."""
    await work.session.execute(
        update(TransactionAttemptRow)
        .where(
            col(TransactionAttemptRow.transaction_id) == transaction_id,
            col(TransactionAttemptRow.number) == number,
            col(TransactionAttemptRow.state) == AttemptState.REQUESTED.value,
        )
        .values(state=AttemptState.SIGNED.value, raw=raw, tx_hash=tx_hash, signed_at=now)
    )


async def mark_broadcast(work: Work, transaction_id: str, number: int, now: datetime) -> None:
    """Record that the bytes of an attempt were handed to the network, most recently now."""
    await work.session.execute(
        update(TransactionAttemptRow)
        .where(
            col(TransactionAttemptRow.transaction_id) == transaction_id,
            col(TransactionAttemptRow.number) == number,
            col(TransactionAttemptRow.raw).is_not(None),
        )
        .values(state=AttemptState.BROADCAST.value, broadcast_at=now)
    )


async def transaction_of(work: Work, issuance_id: str) -> ChainTransaction | None:
    """The transaction that carries an issuance, with its attempts, first to newest."""
    mine, carried = aliased(CarriedIssuanceRow), aliased(CarriedIssuanceRow)
    statement = (
        select(ChainTransactionRow, col(carried.issuance_id))
        .join(mine, col(mine.transaction_id) == col(ChainTransactionRow.id))
        .join(carried, col(carried.transaction_id) == col(ChainTransactionRow.id))
        .where(col(mine.issuance_id) == issuance_id)
        .order_by(col(carried.position))
    )
    found = list(await work.session.execute(statement))
    if not found:
        return None
    row: ChainTransactionRow = found[0][0]
    attempts = await work.session.execute(
        select(TransactionAttemptRow)
        .where(col(TransactionAttemptRow.transaction_id) == row.id)
        .order_by(col(TransactionAttemptRow.number))
    )
    return ChainTransaction(
        id=row.id,
        issuance_id=row.issuance_id,
        chain_id=row.chain_id,
        account=row.account,
        nonce=row.nonce,
        to=row.to_address,
        calldata=row.calldata,
        gas_limit=row.gas_limit,
        attempts=tuple(
            Attempt(
                number=attempt.number,
                fees=Fees(attempt.max_fee_wei, attempt.tip_wei),
                state=AttemptState(attempt.state),
                requested_at=attempt.requested_at,
                raw=attempt.raw,
                tx_hash=attempt.tx_hash,
                broadcast_at=attempt.broadcast_at,
            )
            for attempt in attempts.scalars()
        ),
        also=tuple(str(each) for _, each in found[1:]),
    )


async def awaits_signature(work: Work, chain_id: int, account: str) -> bool:
    """Whether a nonce of `account` is taken for an issuance that has no signature yet."""
    statement = (
        select(col(IssuanceRow.id))
        .join(ChainTransactionRow, col(ChainTransactionRow.issuance_id) == col(IssuanceRow.id))
        .where(
            col(IssuanceRow.state) == IssuanceState.REQUESTED.value,
            col(ChainTransactionRow.chain_id) == chain_id,
            col(ChainTransactionRow.account) == account,
        )
        .limit(1)
    )
    return (await work.session.execute(statement)).first() is not None


async def account_of_source(work: Work, source_id: str) -> str | None:
    """The account that sent a source's newest transaction: it keeps it, because its signer remembers the register."""
    statement = (
        select(col(ChainTransactionRow.account))
        .join(CarriedIssuanceRow, col(CarriedIssuanceRow.transaction_id) == col(ChainTransactionRow.id))
        .join(IssuanceRow, col(IssuanceRow.id) == col(CarriedIssuanceRow.issuance_id))
        .where(col(IssuanceRow.source_id) == source_id)
        .order_by(col(IssuanceRow.epoch).desc(), col(IssuanceRow.to_wh).desc())
        .limit(1)
    )
    return (await work.session.execute(statement)).scalar_one_or_none()


async def carriers_of(work: Work, issuance_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """For each of these issuances that has a transaction: the account, and the issuance that stands for all it carries."""
    columns = (
        col(CarriedIssuanceRow.issuance_id),
        col(ChainTransactionRow.account),
        col(ChainTransactionRow.issuance_id),
    )
    statement = (
        select(*columns)
        .join(ChainTransactionRow, col(ChainTransactionRow.id) == col(CarriedIssuanceRow.transaction_id))
        .where(columns[0].in_(issuance_ids))
    )
    return {
        str(carried): (str(account), str(first)) for carried, account, first in await work.session.execute(statement)
    }


async def highest_final_nonce(work: Work, chain_id: int, account: str) -> int | None:
    """The highest nonce of `account` whose issuance is final."""
    statement = (
        select(func.max(col(ChainTransactionRow.nonce)))
        .join(IssuanceRow, col(IssuanceRow.id) == col(ChainTransactionRow.issuance_id))
        .where(
            col(IssuanceRow.state) == IssuanceState.FINAL.value,
            col(ChainTransactionRow.chain_id) == chain_id,
            col(ChainTransactionRow.account) == account,
        )
    )
    nonce: int | None = (await work.session.execute(statement)).scalar()
    return nonce


async def sent_for_source(work: Work, source_id: str, epoch: int) -> tuple[int, int | None]:
    """How many issuances of a source are known to be mined, and the highest register that any transaction of an epoch names."""
    has_transaction = select(col(CarriedIssuanceRow.position)).where(
        col(CarriedIssuanceRow.issuance_id) == col(IssuanceRow.id)
    )
    mined = [IssuanceState.MINED.value, IssuanceState.FINAL.value]
    count = (
        select(func.count())
        .select_from(IssuanceRow)
        .where(col(IssuanceRow.source_id) == source_id, col(IssuanceRow.state).in_(mined))
    )
    highest = select(func.max(col(IssuanceRow.to_wh))).where(
        col(IssuanceRow.source_id) == source_id, col(IssuanceRow.epoch) == epoch, has_transaction.exists()
    )
    reached: int | None = (await work.session.execute(highest)).scalar()
    return (await work.session.execute(count)).scalar_one(), reached


def _account(chain_id: int, account: str) -> ColumnElement[bool]:
    return and_(col(ChainAccountRow.chain_id) == chain_id, col(ChainAccountRow.address) == account)
