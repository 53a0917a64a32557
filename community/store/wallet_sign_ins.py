"""Sign-ins with a wallet: the message is kept before it is shown, and signs somebody in once."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, update
from sqlmodel import col

from community.identity.wallet_sign_in import SignInMessage
from community.store.tables.deciding import WalletSignInRow
from community.store.tables.identity import CoinAddressRow, MemberRow
from community.store.unit_of_work import Work

KEPT = timedelta(days=1)
UNDER_WAY_MAX = 10_000
"""Messages that may wait for a signature: anybody can ask for one."""


async def add_message(work: Work, message: SignInMessage) -> bool:
    """Keep a message. False if too many are under way. Those that ended a day ago are forgotten."""
    row = WalletSignInRow
    await work.session.execute(delete(row).where(col(row.expires_at) < message.issued_at - KEPT))
    waiting = select(func.count()).select_from(row).where(col(row.expires_at) > message.issued_at)
    if (await work.session.execute(waiting)).scalar_one() >= UNDER_WAY_MAX:
        return False
    await work.session.execute(
        insert(row).values(
            nonce=message.nonce,
            site=message.site,
            address=message.address,
            chain_id=message.chain_id,
            issued_at=message.issued_at,
            expires_at=message.expires_at,
        )
    )
    return True


async def sign_in(work: Work, nonce: str, signature: bytes, now: datetime) -> str | None:
    """The address whose wallet signed the message of this nonce, which is used up by it; None if it did not. Of two one wins."""
    row = await work.session.get(WalletSignInRow, nonce, with_for_update=True, populate_existing=True)
    if row is None or row.used_at is not None:
        return None
    message = SignInMessage(row.site, row.address, row.chain_id, row.nonce, row.issued_at, row.expires_at)
    if not message.is_signed_by_wallet(signature, now):
        return None
    unused = (col(WalletSignInRow.nonce) == nonce, col(WalletSignInRow.used_at).is_(None))
    used = await work.session.execute(
        update(WalletSignInRow).where(*unused).values(used_at=now).returning(col(WalletSignInRow.nonce))
    )
    return message.address if used.first() is not None else None


async def member_of_wallet(work: Work, address: str, now: datetime) -> str | None:
    """The member who holds this address now."""
    row = CoinAddressRow
    statement = (
        select(col(row.identity_id))
        .join(MemberRow, col(MemberRow.identity_id) == col(row.identity_id))
        .where(
            col(row.address) == address,
            col(row.valid_from) <= now,
            col(row.valid_to).is_(None) | (col(row.valid_to) > now),
            ~col(MemberRow.is_treasury),
        )
        .limit(1)
    )
    return (await work.session.execute(statement)).scalar_one_or_none()
