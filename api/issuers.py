"""Who may vouch for a viewer: the OpenID Connect issuers of the settings, and the keys each of them publishes.

Keys are fetched at first use and kept. An unknown `kid` asks again, at most once a minute, so that a rotation is followed
and a forged token cannot make us ask for every request (OpenID Connect Core 10.1.1).
"""

import asyncio
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from community.errors import FatalError
from community.json_input import parse_json

_log = structlog.get_logger()

Key = RSAKey | ECKey
ALGORITHMS = ("RS256", "ES256")
"""Of RFC 7518 3.1: what issuers sign with here. Nothing symmetric, and never `none`."""
ANSWER_BYTES_MAX = 1_000_000
KEYS_MAX = 64
RSA_MODULUS_MIN = 342
"""Characters of a 2048-bit modulus in base64url; shorter keys are not taken (RFC 7518 3.3)."""
TIMEOUT_S = 5.0
ASK_AGAIN_AFTER = timedelta(minutes=1)
_FIELDS = frozenset({"url", "audience", "authorized_parties", "algorithms", "jwks_url", "web_client", "web_scope"})


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer whose tokens are taken. `url` is compared with `iss` to the letter.

    `authorized_parties` are the clients (`azp`) whose tokens count. Without `jwks_url` the keys are found by the issuer's
    discovery document. `web_client` is the public client that the web application signs people in with (OpenID Connect with
    PKCE), asking for `web_scope`. Raises ValueError.
    """

    url: str
    audience: str
    authorized_parties: tuple[str, ...]
    algorithms: tuple[str, ...] = ("RS256",)
    jwks_url: str | None = None
    web_client: str | None = None
    web_scope: str = "openid"

    def __post_init__(self) -> None:
        for name, url in (("url", self.url), ("jwks_url", self.jwks_url)):
            if url is not None:
                _require_safe(name, url)
        if urlsplit(self.url).query or urlsplit(self.url).fragment:
            raise ValueError("url has a query or a fragment, which no issuer has")
        if not self.audience:
            raise ValueError("audience is missing: the client scope of this API at the issuer")
        if not self.authorized_parties:
            raise ValueError("authorized_parties is missing: the clients that people sign in with")
        if self.web_client is not None and self.web_client not in self.authorized_parties:
            raise ValueError(
                "web_client must be one of authorized_parties: else nobody's token of the page would be taken"
            )
        if not self.algorithms or set(self.algorithms) - set(ALGORITHMS):
            raise ValueError(f"algorithms may name {' and '.join(ALGORITHMS)} only")


def _require_safe(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(f"{name} must be an https address, not {url!r}")


def load_issuers(path: Path) -> tuple[Issuer, ...]:
    """The issuers of a TOML file with one table `[[issuer]]` each. Raises FatalError with every mistake."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("issuer")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FatalError(f"{path} cannot be read: {error}") from error
    if not isinstance(tables, list) or not tables:
        raise FatalError(f"{path} has no table [[issuer]]. Give url, audience and authorized_parties of each.")
    problems: list[str] = []
    issuers: list[Issuer] = []
    for number, table in enumerate(tables, start=1):
        try:
            issuers.append(_issuer(table))
        except (TypeError, ValueError) as error:
            problems.append(f"[[issuer]] {number}: {error}")
    times = Counter(each.url for each in issuers)
    problems += [f"{url} stands there {count} times" for url, count in times.items() if count > 1]
    if problems:
        raise FatalError(f"{path} cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return tuple(issuers)


def _issuer(table: Mapping[str, Any]) -> Issuer:
    if unknown := sorted(set(table) - _FIELDS):
        raise ValueError(f"{', '.join(unknown)} is no setting of an issuer: there are {', '.join(sorted(_FIELDS))}")
    texts = {name: table[name] for name in ("url", "audience", "jwks_url", "web_client", "web_scope") if name in table}
    lists = {name: table[name] for name in ("authorized_parties", "algorithms") if name in table}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a text")
    for name, value in lists.items():
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise TypeError(f"{name} must be a list of texts")
    if missing := sorted({"url", "audience", "authorized_parties"} - set(table)):
        raise ValueError(f"{', '.join(missing)} is missing")
    return Issuer(
        url=table["url"],
        audience=table["audience"],
        authorized_parties=tuple(table["authorized_parties"]),
        algorithms=tuple(table.get("algorithms", ("RS256",))),
        jwks_url=table.get("jwks_url"),
        web_client=table.get("web_client"),
        web_scope=table.get("web_scope", "openid"),
    )


class KeysUnavailable(Exception):
    """The issuer's keys cannot be fetched now. The text says why, for the log."""


@dataclass(slots=True)
class IssuerKeys:
    """The published keys of one issuer by `kid`."""

    issuer: Issuer
    http: httpx.AsyncClient
    _keys: dict[str, Key] = field(default_factory=dict)
    _asked_at: datetime | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def count(self) -> int:
        """How many keys are known that may sign here."""
        return len(self._keys)

    async def find(self, kid: str, now: datetime) -> Key | None:
        """The key, asking the issuer if it is not known; None if there is none. Raises KeysUnavailable."""
        if kid in self._keys:
            return self._keys[kid]
        async with self._turn:
            if kid not in self._keys and (self._asked_at is None or now - self._asked_at >= ASK_AGAIN_AFTER):
                self._asked_at = now
                self._keys = await self._fetch()  # what it publishes no longer counts no longer
            return self._keys.get(kid)

    async def _fetch(self) -> dict[str, Key]:
        url = self.issuer.jwks_url or await self._discover()
        published = (await self._get(url)).get("keys")
        if not isinstance(published, list):
            raise KeysUnavailable(f"{url} is no set of keys")
        found: dict[str, Key] = {}
        for plain in published[:KEYS_MAX]:
            key = _signing_key(plain)
            if key is not None:
                found[plain["kid"]] = key
        _log.info("issuer_keys_fetched", issuer=self.issuer.url, keys=len(found))
        return found

    async def _discover(self) -> str:
        url = get_well_known_url(self.issuer.url, external=True)
        described = OpenIDProviderMetadata(await self._get(url))
        found = described.get("jwks_uri")
        if described.get("issuer") != self.issuer.url or not isinstance(found, str):
            raise KeysUnavailable(f"{url} describes another issuer, or no keys")
        try:
            _require_safe("jwks_uri", found)
            if self.issuer.url.startswith(
                "https:"
            ):  # OpenID Connect Discovery 1.0 section 3; an issuer here may be plain
                described.validate_issuer()
                described.validate_jwks_uri()
        except ValueError as error:
            raise KeysUnavailable(str(error)) from error
        return found

    async def _get(self, url: str) -> dict[str, Any]:
        body = b""
        try:
            async with self.http.stream(
                "GET", url, headers={"accept": "application/json"}, timeout=TIMEOUT_S
            ) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise KeysUnavailable(f"{url} answers with status {answer.status_code}")
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > ANSWER_BYTES_MAX:
                        raise KeysUnavailable(f"{url} answers with more than {ANSWER_BYTES_MAX} bytes")
        except httpx.HTTPError as error:
            raise KeysUnavailable(f"{url} does not answer: {error or type(error).__name__}") from error
        try:
            document = parse_json(body, size_max=ANSWER_BYTES_MAX, depth_max=8)
        except ValueError as error:
            raise KeysUnavailable(f"{url} answers with something that is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise KeysUnavailable(f"{url} answers with something that is no object")
        return document


def _signing_key(plain: Any) -> Key | None:
    """A key that may verify signatures here; None for any other, which is left alone."""
    if not isinstance(plain, dict) or not isinstance(plain.get("kid"), str) or plain.get("use", "sig") != "sig":
        return None
    try:
        match plain.get("kty"):
            case "RSA" if len(str(plain.get("n", ""))) >= RSA_MODULUS_MIN:
                return RSAKey.import_key(plain)
            case "EC" if plain.get("crv") == "P-256":
                return ECKey.import_key(plain)
            case _:
                return None
    except (JoseError, ValueError, TypeError) as error:
        _log.warning("issuer_key_unusable", kid=plain["kid"][:64], reason=str(error))
        return None
