"""The Keycloak realm of deploy/keycloak against what the API takes and the page asks for, and against the provider of the tests.

Keycloak itself is no package of Debian or npm. What the file makes of a token is worked out here from its mappers, by Keycloak's
own rules for each; the API's verifier judges that token, and it must have the claims of the provider that every other test and
`make stack` use in Keycloak's place.
"""

import base64
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import RSAKey

from api.access_tokens import TokenRefused, TokenVerifier
from api.issuers import load_issuers
from api.roles import Role
from tests.architecture.repository import ROOT
from tests.support.oidc import realm as running_realm
from tools.deployment import issuers_text

REALM: dict[str, Any] = json.loads((ROOT / "deploy" / "keycloak" / "energy-realm.json").read_text())
CLIENTS: dict[str, dict[str, Any]] = {client["clientId"]: client for client in REALM["clients"]}
SCOPES: dict[str, dict[str, Any]] = {scope["name"]: scope for scope in REALM["clientScopes"]}
KEYCLOAK: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["keycloak"]
HOST = "energy.example.org"
(ISSUER,) = tomllib.loads(issuers_text(HOST))["issuer"]
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ROLES = sorted(set(Role) - {Role.PUBLIC})
"""What a token may say; whoever sends none is the public."""
KEY = RSAKey.generate_key(2048, {"kid": "realm", "use": "sig"})


def mapped(mapper: dict[str, Any], roles: list[str]) -> tuple[list[str], Any] | None:
    """What one mapper writes into an access token: the path of the claim, and its value."""
    config = mapper["config"]
    if config["access.token.claim"] != "true":
        return None
    match mapper["protocolMapper"]:
        case "oidc-audience-mapper":
            return ["aud"], config["included.custom.audience"]
        case "oidc-usermodel-realm-role-mapper":
            assert config["multivalued"] == "true" and config["jsonType.label"] == "String"
            return config["claim.name"].split("."), roles
        case "oidc-sub-mapper":
            return ["sub"], "f3b0c1d2-0000-4000-8000-000000000001"
        case other:
            raise AssertionError(f"a mapper that no test knows: {other}")


def access_claims(client: str, roles: list[str], *asked: str) -> dict[str, Any]:
    """The access token of this client: Keycloak's own claims, and those of the client's scopes."""
    defined = CLIENTS[client]
    chosen = [*defined["defaultClientScopes"], *(name for name in asked if name in defined["optionalClientScopes"])]
    now_s = int(NOW.timestamp())
    claims: dict[str, Any] = {
        "iss": f"{hostname()}/realms/{REALM['realm']}", "azp": client, "typ": "Bearer", "jti": "1", "iat": now_s,
        "exp": now_s + REALM["accessTokenLifespan"], "scope": " ".join(["openid", *chosen]),
    }  # fmt: skip
    for scope in chosen:
        for mapper in SCOPES[scope]["protocolMappers"]:
            found = mapped(mapper, roles)
            if found is not None:
                *path, last = found[0]
                place = claims
                for name in path:
                    place = place.setdefault(name, {})
                place[last] = found[1]
    return claims


def hostname() -> str:
    return str(KEYCLOAK["environment"]["KC_HOSTNAME"]).replace("${PUBLIC_HOST}", HOST)


def signed(client: str, claims: dict[str, Any]) -> str:
    algorithm = CLIENTS[client]["attributes"]["access.token.signed.response.alg"]
    return jwt.encode({"alg": algorithm, "typ": "JWT", "kid": "realm"}, claims, KEY, algorithms=[algorithm])


def verifier(folder: Path) -> TokenVerifier:
    """The API's, with the issuers that `tools.deployment` writes."""
    (folder / "issuers.toml").write_text(issuers_text(HOST))
    url = ISSUER["url"]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/certs"):
            return httpx.Response(200, json={"keys": [KEY.as_dict(private=False)]})
        return httpx.Response(200, json={"issuer": url, "jwks_uri": f"{url}/protocol/openid-connect/certs"})

    return TokenVerifier(
        load_issuers(folder / "issuers.toml"), httpx.AsyncClient(transport=httpx.MockTransport(answer))
    )


@pytest.mark.parametrize("client", sorted(CLIENTS))
@pytest.mark.parametrize("role", ROLES)
async def test_the_api_takes_the_tokens_of_the_realm(client: str, role: Role, tmp_path: Path) -> None:
    claims = access_claims(client, [role.value, REALM["defaultRole"]["name"]], *ISSUER["web_scope"].split())
    bearer = await verifier(tmp_path).judge(signed(client, claims), NOW)
    assert (bearer.role, bearer.issuer, bearer.subject) == (role, ISSUER["url"], claims["sub"])


@pytest.mark.parametrize("mapper", ["audience of the API", "realm roles", "subject"])
async def test_each_mapper_is_needed(mapper: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = SCOPES["energy-community"]
    left = [each for each in scope["protocolMappers"] if each["name"] != mapper]
    assert len(left) == len(scope["protocolMappers"]) - 1
    monkeypatch.setitem(scope, "protocolMappers", left)
    with pytest.raises(TokenRefused):
        await verifier(tmp_path).judge(signed("web", access_claims("web", ["member"])), NOW)


async def test_the_provider_of_the_tests_gives_the_same_claims() -> None:
    async with running_realm({"anna": {"roles": ["member"]}}) as provider:
        body = (await provider.token("anna")).split(".")[1]
    told = json.loads(base64.urlsafe_b64decode(body + "=="))
    ours = access_claims("web", ["member"])
    read_by_the_api = {"iss", "sub", "aud", "azp", "typ", "iat", "exp", "realm_access"}
    assert read_by_the_api <= set(told) & set(ours)
    assert {name: type(told[name]) for name in read_by_the_api} == {name: type(ours[name]) for name in read_by_the_api}
    for name in ("aud", "azp", "typ", "realm_access"):
        assert told[name] == ours[name], name
    assert told["exp"] - told["iat"] == ours["exp"] - ours["iat"] == REALM["accessTokenLifespan"]


def test_the_realm_has_the_roles_of_the_api_and_no_others() -> None:
    assert {role["name"] for role in REALM["roles"]["realm"]} == {role.value for role in ROLES}
    assert REALM["defaultRole"]["name"] == f"default-roles-{REALM['realm']}"
    assert "composites" not in REALM["defaultRole"], "who signs in for the first time may do nothing"


def test_clients_are_public_and_have_to_prove_that_they_asked() -> None:
    assert set(CLIENTS) == set(ISSUER["authorized_parties"]) and ISSUER["web_client"] in CLIENTS
    for client in CLIENTS.values():
        assert client["publicClient"] and client["standardFlowEnabled"] and client["enabled"]
        for other in ("implicitFlowEnabled", "directAccessGrantsEnabled", "serviceAccountsEnabled"):
            assert client[other] is False
        assert client["attributes"]["pkce.code.challenge.method"] == "S256"
        assert client["attributes"]["access.token.signed.response.alg"] in ISSUER["algorithms"]
        assert not any("*" in uri for uri in client["redirectUris"]), "exact addresses only (RFC 9700, 2.1)"
        assert {*client["defaultClientScopes"], *client["optionalClientScopes"]} <= set(SCOPES)


def test_the_page_is_sent_back_to_where_it_asks_to_be() -> None:
    page = (ROOT / "frontend" / "src" / "app" / "session.ts").read_text()
    assert "redirect_uri: `${location.origin}/`" in page and "post_logout_redirect_uri: `${location.origin}/`" in page
    client = CLIENTS[ISSUER["web_client"]]
    assert client["redirectUris"] == [client["attributes"]["post.logout.redirect.uris"]] == ["${PUBLIC_URL}/"]
    assert client["webOrigins"] == [client["rootUrl"]] == ["${PUBLIC_URL}"]
    words = set(ISSUER["web_scope"].split()) - {"openid"}
    assert words <= {*client["defaultClientScopes"], *client["optionalClientScopes"]}


def test_the_container_knows_the_realm_by_the_issuers_name() -> None:
    environment = KEYCLOAK["environment"]
    assert ISSUER["url"] == f"{hostname()}/realms/{REALM['realm']}"
    assert "--import-realm" in KEYCLOAK["command"][0]
    placeholders = set(re.findall(r"\$\{(\w+)\}", json.dumps(REALM)))
    assert placeholders == {"PUBLIC_URL"} <= set(environment)
    assert "-Dkeycloak.migration.replace-placeholders=true" in environment["JAVA_OPTS_APPEND"]
    image = (ROOT / "deploy" / "keycloak.Dockerfile").read_text()
    assert "COPY deploy/keycloak/energy-realm.json /opt/keycloak/data/import/" in image


def _names(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


def test_the_realm_brings_neither_people_nor_secrets() -> None:
    assert not {"users", "secret", "privateKey", "credentials", "smtpServer", "keys"} & set(_names(REALM))
    assert REALM["sslRequired"] == "external" and REALM["bruteForceProtected"] and not REALM["registrationAllowed"]
