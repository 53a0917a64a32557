"""Judging an access token (RFC 9068 and 7519, as Keycloak issues them): who it is for, whose it is, what he may be here.

One sentence goes out for all refusals; which of the checks failed is in the log, for the operator.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from joserfc import jws
from joserfc.errors import JoseError

from api.issuers import Issuer, IssuerKeys, Key, KeysUnavailable
from api.roles import Role
from api.sessions import Sessions
from community.json_input import parse_json

TOKEN_BYTES_MAX = 8192
LEEWAY = timedelta(seconds=30)
LIFETIME_MAX = timedelta(days=1)
SUBJECT_MAX = 255
"""OpenID Connect Core 2: `sub` has at most 255 ASCII characters."""
_DEPTH_MAX = 8
_HEADER = frozenset({"alg", "kid", "typ"})
_HEADER_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_MOST_FIRST = (Role.OPERATOR, Role.AUDITOR, Role.MEMBER, Role.DEVICE)


class TokenRefused(Exception):
    """The token is not taken. The text says why, for the log: it holds nothing of the token itself."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a valid token speaks for."""

    issuer: str
    subject: str
    role: Role
    expires_at: datetime

    @property
    def login(self) -> str:
        """The name of this sign-in over all issuers. An issuer's URL has no `#` (OpenID Connect Core 2)."""
        return f"{self.issuer}#{self.subject}"


class TokenVerifier:
    """Judges tokens of several issuers."""

    def __init__(self, issuers: Sequence[Issuer], http: httpx.AsyncClient, sessions: Sessions | None = None) -> None:
        self._keys: dict[str, IssuerKeys | Sessions] = {issuer.url: IssuerKeys(issuer, http) for issuer in issuers}
        if sessions is not None:
            self._keys[sessions.issuer.url] = sessions

    async def judge(self, text: str, now: datetime) -> Bearer:
        """Whom the token speaks for. Raises TokenRefused."""
        header, claims = _parts(text)
        keys = self._keys.get(_text(claims, "iss"))
        if keys is None:
            raise TokenRefused("it is of an issuer that is not in the settings")
        kid, algorithm = _checked_header(header, keys.issuer)
        try:
            key = await keys.find(kid, now)
        except KeysUnavailable as error:
            raise TokenRefused(f"the issuer's keys cannot be fetched: {error}") from error
        if key is None:
            raise TokenRefused("the issuer publishes no signing key of this kid")
        _require_signature(text, key, algorithm)
        return _checked_claims(claims, keys.issuer, now)


def _parts(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(text) > TOKEN_BYTES_MAX:
        raise TokenRefused(f"it is longer than {TOKEN_BYTES_MAX} characters")
    pieces = text.split(".")
    if len(pieces) != 3 or not text.isascii():
        raise TokenRefused("it is no signed token in three parts")
    return _object(pieces[0]), _object(pieces[1])


def _object(piece: str) -> dict[str, Any]:
    try:
        plain = base64.b64decode(piece + "=" * (-len(piece) % 4), altchars=b"-_", validate=True)
        found = parse_json(plain, size_max=TOKEN_BYTES_MAX, depth_max=_DEPTH_MAX)
    except (ValueError, binascii.Error) as error:
        raise TokenRefused("a part of it is no JSON object") from error
    if not isinstance(found, dict):
        raise TokenRefused("a part of it is no JSON object")
    return found


def _checked_header(header: Mapping[str, Any], issuer: Issuer) -> tuple[str, str]:
    """`kid` and `alg`. A token that brings its own key, or asks for anything else, is refused (RFC 8725 3.1, 3.10)."""
    if extra := set(header) - _HEADER:
        raise TokenRefused(f"its header has {len(extra)} fields that are not taken, such as jwk, jku, x5c or crit")
    kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ", "JWT")
    if algorithm not in issuer.algorithms:
        raise TokenRefused("it is signed by an algorithm that is not allowed for this issuer")
    if not isinstance(kid, str) or not 0 < len(kid) <= 256:
        raise TokenRefused("its header names no key")
    if not isinstance(kind, str) or kind.lower() not in _HEADER_TYPES:
        raise TokenRefused("its header says that it is no access token")
    return kid, str(algorithm)


def _require_signature(text: str, key: Key, algorithm: str) -> None:
    try:
        jws.deserialize_compact(text, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise TokenRefused("its signature is wrong") from error


def _checked_claims(claims: Mapping[str, Any], issuer: Issuer, now: datetime) -> Bearer:
    subject = _text(claims, "sub")
    if len(subject) > SUBJECT_MAX or not subject.isprintable():
        raise TokenRefused("its subject is too long, or not printable")
    if issuer.audience not in _texts(claims.get("aud")):
        raise TokenRefused(f"it is not for the audience {issuer.audience}")
    party = claims.get("azp", claims.get("client_id"))
    if party not in issuer.authorized_parties:
        raise TokenRefused("it was issued to a client that is not in authorized_parties")
    if str(claims.get("typ", "Bearer")).lower() != "bearer":
        raise TokenRefused("it is an ID or a refresh token: send the access token")
    expires_at = _checked_times(claims, now)
    return Bearer(issuer.url, subject, _role(claims, issuer), expires_at)


def _checked_times(claims: Mapping[str, Any], now: datetime) -> datetime:
    expires_at, issued_at = _instant(claims, "exp"), _instant(claims, "iat")
    if expires_at + LEEWAY <= now:
        raise TokenRefused("it has expired")
    if issued_at - LEEWAY > now or ("nbf" in claims and _instant(claims, "nbf") - LEEWAY > now):
        raise TokenRefused("it is not valid yet: compare the clocks of the issuer and of this host")
    if expires_at - issued_at > LIFETIME_MAX:
        raise TokenRefused(f"it lives longer than {LIFETIME_MAX}: let the issuer give out shorter ones")
    return expires_at


def _role(claims: Mapping[str, Any], issuer: Issuer) -> Role:
    """The role that may most, from Keycloak's realm roles and those of the audience's client."""
    named = set(_roles_in(claims.get("realm_access")))
    of_clients = claims.get("resource_access")
    if isinstance(of_clients, dict):
        named |= set(_roles_in(of_clients.get(issuer.audience)))
    for role in _MOST_FIRST:
        if role.value in named:
            return role
    raise TokenRefused("it holds none of the roles operator, auditor, member and device")


def _roles_in(access: object) -> tuple[str, ...]:
    return _texts(access.get("roles")) if isinstance(access, dict) else ()


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise TokenRefused(f"it has no {name}")
    return value


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    """A NumericDate (RFC 7519 2); fractions of a second are cut off."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**37:
        raise TokenRefused(f"its {name} is missing, or no instant")
    return datetime.fromtimestamp(int(value), UTC)
