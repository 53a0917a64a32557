"""The address book: HD accounts, addresses whose index is given out once, and since when who holds what, as known when.

Bitemporal: events say from when an address is held or no longer, and since when the books know it. They are only added;
`coin_address` holds what is valid as known now, for the screens.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlmodel import col

from community.identity.coin_addresses import (
    AccountRole,
    AddressEvent,
    CoinAddress,
    CoinChain,
    HdAccount,
    held_at,
    receiving_at,
)
from community.ids import named_id
from community.store.tables.addresses import CoinAddressEventRow
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
    given = CoinAddress(identity_id, chain, address, path, valid_from=now)
    await add_address(work, given, "given", now, hd_account_id=row.id, index=index)
    return given


async def add_address(
    work: Work,
    address: CoinAddress,
    reason: str,
    now: datetime,
    *,
    hd_account_id: str | None = None,
    index: int | None = None,
) -> None:
    """Record an address that the books do not know yet, held from `valid_from` on. `reason`: given, or linked."""
    row_id = named_id("addr", address.chain.value, address.address)
    await work.session.execute(
        insert(CoinAddressRow).values(
            id=row_id,
            identity_id=address.identity_id,
            chain=address.chain.value,
            address=address.address,
            hd_account_id=hd_account_id,
            address_index=index,
            path=address.path,
            valid_from=address.valid_from,
            recorded_at=now,
        )
    )
    await _add_event(work, row_id, reason, True, address.valid_from, now)


async def hold_again(work: Work, row_id: str, reason: str, at: datetime, now: datetime) -> None:
    """A known address is held from `at` on; what is said of the time before stays."""
    await _add_event(work, row_id, reason, True, at, now)
    values = {"valid_from": at, "valid_to": None}
    await work.session.execute(update(CoinAddressRow).where(col(CoinAddressRow.id) == row_id).values(values))


async def end_address(
    work: Work, identity_id: str, chain: CoinChain, address: str, at: datetime, now: datetime
) -> bool:
    """From `at` on, which may lie in the past, the identity no longer holds the address. False if it is not his now.

    Its history stays: what was issued to it before was issued rightly.
    """
    found = await find_address(work, chain, address)
    if found is None or found.identity_id != identity_id or found.valid_to is not None:
        return False
    await _add_event(work, found.id, "unlinked", False, at, now)
    # As known now it was never held where it ends before it began: its row then has the shortest validity there is.
    ended = max(at, found.valid_from + timedelta(microseconds=1))
    await work.session.execute(update(CoinAddressRow).where(col(CoinAddressRow.id) == found.id).values(valid_to=ended))
    return True


async def find_address(work: Work, chain: CoinChain, address: str) -> CoinAddressRow | None:
    """The row of an address, locked against another writer."""
    found = await work.session.execute(
        select(CoinAddressRow)
        .where(col(CoinAddressRow.chain) == chain.value, col(CoinAddressRow.address) == address)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found.scalar_one_or_none()


async def address_events(work: Work, chain: CoinChain, identity_ids: Sequence[str] | None = None) -> list[AddressEvent]:
    """What the books say of addresses on a chain, of these identities or of all, in their order."""
    statement = (
        select(CoinAddressEventRow, CoinAddressRow)
        .join(CoinAddressRow, col(CoinAddressRow.id) == col(CoinAddressEventRow.address_id))
        .where(col(CoinAddressRow.chain) == chain.value)
        .order_by(col(CoinAddressEventRow.seq))
    )
    if identity_ids is not None:
        statement = statement.where(col(CoinAddressRow.identity_id).in_(identity_ids))
    return [
        AddressEvent(
            event.seq or 0,
            row.identity_id,
            chain,
            row.address,
            row.path,
            event.holds,
            event.effective_at,
            event.recorded_at,
        )
        for event, row in await work.session.execute(statement)
    ]


async def addresses_at(
    work: Work, chain: CoinChain, instant: datetime, known_at: datetime | None = None
) -> list[CoinAddress]:
    """Every address of `chain` held at `instant`, as the books knew at `known_at`, or know now."""
    return held_at(await address_events(work, chain), instant, known_at)


async def receiving_addresses(
    work: Work, identity_ids: Sequence[str], interval_end: datetime, known_at: datetime | None = None
) -> dict[str, str]:
    """The EVM address that each identity's tokens of an interval go to: the newest one held at the interval's end."""
    events = await address_events(work, CoinChain.EVM, identity_ids)
    return {who: held.address for who, held in receiving_at(events, interval_end, known_at).items()}


async def _add_event(work: Work, row_id: str, reason: str, holds: bool, effective_at: datetime, now: datetime) -> None:
    await work.session.execute(
        insert(CoinAddressEventRow).values(
            address_id=row_id, reason=reason, holds=holds, effective_at=effective_at, recorded_at=now
        )
    )
