"""The address book: HD accounts, and addresses whose index is given out once and never again."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import insert, or_, select, update
from sqlmodel import col

from community.identity.coin_addresses import AccountRole, CoinAddress, CoinChain, HdAccount
from community.ids import named_id
from community.store.tables.identity import CoinAddressRow, HdAccountRow
from community.store.unit_of_work import Work

Derive = Callable[[HdAccount, int], tuple[str, str]]
"""From an account and an index to (address, full path)."""


async def add_hd_account(work: Work, account: HdAccount) -> None:
    """Record the account-level public key that the signer exported for a chain and role."""
    await work.session.execute(
        insert(HdAccountRow).values(
            id=account.id, chain=account.chain.value, role=account.role.value, path=account.path, xpub=account.xpub
        )
    )


async def give_address(
    work: Work, identity_id: str, chain: CoinChain, role: AccountRole, derive: Derive, now: datetime
) -> CoinAddress:
    """Derive the next unused address of (chain, role) for an identity.

    The counter rises in the same unit of work, under the row's lock: an index is never used twice.
    Raises LookupError if the signer's account key for this chain and role was not recorded.
    """
    taken = await work.session.execute(
        update(HdAccountRow)
        .where(col(HdAccountRow.chain) == chain.value, col(HdAccountRow.role) == role.value)
        .values(next_index=col(HdAccountRow.next_index) + 1)
        .returning(col(HdAccountRow.id), col(HdAccountRow.path), col(HdAccountRow.xpub), col(HdAccountRow.next_index))
    )
    row = taken.one_or_none()
    if row is None:
        raise LookupError(
            f"no account key for {chain.value} {role.value}: export it with `python -m signer xpub` first"
        )
    index = row.next_index - 1
    address, path = derive(HdAccount(row.id, chain, role, row.path, row.xpub), index)
    await work.session.execute(
        insert(CoinAddressRow).values(
            id=named_id("addr", chain.value, address),
            identity_id=identity_id,
            chain=chain.value,
            address=address,
            hd_account_id=row.id,
            address_index=index,
            path=path,
            valid_from=now,
            recorded_at=now,
        )
    )
    return CoinAddress(identity_id, chain, address, path, valid_from=now)


async def addresses_at(work: Work, chain: CoinChain, instant: datetime) -> list[CoinAddress]:
    """Every address of `chain` that is valid at `instant`."""
    rows = await work.session.execute(
        select(CoinAddressRow)
        .where(
            col(CoinAddressRow.chain) == chain.value,
            col(CoinAddressRow.valid_from) <= instant,
            or_(col(CoinAddressRow.valid_to).is_(None), col(CoinAddressRow.valid_to) > instant),
        )
        .order_by(col(CoinAddressRow.identity_id), col(CoinAddressRow.valid_from))
    )
    return [
        CoinAddress(row.identity_id, chain, row.address, row.path, row.valid_from, row.valid_to)
        for row in rows.scalars()
    ]
