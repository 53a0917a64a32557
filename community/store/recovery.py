"""Putting back what a restored backup has lost: evidence, issuances and transactions that are proven elsewhere.

Only recovery writes an issuance that is signed or mined already; everything else goes through the table of states.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlmodel import col

from community.chain.transactions import ChainTransaction
from community.errors import CommunityError
from community.minting.issuances import Issuance, IssuanceState
from community.store.issuances import add_issuance, issuance_by_id, move_issuances
from community.store.outbox import announce
from community.store.tables.identity import DeviceKeyRow, DeviceRow, EnergySourceRow
from community.store.tables.measuring import MeasurementRow
from community.store.tables.metering import InstallationRow, MeteringPointRow, RegisterRow
from community.store.tables.minting import ChainAccountRow, ChainTransactionRow, IssuanceRow, TransactionAttemptRow
from community.store.transactions import (
    add_attempt,
    add_transaction,
    remove_transaction,
    store_signed,
    transaction_of,
)
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent


class NotRecovered(CommunityError):
    """The books hold something else than what is proven elsewhere. The text says what and what to do."""


@dataclass(frozen=True, slots=True)
class PlaceOfSource:
    """Where a source's readings come from at an instant: register, installation and device."""

    register_id: str
    obis: str
    installation_id: str
    device_id: str
    device_eui: str


async def place_of_source(work: Work, source_id: str, at: datetime) -> PlaceOfSource | None:
    """The register, installation and device of a source that hold for a reading at `at`."""
    ends_at = col(InstallationRow.valid_to)
    columns = (
        col(RegisterRow.id),
        col(RegisterRow.obis),
        col(InstallationRow.id),
        col(InstallationRow.device_id),
        col(DeviceRow.eui),
    )
    statement = (
        select(*columns)
        .select_from(EnergySourceRow)
        .join(MeteringPointRow, col(MeteringPointRow.id) == col(EnergySourceRow.metering_point_id))
        .join(InstallationRow, col(InstallationRow.metering_point_id) == col(MeteringPointRow.id))
        .join(RegisterRow, col(RegisterRow.meter_id) == col(InstallationRow.meter_id))
        .join(DeviceRow, col(DeviceRow.identity_id) == col(InstallationRow.device_id))
        .where(
            col(EnergySourceRow.identity_id) == source_id,
            col(RegisterRow.obis) == col(MeteringPointRow.settled_obis),
            col(InstallationRow.valid_from) < at,
            or_(ends_at.is_(None), at <= ends_at),
        )
        .order_by(col(InstallationRow.valid_from).desc())
    )
    row = (await work.session.execute(statement)).first()
    return None if row is None else PlaceOfSource(*row)


async def key_id_of(work: Work, device_id: str, public_key: bytes) -> str | None:
    """The id of a device's key on file, by the key itself."""
    statement = select(col(DeviceKeyRow.id)).where(
        col(DeviceKeyRow.device_id) == device_id, col(DeviceKeyRow.public_key) == public_key
    )
    return (await work.session.execute(statement)).scalars().first()


async def measurement_at(work: Work, register_id: str, at: datetime) -> tuple[str, int] | None:
    """Id and register value of the measurement of a register at an instant."""
    row = MeasurementRow
    statement = select(col(row.id), col(row.register_wh)).where(col(row.register_id) == register_id, col(row.at) == at)
    found = (await work.session.execute(statement)).first()
    return None if found is None else (str(found[0]), int(found[1]))


async def put_back(work: Work, carried: Sequence[Issuance], transaction: ChainTransaction, now: datetime) -> bool:
    """Record issuances with the transaction that carries them, all proven. Says whether anything was missing.

    An issuance that the books decided on without sending it takes the transaction over. Raises NotRecovered where the
    books say otherwise; SharesChanged where they lack the share table's validity.
    """
    known = await transaction_of(work, carried[0].id)
    if known is not None:
        if (known.account, known.nonce, known.calldata) != (
            transaction.account,
            transaction.nonce,
            transaction.calldata,
        ):
            raise NotRecovered(
                f"Issuance {carried[0].id} has nonce {known.nonce} of {known.account} in the books, but nonce "
                f"{transaction.nonce} of {transaction.account} was signed for it."
            )
        added = await _add_attempts(work, known, transaction, now)
        # The state stays behind the attempts otherwise: a nonce that waits for its signature has it now.
        await move_issuances(work, [issuance.id for issuance in carried], IssuanceState.SIGNED, now)
        return added
    await _free_nonce(work, transaction, now)
    for issuance in carried:
        await _put_back_issuance(work, issuance, now)
    await add_transaction(work, transaction, now)
    await _add_attempts(work, replace(transaction, attempts=()), transaction, now)
    return True


async def _put_back_issuance(work: Work, issuance: Issuance, now: datetime) -> None:
    existing = await issuance_by_id(work, issuance.id)
    if existing is None:
        await _refuse_overlap(work, issuance)
        await add_issuance(work, issuance)
        return
    if await transaction_of(work, issuance.id) is not None:
        raise NotRecovered(
            f"Issuance {issuance.id} is carried by another transaction in the books than by the one that was signed for it."
        )
    if existing.amount != issuance.amount:
        raise NotRecovered(
            f"Issuance {issuance.id} is planned with {existing.amount} base units, but {issuance.amount} were minted: a "
            "debt was netted. Put in a newer backup, or correct the books with the chain beside you."
        )
    facts = {"state": issuance.state.value, "mined_block": issuance.mined_block, "tx_hash": issuance.tx_hash}
    await work.session.execute(
        update(IssuanceRow).where(col(IssuanceRow.id) == issuance.id).values(failure=None, **facts)
    )
    await announce(work, "issuance", issuance.id, now)


async def continue_nonces_after(work: Work, chain_id: int, account: str, nonce: int) -> None:
    """Let the account go on after `nonce`, if the books stand before it."""
    absent = {"chain_id": chain_id, "address": account, "next_nonce": nonce + 1}
    if await insert_if_absent(work, ChainAccountRow, absent):
        return
    await work.session.execute(
        update(ChainAccountRow)
        .where(
            col(ChainAccountRow.chain_id) == chain_id,
            col(ChainAccountRow.address) == account,
            col(ChainAccountRow.next_nonce) <= nonce,
        )
        .values(next_nonce=nonce + 1)
    )


async def _refuse_overlap(work: Work, issuance: Issuance) -> None:
    row = IssuanceRow
    statement = select(col(row.id)).where(
        col(row.source_id) == issuance.source_id,
        col(row.epoch) == issuance.epoch,
        col(row.from_wh) < issuance.to_wh,
        col(row.to_wh) > issuance.from_wh,
    )
    other = (await work.session.execute(statement)).scalars().first()
    if other is not None:
        raise NotRecovered(
            f"Issuance {other} of {issuance.source_id} overlaps {issuance.from_wh} to {issuance.to_wh} Wh, which is signed "
            "already. It was planned after the restore, before recovery: put in the backup again and recover first."
        )


async def _free_nonce(work: Work, transaction: ChainTransaction, now: datetime) -> None:
    """Take the nonce from an issuance that the signer never signed under it. Raises NotRecovered if it has."""
    row = ChainTransactionRow
    statement = select(col(row.issuance_id)).where(
        col(row.chain_id) == transaction.chain_id,
        col(row.account) == transaction.account,
        col(row.nonce) == transaction.nonce,
    )
    holder = (await work.session.execute(statement)).scalar_one_or_none()
    if holder is None:
        return
    before = await transaction_of(work, holder)
    if before is None or before.signed_attempts:
        raise NotRecovered(
            f"The books have signed bytes of issuance {holder} under the same nonce: ask who used the key."
        )
    await work.session.execute(
        delete(TransactionAttemptRow).where(col(TransactionAttemptRow.transaction_id) == before.id)
    )
    await remove_transaction(work, before.id)
    failure = f"After a restore: its nonce {transaction.nonce} was signed for issuance {transaction.issuance_id}."
    await move_issuances(work, before.issuance_ids, IssuanceState.STOPPED, now, failure=failure)


async def _add_attempts(work: Work, known: ChainTransaction, proven: ChainTransaction, now: datetime) -> bool:
    """Add the signed attempts whose bytes the books lack. Says whether there were any."""
    by_fees = {attempt.fees: attempt for attempt in known.attempts}
    hashes = {attempt.tx_hash for attempt in known.attempts}
    number = max((attempt.number for attempt in known.attempts), default=0)
    missing = [attempt for attempt in proven.signed_attempts if attempt.tx_hash not in hashes]
    for attempt in missing:
        waiting = by_fees.get(attempt.fees)
        if waiting is None:
            number += 1
            await add_attempt(work, known.id, number, attempt.fees, now)
        place = number if waiting is None else waiting.number
        await store_signed(work, known.id, place, attempt.raw or b"", attempt.tx_hash or "", now)
    return bool(missing)
