"""Who asks: an API key makes a viewer. There is no viewer without one."""

from dataclasses import dataclass
from enum import StrEnum

from community.store import api_keys
from community.store.unit_of_work import Store, Work
from community.store.views import identities
from community.store.views.scope import Scope

_SCHEME = "bearer "


class Role(StrEnum):
    """What a viewer is here for."""

    MEMBER = "member"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks, from which key, and the rows that follow from it."""

    role: Role
    key_id: str
    label: str
    identity_id: str | None
    scope: Scope


def bearer(header: object) -> str | None:
    """The key in an `Authorization` value, with or without the word Bearer before it."""
    if not isinstance(header, str):
        return None
    text = header.strip()
    return text[len(_SCHEME) :].strip() if text.lower().startswith(_SCHEME) else text or None


async def authenticate(store: Store, text: str | None) -> Viewer | None:
    """The viewer that the key stands for; None without a key, or with one that is unknown or revoked."""
    if text is None:
        return None
    async with store.read() as work:
        key = await api_keys.verify(work, text)
        return None if key is None else await _viewer(work, key)


async def still_valid(store: Store, viewer: Viewer) -> bool:
    """Whether the key has not been revoked since."""
    async with store.read() as work:
        key = await api_keys.by_id(work, viewer.key_id)
        return key is not None and key.revoked_at is None


async def _viewer(work: Work, key: api_keys.ApiKey) -> Viewer:
    role = Role(key.role)
    return Viewer(role, key.id, key.label, key.identity_id, await _scope(work, role, key.identity_id))


async def _scope(work: Work, role: Role, identity_id: str | None) -> Scope:
    own = (identity_id,) if identity_id else ()
    match role:
        case Role.OPERATOR:
            return Scope(everything=True)
        case Role.AUDITOR:
            return Scope(everything=True, pseudonyms=True)
        case Role.MEMBER:
            behind = await identities.members_of_user(work, identity_id) if identity_id else []
            return Scope(everything=False, identity_ids=(*own, *behind))
        case Role.DEVICE:
            return Scope(everything=False, identity_ids=own)
