"""API keys: only a hash of each secret is kept, so that nobody can read a key out of the books."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import col

from community.errors import FatalError
from community.store import outbox
from community.store.tables.access import ROLES, ApiKeyRow
from community.store.tables.identity import IdentityRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows

PREFIX = "ecb"
_ID_BYTES = 8
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key without its secret."""

    id: str
    role: str
    identity_id: str | None
    label: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. `text` holds the secret and is shown this once."""

    key: ApiKey
    text: str


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def create(work: Work, *, role: str, label: str, identity_id: str | None, now: datetime) -> CreatedKey:
    """Make a key. Raises FatalError for an unknown role or identity, or a member's key without an identity."""
    if role not in ROLES:
        raise FatalError(f"{role!r} is no role; use one of {', '.join(ROLES)}.")
    if role in ("member", "device") and identity_id is None:
        raise FatalError(f"A {role}'s key needs the identity that it stands for.")
    if identity_id is not None:
        found = await work.session.execute(select(col(IdentityRow.id)).where(col(IdentityRow.id) == identity_id))
        if found.first() is None:
            raise FatalError(f"There is no identity {identity_id!r}.")
    number, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    key = ApiKey(f"key_{number}", role, identity_id, label, now, None)
    await work.session.execute(
        insert(ApiKeyRow).values(
            id=key.id,
            secret_sha256=_hashed(secret),
            role=role,
            identity_id=identity_id,
            label=label,
            created_at=now,
        )
    )
    return CreatedKey(key, f"{PREFIX}_{number}_{secret}")


async def any_of_role(work: Work, role: str) -> bool:
    """Whether a key of this role was ever made."""
    statement = select(col(ApiKeyRow.id)).where(col(ApiKeyRow.role) == role).limit(1)
    return (await work.session.execute(statement)).first() is not None


async def verify(work: Work, text: str) -> ApiKey | None:
    """The key that `text` is, unless it is unknown, wrong or revoked. Takes the same time for a wrong secret."""
    prefix, _, rest = text.partition("_")
    number, _, secret = rest.partition("_")
    if prefix != PREFIX or not number.isalnum() or len(text) > 200:
        return None
    statement = select(ApiKeyRow).where(col(ApiKeyRow.id) == f"key_{number}")
    row = (await work.session.execute(statement)).scalar_one_or_none()
    kept = row.secret_sha256 if row is not None else "0" * 64
    if not hmac.compare_digest(kept, _hashed(secret)) or row is None or row.revoked_at is not None:
        return None
    return _key(row)


async def by_id(work: Work, key_id: str) -> ApiKey | None:
    """One key."""
    row = (await work.session.execute(select(ApiKeyRow).where(col(ApiKeyRow.id) == key_id))).scalar_one_or_none()
    return None if row is None else _key(row)


async def revoke(work: Work, key_id: str, now: datetime) -> None:
    """End a key. Open connections that use it are closed by whoever follows the outbox."""
    row = ApiKeyRow
    statement = update(row).where(col(row.id) == key_id, col(row.revoked_at).is_(None)).values(revoked_at=now)
    await work.session.execute(statement)
    await outbox.announce(work, "credential_ended", key_id, now)


async def page(work: Work, first: int, after: str | None) -> Page[ApiKey]:
    """Keys, newest first."""
    row = ApiKeyRow
    statement = select_rows(row, col(row.created_at).label("key_at"), col(row.id).label("key"))
    keyset = Keyset((col(row.created_at), col(row.id)), (datetime, str))
    return await fetch_page(work, statement, keyset, lambda each: _key(each[0]), first, after)


def _key(row: Any) -> ApiKey:
    return ApiKey(row.id, row.role, row.identity_id, row.label, row.created_at, row.revoked_at)
