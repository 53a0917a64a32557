"""Who asks: an API key or an issuer's access token makes a viewer. There is no viewer without one of them."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from api.access_tokens import LEEWAY, Bearer, TokenRefused, TokenVerifier
from api.roles import Role
from api.sessions import Sessions
from community.clock import Clock
from community.store import api_keys, disclosures, logins, wallet_sign_ins
from community.store.unit_of_work import Store, Work
from community.store.views import identities
from community.store.views.scope import Scope

_log = structlog.get_logger()
_SCHEME = "bearer "


class NotBound(Exception):
    """A valid token of a member or device that nobody here has bound to an identity yet."""

    def __init__(self, login: str) -> None:
        super().__init__(
            f"You are signed in, but nobody has linked your sign-in to a member yet. Send the operator this text: {login}"
        )


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks, by which credential (the id of a key, or a login), until when, and the rows that follow from it."""

    role: Role
    credential: str
    label: str
    identity_id: str | None
    scope: Scope
    expires_at: datetime | None = None

    @property
    def is_public(self) -> bool:
        """Whether nobody is signed in."""
        return self.role is Role.PUBLIC


EVERYBODY = Viewer(Role.PUBLIC, "public", "not signed in", None, Scope(everything=False))
"""Whoever sends no credential: he sees no row that is somebody's."""


def bearer(header: object) -> str | None:
    """The credential in an `Authorization` value, with or without the word Bearer before it."""
    if not isinstance(header, str):
        return None
    text = header.strip()
    return text[len(_SCHEME) :].strip() if text.lower().startswith(_SCHEME) else text or None


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Turns credentials into viewers. Without `tokens` there are API keys only."""

    store: Store
    clock: Clock
    tokens: TokenVerifier | None = None
    sessions: Sessions | None = None

    async def viewer_of(self, text: str | None) -> Viewer | None:
        """The viewer that the credential stands for; None without one, or with one that is wrong or has ended.

        Raises NotBound for a member's or device's token that no identity here belongs to.
        """
        if text is None:
            return None
        if not text.startswith(f"{api_keys.PREFIX}_"):
            return await self._by_token(text)
        async with self.store.read() as work:
            key = await api_keys.verify(work, text)
            if key is None:
                return None
            role = Role(key.role)
            scope = await _scope(work, role, key.id, key.identity_id)
            return Viewer(role, key.id, key.label, key.identity_id, scope)

    async def still_valid(self, viewer: Viewer) -> bool:
        """Whether the key has not been revoked since; whether the token has not expired, nor its login been unbound."""
        if viewer.is_public:
            return True
        if viewer.expires_at is not None and viewer.expires_at + LEEWAY <= self.clock.now():
            return False
        async with self.store.read() as work:
            if viewer.expires_at is None:
                key = await api_keys.by_id(work, viewer.credential)
                return key is not None and key.revoked_at is None
            return await self._identity_of(work, viewer.credential) == viewer.identity_id

    async def _by_token(self, text: str) -> Viewer | None:
        if self.tokens is None:
            return None
        try:
            token = await self.tokens.judge(text, self.clock.now())
        except TokenRefused as refusal:
            _log.warning("token_refused", reason=str(refusal))
            return None
        return await self._viewer_of(token)

    async def _viewer_of(self, token: Bearer) -> Viewer:
        async with self.store.read() as work:
            identity_id = await self._identity_of(work, token.login)
            if identity_id is None and token.role in (Role.MEMBER, Role.DEVICE):
                raise NotBound(token.login)
            scope = await _scope(work, token.role, token.login, identity_id)
        return Viewer(token.role, token.login, token.subject, identity_id, scope, token.expires_at)

    async def _identity_of(self, work: Work, login: str) -> str | None:
        """Whom a login stands for: of a wallet's session the member who holds the address now, else who is bound to it."""
        wallet = None if self.sessions is None else self.sessions.wallet_of(login)
        if wallet is None:
            return await logins.identity_of(work, login)
        return await wallet_sign_ins.member_of_wallet(work, wallet, self.clock.now())


async def _scope(work: Work, role: Role, credential: str, identity_id: str | None) -> Scope:
    own = (identity_id,) if identity_id else ()
    match role:
        case Role.OPERATOR:
            return Scope(everything=True)
        case Role.AUDITOR:
            return Scope(everything=True, pseudonyms=True, disclosed=await disclosures.disclosed_to(work, credential))
        case Role.MEMBER:
            behind = await identities.members_of_user(work, identity_id) if identity_id else []
            return Scope(everything=False, identity_ids=(*own, *behind))
        case Role.DEVICE:
            return Scope(everything=False, identity_ids=own)
        case Role.PUBLIC:
            return Scope(everything=False)
