"""Which access tokens speak for somebody, and the hostile ones that do not."""

import base64
import hmac
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from api.access_tokens import Bearer, TokenRefused, TokenVerifier
from api.issuers import ASK_AGAIN_AFTER, Issuer
from api.roles import Role

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
URL = "https://login.example/realms/energy"
ISSUER = Issuer(URL, "energy-community", ("web", "app"), ("RS256", "ES256"))
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
with warnings.catch_warnings(action="ignore"):
    SMALL = RSAKey.generate_key(1024, {"kid": "small", "use": "sig"})
SHARED = OctKey.generate_key(256, {"kid": "shared", "use": "sig"})
ENCRYPTING = RSAKey.generate_key(2048, {"kid": "enc"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
PUBLISHED = {"keys": [key.as_dict(private=False) for key in (RSA, EC, SMALL)]}
PUBLISHED["keys"] += [ENCRYPTING.as_dict(private=False) | {"use": "enc"}, SHARED.as_dict()]
DISCOVERY = {"issuer": URL, "jwks_uri": f"{URL}/certs"}
_REMOVED = object()


class Provider:
    """Answers as an issuer does, and counts how often its keys were asked for."""

    def __init__(self) -> None:
        self.keys: Any = PUBLISHED
        self.discovery: Any = DISCOVERY
        self.status = 200
        self.asked = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/certs"):
            self.asked += 1
            return httpx.Response(self.status, json=self.keys)
        return httpx.Response(200, json=self.discovery)

    def verifier(self) -> TokenVerifier:
        return TokenVerifier((ISSUER,), httpx.AsyncClient(transport=httpx.MockTransport(self.answer)))


def claims(**changed: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "iss": URL, "sub": "f:1:anna", "aud": ["account", "energy-community"], "azp": "web", "typ": "Bearer",
        "iat": NOW_S - 10, "exp": NOW_S + 290, "realm_access": {"roles": ["offline_access", "member"]},
    }  # fmt: skip
    return {name: value for name, value in (plain | changed).items() if value is not _REMOVED}


def token(header: dict[str, Any] | None = None, key: Any = RSA, **changed: Any) -> str:
    fields = {"alg": "RS256", "kid": "rsa", "typ": "JWT"} | (header or {})
    fields = {name: value for name, value in fields.items() if value is not _REMOVED}
    return jwt.encode(fields, claims(**changed), key, algorithms=["RS256", "ES256", "HS256", "PS256"])


def part(plain: Any) -> str:
    text = plain if isinstance(plain, bytes) else json.dumps(plain).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def handmade(header: Any, payload: Any, signature: str = "c2ln") -> str:
    return f"{part(header)}.{part(payload)}.{signature}"


def tampered() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{part(claims(realm_access={'roles': ['operator']}))}.{signature}"


def by_public_key_as_secret() -> str:
    signed = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(claims())}"
    return f"{signed}.{part(hmac.digest(RSA.as_pem(private=False), signed.encode(), 'sha256'))}"


def with_own_key() -> str:
    header = {"alg": "RS256", "kid": "rsa", "jwk": STRANGER.as_dict(private=False)}
    return jws.serialize_compact(header, json.dumps(claims()), STRANGER, algorithms=["RS256"])


HOSTILE: dict[str, tuple[Callable[[], str], str]] = {
    "empty": (lambda: "", "three parts"),
    "two_parts": (lambda: "a.b", "three parts"),
    "five_parts": (lambda: "a.b.c.d.e", "three parts"),
    "not_ascii": (lambda: token().replace("e", "é", 1), "three parts"),
    "huge": (lambda: token(padding="x" * 9000), "longer than"),
    "no_json": (lambda: handmade(b"\xff\xfe", claims()), "JSON"),
    "a_list": (lambda: handmade([], claims()), "JSON object"),
    "deep": (lambda: handmade({"alg": "RS256"}, b'{"a":' * 60 + b"1" + b"}" * 60), "JSON"),
    "alg_none": (lambda: handmade({"alg": "none", "kid": "rsa"}, claims(), ""), "algorithm"),
    "alg_none_in_capitals": (lambda: handmade({"alg": "NONE", "kid": "rsa"}, claims(), ""), "algorithm"),
    "no_signature": (lambda: ".".join(token().split(".")[:2]) + ".", "signature"),
    "hs256_with_the_public_key": (by_public_key_as_secret, "algorithm"),
    "hs256_with_a_published_secret": (lambda: token({"alg": "HS256", "kid": "shared"}, SHARED), "algorithm"),
    "ps256": (lambda: token({"alg": "PS256"}), "algorithm"),
    "es256_header_on_an_rsa_key": (lambda: token({"alg": "ES256", "kid": "rsa"}, EC), "signature"),
    "embedded_jwk": (with_own_key, "not taken"),
    "jku": (lambda: handmade({"alg": "RS256", "kid": "rsa", "jku": "https://evil.example"}, claims()), "not taken"),
    "crit": (lambda: handmade({"alg": "RS256", "kid": "rsa", "crit": ["exp"]}, claims()), "not taken"),
    "no_kid": (lambda: token({"kid": _REMOVED}), "names no key"),
    "kid_of_nobody": (lambda: token({"kid": "nobody"}), "no signing key"),
    "kid_that_is_a_path": (lambda: token({"kid": "../../etc/passwd"}), "no signing key"),
    "small_rsa_key": (lambda: handmade({"alg": "RS256", "kid": "small"}, claims()), "no signing key"),
    "encryption_key": (lambda: token({"kid": "enc"}, ENCRYPTING), "no signing key"),
    "stranger_with_a_known_kid": (lambda: token(key=STRANGER), "signature"),
    "tampered": (tampered, "signature"),
    "signature_of_another_token": (
        lambda: token().rsplit(".", 1)[0] + "." + token(sub="b").rsplit(".", 1)[1],
        "signature",
    ),
    "header_of_an_id_token": (lambda: token({"typ": "id+jwt"}), "no access token"),
    "wrong_issuer": (lambda: token(iss="https://login.example/realms/other"), "issuer"),
    "issuer_with_a_slash": (lambda: token(iss=URL + "/"), "issuer"),
    "no_issuer": (lambda: token(iss=_REMOVED), "no iss"),
    "wrong_audience": (lambda: token(aud="account"), "audience"),
    "audience_that_contains_it": (lambda: token(aud="energy-community-2"), "audience"),
    "no_audience": (lambda: token(aud=_REMOVED), "audience"),
    "other_client": (lambda: token(azp="somebody-elses-app"), "client"),
    "no_client": (lambda: token(azp=_REMOVED), "client"),
    "id_token": (lambda: token(typ="ID"), "send the access token"),
    "refresh_token": (lambda: token(typ="Refresh"), "send the access token"),
    "expired": (lambda: token(iat=NOW_S - 400, exp=NOW_S - 30), "expired"),
    "no_expiry": (lambda: token(exp=_REMOVED), "exp is missing"),
    "expiry_as_text": (lambda: token(exp=str(NOW_S + 60)), "exp is missing"),
    "expiry_true": (lambda: token(exp=True), "exp is missing"),
    "expiry_beyond_time": (lambda: token(exp=10**30), "exp is missing"),
    "for_years": (lambda: token(exp=NOW_S + 10**8), "lives longer"),
    "of_tomorrow": (lambda: token(iat=NOW_S + 86400, exp=NOW_S + 86700), "not valid yet"),
    "not_before": (lambda: token(nbf=NOW_S + 3600), "not valid yet"),
    "no_subject": (lambda: token(sub=_REMOVED), "no sub"),
    "empty_subject": (lambda: token(sub=""), "no sub"),
    "subject_with_a_line_end": (lambda: token(sub="anna\nadmin"), "printable"),
    "no_role": (lambda: token(realm_access={"roles": ["offline_access"]}), "none of the roles"),
    "roles_of_another_client": (
        lambda: token(realm_access=_REMOVED, resource_access={"account": {"roles": ["operator"]}}),
        "none of the roles",
    ),
    "roles_as_text_in_a_list": (lambda: token(realm_access=["operator"]), "none of the roles"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_tokens_are_refused(name: str) -> None:
    build, reason = HOSTILE[name]
    with pytest.raises(TokenRefused, match=reason) as refused:
        await Provider().verifier().judge(build(), NOW)
    assert "anna" not in str(refused.value)


async def test_tokens_of_an_issuer_speak_for_its_people() -> None:
    assert len(HOSTILE) >= 26
    verifier = Provider().verifier()
    expected = Bearer(URL, "f:1:anna", Role.MEMBER, datetime.fromtimestamp(NOW_S + 290, UTC))
    assert await verifier.judge(token(), NOW) == expected
    assert await verifier.judge(token({"typ": "at+jwt"}, typ=_REMOVED), NOW) == expected
    assert await verifier.judge(token({"alg": "ES256", "kid": "ec"}, EC), NOW) == expected
    assert await verifier.judge(token(aud="energy-community"), NOW) == expected
    assert (
        await verifier.judge(token(exp=NOW_S - 29, iat=NOW_S - 300), NOW)
    ).subject == "f:1:anna"  # within the leeway
    assert expected.login == f"{URL}#f:1:anna"


@pytest.mark.parametrize(
    ("realm", "client", "role"),
    [
        (["member"], [], Role.MEMBER),
        (["member"], ["operator"], Role.OPERATOR),
        (["auditor", "member"], [], Role.AUDITOR),
        ([], ["device"], Role.DEVICE),
    ],
)
async def test_the_role_that_may_most_counts(realm: list[str], client: list[str], role: Role) -> None:
    text = token(realm_access={"roles": realm}, resource_access={"energy-community": {"roles": client}})
    assert (await Provider().verifier().judge(text, NOW)).role is role


async def test_keys_are_asked_for_once_and_again_for_an_unknown_kid_at_most_every_minute() -> None:
    provider = Provider()
    verifier = provider.verifier()
    for _ in range(3):
        await verifier.judge(token(), NOW)
    assert provider.asked == 1
    new = RSAKey.generate_key(2048, {"kid": "new", "use": "sig"})
    provider.keys = {"keys": [new.as_dict(private=False)]}
    rotated = token({"kid": "new"}, new)
    with pytest.raises(TokenRefused, match="no signing key"):
        await verifier.judge(rotated, NOW)
    assert provider.asked == 1
    later = NOW + ASK_AGAIN_AFTER
    assert (await verifier.judge(rotated, later)).subject == "f:1:anna"
    with pytest.raises(TokenRefused, match="no signing key"):
        await verifier.judge(token(), later)  # its key is published no longer
    assert provider.asked == 2


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda provider: setattr(provider, "status", 503), "status 503"),
        (lambda provider: setattr(provider, "keys", {"keys": None}), "no set of keys"),
        (lambda provider: setattr(provider, "keys", []), "no object"),
        (lambda provider: setattr(provider, "keys", {"keys": [], "x": "y" * 1_000_001}), "more than"),
        (lambda provider: setattr(provider, "discovery", {"issuer": "https://other.example"}), "another issuer"),
        (
            lambda provider: setattr(provider, "discovery", {"issuer": URL, "jwks_uri": "http://evil.example/"}),
            "must be an https address",
        ),
    ],
)
async def test_an_issuer_that_answers_nonsense_vouches_for_nobody(
    spoil: Callable[[Provider], None], reason: str
) -> None:
    provider = Provider()
    spoil(provider)
    verifier = provider.verifier()
    with pytest.raises(TokenRefused, match=reason):
        await verifier.judge(token(), NOW)
    with pytest.raises(TokenRefused):
        await verifier.judge(token(), NOW + timedelta(seconds=1))  # it is left alone for a minute


async def test_an_issuer_that_is_away_is_asked_again_later() -> None:
    provider = Provider()
    verifier = provider.verifier()
    provider.status = 500
    with pytest.raises(TokenRefused, match="cannot be fetched"):
        await verifier.judge(token(), NOW)
    provider.status = 200
    assert (await verifier.judge(token(), NOW + ASK_AGAIN_AFTER)).role is Role.MEMBER
