"""Settings of the API: every problem at once, harmless defaults."""

import pytest

from api.settings import ApiSettings, read_settings
from community.errors import FatalError
from community.runtime.probes import ProbesAddress

NO_PROBES = ProbesAddress("127.0.0.1", 0, "API_PROBES_PORT")


def test_defaults_listen_on_this_machine_only_and_show_developers_nothing() -> None:
    settings = read_settings({"API_DATABASE_URL": "sqlite:///x.db"})
    assert settings == ApiSettings(database_url="sqlite:///x.db", probes=NO_PROBES)
    assert settings.host == "127.0.0.1" and not settings.development


def test_everything_can_be_set() -> None:
    environment = {
        "API_DATABASE_URL": "postgresql://u@h/d",
        "API_HOST": "0.0.0.0",
        "API_PORT": "9000",
        "API_DEVELOPMENT": "yes",
        "API_ALLOWED_ORIGINS": "https://a.example, https://b.example",
        "API_TOKEN": "0xABCDEF0000000000000000000000000000000000",
        "API_OUTBOX_POLL_MS": "100",
        "API_COMMUNITY": "Sonnengasse",
        "API_ZONE": "Europe/Berlin",
        "API_EXPLORER_URL": "https://scan.example/",
    }
    assert read_settings(environment) == ApiSettings(
        database_url="postgresql://u@h/d",
        host="0.0.0.0",
        port=9000,
        development=True,
        allowed_origins=("https://a.example", "https://b.example"),
        token="0xabcdef0000000000000000000000000000000000",
        outbox_poll_ms=100,
        community="Sonnengasse",
        zone="Europe/Berlin",
        explorer="https://scan.example",
        probes=NO_PROBES,
    )


def test_all_problems_are_told_together() -> None:
    with pytest.raises(FatalError) as told:
        read_settings({"API_PORT": "http", "API_DEVELOPMENT": "perhaps", "API_PROT": "1"})
    for word in ("API_DATABASE_URL", "API_PORT", "API_DEVELOPMENT", "API_PROT"):
        assert word in str(told.value)


@pytest.mark.parametrize("wrong", [{"port": 70_000}, {"token": "0xABC"}])
def test_impossible_settings_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ApiSettings(database_url="sqlite:///x.db", **wrong)  # type: ignore[arg-type]
