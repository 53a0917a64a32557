"""The built web application as the API serves it on one machine: files, first page, what stands before every sign-in."""

from pathlib import Path

import httpx
import pytest

from api.app import build
from api.issuers import Issuer
from api.settings import ApiSettings, read_settings
from community.errors import FatalError
from community.runtime.settings import SettingsError
from tests.support.session_keys import write_session_key
from tests.support.stores import new_sqlite_url

HTML = {"Accept": "text/html"}
ISSUER = Issuer("https://login.example.org/realms/energy", "energy-community", ("web",), web_client="web")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dist"
    (made / "assets").mkdir(parents=True)
    (made / "index.html").write_text("<!doctype html><title>first</title>")
    (made / "assets" / "index-abc.js").write_text("export {}")
    (made / ".prepared.json").write_text("{}")
    (tmp_path / "secret.js").write_text("outside")
    return made


async def _client(tmp_path: Path, **settings: object) -> httpx.AsyncClient:
    url = await new_sqlite_url(tmp_path)
    app = build(ApiSettings(database_url=url, **settings))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=httpx.ASGITransport(app.asgi), base_url="http://page")


async def test_files_are_served_under_a_strict_policy(tmp_path: Path, folder: Path) -> None:
    async with await _client(tmp_path, web_folder=folder, issuers=(ISSUER,)) as client:
        page = await client.get("/", headers=HTML)
        policy = page.headers["content-security-policy"]
        assert page.status_code == 200 and "first" in page.text and page.headers["cache-control"] == "no-cache"
        assert "default-src 'none'; script-src 'self';" in policy and "'unsafe-eval'" not in policy
        assert "connect-src 'self' https://login.example.org;" in policy
        script = await client.get("/assets/index-abc.js")
        assert (
            script.headers["content-type"].startswith("text/javascript")
            and "immutable" in script.headers["cache-control"]
        )
        again = await client.get("/assets/index-abc.js", headers={"If-None-Match": script.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_every_address_of_the_application_is_its_first_page(tmp_path: Path, folder: Path) -> None:
    async with await _client(tmp_path, web_folder=folder) as client:
        assert "first" in (await client.get("/devices/dev_pv", headers=HTML)).text
        for path in ("/assets/gone.js", "/.prepared.json", "/../secret.js", "/%2e%2e/secret.js", "/devices"):
            answer = await client.get(path, headers={"Accept": "*/*"})
            assert answer.status_code == 404 and "outside" not in answer.text


async def test_what_stands_before_every_sign_in(tmp_path: Path) -> None:
    settings = {
        "community": "Sonnengasse",
        "zone": "Europe/Berlin",
        "explorer": "https://scan.example",
        "issuers": (ISSUER,),
    }
    async with await _client(tmp_path, **settings) as client:
        assert (await client.get("/config.json")).json() == {
            "community": "Sonnengasse",
            "zone": "Europe/Berlin",
            "explorer": "https://scan.example",
            "oidc": {"authority": ISSUER.url, "clientId": "web", "scope": "openid"},
            "wallet": False,
        }
        assert (await client.get("/", headers=HTML)).status_code == 404


async def test_the_page_offers_wallets_where_they_sign_in(tmp_path: Path) -> None:
    file = write_session_key(tmp_path)
    async with await _client(tmp_path, site_url="https://community.example", session_key_file=file) as client:
        assert (await client.get("/config.json")).json()["wallet"] is True


async def test_a_folder_without_the_application_is_told(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="There is no web application in"):
        await _client(tmp_path, web_folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("API_ZONE", "Vienna", "no time zone"), ("API_EXPLORER_URL", "javascript:alert(1)", "no web address")],
)
def test_settings_of_the_page_are_checked(name: str, value: str, told: str) -> None:
    with pytest.raises((SettingsError, ValueError), match=told):
        read_settings({"API_DATABASE_URL": "sqlite:///x.db", name: value})


def test_a_client_of_the_page_must_be_an_authorised_party() -> None:
    with pytest.raises(ValueError, match="web_client must be one of authorized_parties"):
        Issuer("https://login.example.org", "energy-community", ("app",), web_client="web")
