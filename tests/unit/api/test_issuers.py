"""The file of issuers: every mistake is named, and nothing unsafe is taken."""

from pathlib import Path

import pytest

from api.issuers import Issuer, load_issuers
from api.settings import read_settings
from community.errors import FatalError
from community.runtime.settings import SettingsError

GOOD = '[[issuer]]\nurl = "https://login.example/realms/energy"\naudience = "energy-community"\nauthorized_parties = ["web"]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "issuers.toml"
    path.write_text(text)
    return path


def test_a_complete_issuer_is_read(tmp_path: Path) -> None:
    found = load_issuers(written(tmp_path, GOOD + 'algorithms = ["ES256"]\njwks_url = "https://keys.example/"\n'))
    assert found == (
        Issuer(
            "https://login.example/realms/energy", "energy-community", ("web",), ("ES256",), "https://keys.example/"
        ),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no table"),
        ("issuer = 3", "no table"),
        ("[[issuer", "cannot be read"),
        (GOOD + "realm = 1", "realm is no setting"),
        (GOOD.replace("https://login", "http://login"), "https address"),
        (GOOD.replace("https://login.example/", "login.example/"), "https address"),
        (GOOD.replace("/realms/energy", "/realms/energy#x"), "fragment"),
        (GOOD.replace("/realms/energy", "/realms/energy?x=1"), "query"),
        (GOOD.replace('"energy-community"', '""'), "audience is missing"),
        (GOOD.replace('"energy-community"', "3"), "audience must be a text"),
        (GOOD.replace('["web"]', "[]"), "authorized_parties is missing"),
        (GOOD.replace('["web"]', '"web"'), "list of texts"),
        (GOOD.replace('authorized_parties = ["web"]', ""), "authorized_parties is missing"),
        (GOOD + 'algorithms = ["HS256"]', "RS256 and ES256 only"),
        (GOOD + "algorithms = []", "RS256 and ES256 only"),
        (GOOD + 'jwks_url = "http://keys.example"', "jwks_url must be an https address"),
        (GOOD + GOOD, "2 times"),
    ],
)
def test_every_mistake_says_what_to_do(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(FatalError, match=reason):
        load_issuers(written(tmp_path, text))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("https", "ftp") + GOOD.replace('["web"]', "[]"))
    with pytest.raises(FatalError, match=r"(?s)\[\[issuer\]\] 1: url.*\[\[issuer\]\] 2: authorized_parties"):
        load_issuers(path)


def test_the_settings_take_the_file_and_pass_on_its_mistakes(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    environment = {"API_DATABASE_URL": "sqlite:///x.db", "API_ISSUERS_FILE": str(path)}
    assert [each.audience for each in read_settings(environment).issuers] == ["energy-community"]
    path.write_text("")
    with pytest.raises(SettingsError, match=r"API_ISSUERS_FILE: .*no table"):
        read_settings(environment)
    with pytest.raises(SettingsError, match=r"API_ISSUERS_FILE: .*cannot be read"):
        read_settings(environment | {"API_ISSUERS_FILE": str(tmp_path / "absent")})
