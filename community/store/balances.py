"""Balances and supply, the folds of the indexed transfers: at the indexed head, and at the finalised block."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import delete, func, or_, select
from sqlmodel import col

from community.store.tables.chain import BalanceRow, ShareBalanceRow, ShareTransferRow, SupplyRow, TransferRow
from community.store.unit_of_work import Work
from community.store.upserts import upsert
from community.tokens.balances import Effects, Holding, balance_after, supply_after
from community.tokens.supply import Supply

_NOTHING = Effects()


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where balances stand, and of which transfers they are the fold. Both tables of balances have the same columns."""

    balance: Any
    transfer: Any
    token: str
    has_supply: bool


KWH = Ledger(BalanceRow, TransferRow, "token", has_supply=True)
SHARES = Ledger(ShareBalanceRow, ShareTransferRow, "source_ref", has_supply=False)
"""Share tokens; the number of a source's shares is the sum of its balances."""


class _Held(NamedTuple):
    amount: int
    final_amount: int
    block_number: int


async def fold_in(work: Work, chain_id: int, head: Effects, final: Effects = _NOTHING, ledger: Ledger = KWH) -> None:
    """Add `head` to balances and supply at the indexed head, and `final` to those at the finalised block.

    Raises BalanceOutOfRange: then the index is wrong, and nothing of this unit of work may stay.
    """
    keys = sorted(head.last_block.keys() | final.balances.keys())
    known = await _held(work, ledger, chain_id, keys)
    rows = []
    for key in keys:
        before = known.get(key, _Held(0, 0, 0))
        rows.append(
            (
                key,
                _Held(
                    balance_after(before.amount, head.balances.get(key, 0), key),
                    balance_after(before.final_amount, final.balances.get(key, 0), key),
                    head.last_block.get(key, before.block_number),
                ),
            )
        )
    await _write(work, ledger, chain_id, rows)
    for token in sorted({*head.tokens, *final.tokens}) if ledger.has_supply else ():
        await _fold_supply(work, chain_id, token, head, final)


async def take_back(work: Work, chain_id: int, undone: Effects, ledger: Ledger = KWH) -> None:
    """Undo the effects of transfers already removed: balances stand as if those had never been."""
    await fold_in(work, chain_id, undone.reverted(), ledger=ledger)
    rows = []
    known = await _held(work, ledger, chain_id, sorted(undone.last_block))
    for key, held in known.items():
        last = await _last_block(work, ledger, chain_id, key)
        if last is None:
            await _remove(work, ledger, chain_id, key)
        else:
            rows.append((key, held._replace(block_number=last)))
    await _write(work, ledger, chain_id, rows)
    row = SupplyRow
    for token in undone.tokens if ledger.has_supply else ():
        supply_left = await supply(work, chain_id, token)
        if supply_left == Supply():
            await work.session.execute(delete(row).where(col(row.chain_id) == chain_id, col(row.token) == token))


async def balances(
    work: Work, chain_id: int, token: str, *, final: bool = False, ledger: Ledger = KWH
) -> dict[str, int]:
    """Every balance of `token` that is not 0: at the indexed head, or `final` at the finalised block."""
    row = ledger.balance
    amount = col(row.final_amount) if final else col(row.amount)
    statement = select(col(row.address), amount).where(col(row.chain_id) == chain_id, col(row.token) == token)
    return {address: held for address, held in (await work.session.execute(statement)) if held}


async def supply(work: Work, chain_id: int, token: str, *, final: bool = False) -> Supply:
    """Minted and burned of `token`: at the indexed head, or `final` at the finalised block."""
    at_head, at_final = await _supplies(work, chain_id, token)
    return at_final if final else at_head


async def _supplies(work: Work, chain_id: int, token: str) -> tuple[Supply, Supply]:
    row = SupplyRow
    columns = (col(row.minted), col(row.burned), col(row.final_minted), col(row.final_burned))
    statement = select(*columns).where(col(row.chain_id) == chain_id, col(row.token) == token)
    found = (await work.session.execute(statement)).one_or_none()
    if found is None:
        return Supply(), Supply()
    minted, burned, final_minted, final_burned = found
    return Supply(minted, burned), Supply(final_minted, final_burned)


async def _fold_supply(work: Work, chain_id: int, token: str, head: Effects, final: Effects) -> None:
    at_head, at_final = await _supplies(work, chain_id, token)
    at_head, at_final = supply_after(at_head, head, token), supply_after(at_final, final, token)
    values = {"chain_id": chain_id, "token": token}
    amounts = {
        "minted": at_head.minted,
        "burned": at_head.burned,
        "final_minted": at_final.minted,
        "final_burned": at_final.burned,
    }
    await upsert(work, SupplyRow, values | amounts, list(values))


_HELD_SQLITE = """
SELECT address, amount, final_amount, block_number FROM {table}
WHERE chain_id = ? AND token = ? AND address IN (SELECT value FROM json_each(?))
"""
_HELD_POSTGRESQL = """
SELECT address, amount::text, final_amount::text, block_number FROM {table}
WHERE chain_id = $1 AND token = $2 AND address = ANY($3::text[])
"""


async def _held(work: Work, ledger: Ledger, chain_id: int, keys: Sequence[Holding]) -> dict[Holding, _Held]:
    found: dict[Holding, _Held] = {}
    connection = await work.session.connection()
    statement = (_HELD_SQLITE if work.is_sqlite else _HELD_POSTGRESQL).format(table=ledger.balance.__tablename__)
    for token in sorted({key[0] for key in keys}):
        addresses: Any = [key[1] for key in keys if key[0] == token]
        asked = json.dumps(addresses) if work.is_sqlite else addresses
        rows: list[Any] = list(await connection.exec_driver_sql(statement, (chain_id, token, asked)))
        for address, amount, final_amount, block in rows:
            found[token, address] = _Held(int(amount), int(final_amount), block)
    return found


_UPSERT = """
INSERT INTO {table} (chain_id, token, address, amount, final_amount, block_number) {source}
ON CONFLICT (chain_id, token, address) DO UPDATE
SET amount = excluded.amount, final_amount = excluded.final_amount, block_number = excluded.block_number
"""
_ROWS_POSTGRESQL = "SELECT $1::bigint, * FROM unnest($2::text[], $3::text[], $4::text[]::numeric[], $5::text[]::numeric[], $6::bigint[])"
_ROWS_SQLITE = "VALUES (?, ?, ?, ?, ?, ?)"


async def _write(work: Work, ledger: Ledger, chain_id: int, rows: Iterable[tuple[Holding, _Held]]) -> None:
    listed = [
        (token, address, str(held.amount), str(held.final_amount), held.block_number) for (token, address), held in rows
    ]
    if not listed:
        return
    connection = await work.session.connection()
    source = _ROWS_SQLITE if work.is_sqlite else _ROWS_POSTGRESQL
    statement = _UPSERT.format(table=ledger.balance.__tablename__, source=source)
    if work.is_sqlite:
        await connection.exec_driver_sql(statement, [(chain_id, *one) for one in listed])
    else:
        columns: Any = tuple(list(column) for column in zip(*listed, strict=True))
        await connection.exec_driver_sql(statement, (chain_id, *columns))


async def _remove(work: Work, ledger: Ledger, chain_id: int, key: Holding) -> None:
    row = ledger.balance
    await work.session.execute(
        delete(row).where(col(row.chain_id) == chain_id, col(row.token) == key[0], col(row.address) == key[1])
    )


async def _last_block(work: Work, ledger: Ledger, chain_id: int, key: Holding) -> int | None:
    token, address = key
    row = ledger.transfer
    statement = select(func.max(col(row.block_number))).where(
        col(row.chain_id) == chain_id,
        col(getattr(row, ledger.token)) == token,
        or_(col(row.sender) == address, col(row.recipient) == address),
    )
    last: int | None = (await work.session.execute(statement)).scalar_one()
    return last
