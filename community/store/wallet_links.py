"""Wallets that identities bring: challenges that are used once, links and their ends, all of which stay in the books."""

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlmodel import col

from community.identity.coin_addresses import CoinAddress, CoinChain
from community.identity.wallet_links import Linked, LinkRefused, WalletChallenge, judge_link
from community.store.coin_addresses import add_address, end_address, find_address, hold_again
from community.store.tables.addresses import WalletChallengeRow
from community.store.unit_of_work import Work


async def add_challenge(work: Work, challenge: WalletChallenge) -> None:
    """Keep a challenge before it is shown to the wallet. Its nonce must be new: IntegrityError otherwise."""
    await work.session.execute(
        insert(WalletChallengeRow).values(
            nonce=challenge.nonce,
            identity_id=challenge.identity_id,
            address=challenge.address,
            chain_id=challenge.chain_id,
            issued_at=challenge.issued_at,
            expires_at=challenge.expires_at,
        )
    )


async def link(work: Work, identity_id: str, nonce: str, signature: bytes, now: datetime) -> Linked | LinkRefused:
    """Judge an identity's answer to its challenge and record the link.

    Only a signature that holds uses the challenge up: who knows the nonce alone cannot spoil it. Of two at once one wins.
    """
    row = await work.session.get(WalletChallengeRow, nonce, with_for_update=True, populate_existing=True)
    if row is None or row.identity_id != identity_id:
        return LinkRefused("There is no such challenge for you: ask for one, and answer it within ten minutes.")
    if row.used_at is not None:
        return LinkRefused("This challenge was used already: ask for a new one.")
    challenge = WalletChallenge(row.nonce, row.identity_id, row.address, row.chain_id, row.issued_at, row.expires_at)
    verdict = judge_link(challenge, signature, now)
    if isinstance(verdict, LinkRefused):
        return verdict
    known = await find_address(work, CoinChain.EVM, challenge.address)
    if known is not None and (known.identity_id != identity_id or known.valid_to is None):
        whose = "yours already" if known.identity_id == identity_id else "another identity's, now or formerly"
        return LinkRefused(f"The address {challenge.address} is {whose}: link another wallet.")
    used = await work.session.execute(
        update(WalletChallengeRow)
        .where(col(WalletChallengeRow.nonce) == nonce, col(WalletChallengeRow.used_at).is_(None))
        .values(used_at=now, signature=signature)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        return LinkRefused("This challenge was used already: ask for a new one.")
    if known is None:
        held = CoinAddress(identity_id, CoinChain.EVM, challenge.address, None, valid_from=now)
        await add_address(work, held, "linked", now)
    else:
        await hold_again(work, known.id, "linked", now, now)
    return verdict


async def unlink(work: Work, identity_id: str, address: str, now: datetime) -> bool:
    """From now on the wallet is no address of the identity; its history stays. False if it is none of his now."""
    return await end_address(work, identity_id, CoinChain.EVM, address, now, now)


async def proof_of(work: Work, identity_id: str, address: str) -> tuple[WalletChallenge, bytes] | None:
    """The newest challenge and signature by which the wallet was linked, for an auditor to verify again."""
    rows = await work.session.execute(
        select(WalletChallengeRow)
        .where(
            col(WalletChallengeRow.identity_id) == identity_id,
            col(WalletChallengeRow.address) == address,
            col(WalletChallengeRow.used_at).is_not(None),
        )
        .order_by(col(WalletChallengeRow.used_at).desc())
        .limit(1)
    )
    row = rows.scalar_one_or_none()
    if row is None or row.signature is None:
        return None
    challenge = WalletChallenge(row.nonce, row.identity_id, row.address, row.chain_id, row.issued_at, row.expires_at)
    return challenge, row.signature
