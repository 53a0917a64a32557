"""Transfers as indexed, and the balances and supply that are their fold."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlmodel import col

from community.store.tables.chain import BalanceRow, SupplyRow, TransferRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all
from community.tokens.balances import Effects, Holding, balance_after, supply_after
from community.tokens.supply import Supply
from community.tokens.transfers import Transfer

_ADDRESSES_PER_QUERY = 500


async def add(work: Work, chain_id: int, transfers: Sequence[Transfer]) -> None:
    """Record transfers. Raises IntegrityError if one is there already: the checkpoint must make that impossible."""
    await insert_all(work, TransferRow, [_values(chain_id, one) for one in transfers])


async def between(work: Work, chain_id: int, after: int, upto: int) -> list[Transfer]:
    """Transfers of the blocks in (after, upto], in chain order."""
    statement = (
        select(TransferRow)
        .where(
            col(TransferRow.chain_id) == chain_id,
            col(TransferRow.block_number) > after,
            col(TransferRow.block_number) <= upto,
        )
        .order_by(col(TransferRow.block_number), col(TransferRow.log_index))
    )
    return [_transfer(row) for row in (await work.session.execute(statement)).scalars()]


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


async def apply(work: Work, chain_id: int, effects: Effects, last_block: Mapping[Holding, int]) -> None:
    """Fold `effects` into balances and supply at the head. `last_block` has every holding that was touched, and where.

    Raises BalanceOutOfRange.
    """
    keys = sorted(last_block)
    known = await _balance_rows(work, chain_id, keys)
    for key in keys:
        row = known.get(key)
        amount = balance_after(row.amount if row else 0, effects.balances.get(key, 0), key)
        if row is None:
            work.session.add(_new_balance(chain_id, key, amount, last_block[key]))
        else:
            row.amount, row.block_number = amount, last_block[key]
    for token in effects.tokens:
        supply_row = await _supply_row(work, chain_id, token)
        after = supply_after(Supply(supply_row.minted, supply_row.burned), effects, token)
        supply_row.minted, supply_row.burned = after.minted, after.burned
    await work.session.flush()


async def take_back(work: Work, chain_id: int, effects: Effects, touched: Iterable[Holding]) -> None:
    """Undo `effects` of transfers already removed: balances stand as if those had never been."""
    keys = sorted(set(touched))
    undone = effects.reverted()
    await apply(work, chain_id, undone, dict.fromkeys(keys, 0))
    known = await _balance_rows(work, chain_id, keys)
    for key, row in known.items():
        last = await _last_block(work, chain_id, key)
        if last is None:
            await work.session.delete(row)
        else:
            row.block_number = last
    for token in effects.tokens:
        supply_row = await _supply_row(work, chain_id, token)
        if not (supply_row.minted or supply_row.burned):
            await work.session.delete(supply_row)
    await work.session.flush()


async def finalise(work: Work, chain_id: int, effects: Effects) -> None:
    """Fold the effects of newly finalised transfers into the final balances and the final supply."""
    known = await _balance_rows(work, chain_id, sorted(effects.balances))
    for key, change in effects.balances.items():
        row = known[key]
        row.final_amount = balance_after(row.final_amount, change, key)
    for token in effects.tokens:
        supply_row = await _supply_row(work, chain_id, token)
        after = supply_after(Supply(supply_row.final_minted, supply_row.final_burned), effects, token)
        supply_row.final_minted, supply_row.final_burned = after.minted, after.burned
    await work.session.flush()


async def balances(work: Work, chain_id: int, token: str, *, final: bool = False) -> dict[str, int]:
    """Every balance of `token` that is not 0: at the indexed head, or `final` at the finalised block."""
    amount = col(BalanceRow.final_amount) if final else col(BalanceRow.amount)
    statement = select(col(BalanceRow.address), amount).where(
        col(BalanceRow.chain_id) == chain_id, col(BalanceRow.token) == token
    )
    return {address: held for address, held in (await work.session.execute(statement)) if held}


async def supply(work: Work, chain_id: int, token: str, *, final: bool = False) -> Supply:
    """Minted and burned of `token`: at the indexed head, or `final` at the finalised block."""
    statement = select(SupplyRow).where(col(SupplyRow.chain_id) == chain_id, col(SupplyRow.token) == token)
    row = (await work.session.execute(statement)).scalar_one_or_none()
    if row is None:
        return Supply()
    return Supply(row.final_minted, row.final_burned) if final else Supply(row.minted, row.burned)


async def _balance_rows(work: Work, chain_id: int, keys: Sequence[Holding]) -> dict[Holding, BalanceRow]:
    found: dict[Holding, BalanceRow] = {}
    for token in sorted({key[0] for key in keys}):
        addresses = [key[1] for key in keys if key[0] == token]
        for at in range(0, len(addresses), _ADDRESSES_PER_QUERY):
            statement = select(BalanceRow).where(
                col(BalanceRow.chain_id) == chain_id,
                col(BalanceRow.token) == token,
                col(BalanceRow.address).in_(addresses[at : at + _ADDRESSES_PER_QUERY]),
            )
            for row in (await work.session.execute(statement)).scalars():
                found[token, row.address] = row
    return found


def _new_balance(chain_id: int, key: Holding, amount: int, block_number: int) -> BalanceRow:
    return BalanceRow(
        chain_id=chain_id, token=key[0], address=key[1], amount=amount, final_amount=0, block_number=block_number
    )


async def _supply_row(work: Work, chain_id: int, token: str) -> SupplyRow:
    row = await work.session.get(SupplyRow, (chain_id, token))
    if row is None:
        row = SupplyRow(chain_id=chain_id, token=token, minted=0, burned=0, final_minted=0, final_burned=0)
        work.session.add(row)
    return row


async def _last_block(work: Work, chain_id: int, key: Holding) -> int | None:
    token, address = key
    statement = select(func.max(col(TransferRow.block_number))).where(
        col(TransferRow.chain_id) == chain_id,
        col(TransferRow.token) == token,
        or_(col(TransferRow.sender) == address, col(TransferRow.recipient) == address),
    )
    return (await work.session.execute(statement)).scalar_one()


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


def _values(chain_id: int, one: Transfer) -> dict[str, Any]:
    return {
        "chain_id": chain_id,
        "block_number": one.block_number,
        "log_index": one.log_index,
        "block_hash": one.block_hash,
        "tx_hash": one.tx_hash,
        "token": one.token,
        "sender": one.sender,
        "recipient": one.recipient,
        "amount": one.amount,
        "kind": one.kind.value,
    }
