"""Proof of possession: a nonce that is given once and accepted once, and the key that answered to it."""

import os
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import col

from community.attestation.possession import PossessionRefused, verify_possession
from community.store.decisions import NotFound, NotPossible, Outcome
from community.store.onboarding import Told, bind_key
from community.store.tables.identity import DeviceKeyRow, DeviceRow
from community.store.tables.onboarding import DeviceChallengeRow
from community.store.unit_of_work import Work
from community.store.upserts import upsert

NONCE_SIZE = 16
CHALLENGE_LASTS = timedelta(minutes=10)
SAME_FOR = timedelta(minutes=1)


async def give_nonce(work: Work, device_id: str, now: datetime) -> bytes:
    """A nonce for the device; the one before counts no longer. IntegrityError for an unknown device.

    Asked again within a minute it is the same one: of a question that was repeated, or heard by two processes, every
    answer is right.
    """
    row = DeviceChallengeRow
    held = select(row).where(col(row.device_id) == device_id).with_for_update()
    before = (await work.session.execute(held)).scalar_one_or_none()
    if before is not None and before.used_at is None and now < before.issued_at + SAME_FOR:
        return bytes(before.nonce)
    nonce = os.urandom(NONCE_SIZE)
    values = {"device_id": device_id, "nonce": nonce, "issued_at": now, "used_at": None}
    await upsert(work, DeviceChallengeRow, values, ("device_id",))
    return nonce


async def accept_possession(
    work: Work,
    device_id: str,
    token: bytes,
    public_key: bytes,
    told: Told,
    now: datetime,
    *,
    development_key: bool = False,
) -> Outcome:
    """Bind `public_key` to the device if `token` proves that it holds the key and answers to the nonce it was given.

    The same proof again, because its answer was lost, is accepted again and changes nothing.
    Raises ValueError for what is no P-256 point.
    """
    row = DeviceChallengeRow
    eui_of = select(col(DeviceRow.eui)).where(col(DeviceRow.identity_id) == device_id)
    eui = (await work.session.execute(eui_of)).scalar_one_or_none()
    if eui is None:
        return NotFound()
    held = select(row).where(col(row.device_id) == device_id).with_for_update()
    challenge = (await work.session.execute(held)).scalar_one_or_none()
    used = challenge is not None and challenge.used_at is not None and not await _is_bound(work, device_id, public_key)
    if challenge is None or used or now > challenge.issued_at + CHALLENGE_LASTS:
        return NotPossible(
            f"No nonce waits for an answer of this device: each counts once and for {CHALLENGE_LASTS.seconds // 60} "
            "minutes. Take a new one and answer at once."
        )
    claims = verify_possession(token, public_key, nonce=challenge.nonce, eui=bytes.fromhex(eui))
    if isinstance(claims, PossessionRefused):
        return NotPossible(f"The proof of possession does not hold: {claims.reason}.")
    await work.session.execute(update(row).where(col(row.device_id) == device_id).values(used_at=now))
    return await bind_key(
        work,
        device_id,
        public_key,
        told,
        now,
        development_key=development_key,
        firmware=claims.firmware,
        hardware=claims.hardware,
    )


async def _is_bound(work: Work, device_id: str, public_key: bytes) -> bool:
    key = DeviceKeyRow
    found = select(col(key.id)).where(col(key.device_id) == device_id, col(key.public_key) == public_key)
    return (await work.session.execute(found)).first() is not None
