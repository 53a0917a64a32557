"""Settings of the API process, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from api.issuers import Issuer, load_issuers
from community.errors import FatalError
from community.runtime.probes import NOWHERE, ProbesAddress, read_probes_address
from community.runtime.settings import SettingsReader


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where to listen, which books to show, and whether developers may look around.

    `web_folder` holds the built web application (none: nginx serves it); `community`, `zone` (IANA) and `explorer` (address of a
    block explorer) are what it is told before anybody signs in. `issuers` are those whose access tokens are taken; without any
    there are API keys only. `column_key_file` lets imports bring secrets. With `site_url` (of the web
    application) and `session_key_file` members sign in with their wallets. `token` narrows balances to one token contract
    (lower-case 0x hex); without it all tokens of the index count.
    """

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8080
    development: bool = False
    allowed_origins: tuple[str, ...] = ()
    token: str | None = None
    outbox_poll_ms: int = 200
    issuers: tuple[Issuer, ...] = ()
    column_key_file: Path | None = None
    site_url: str | None = None
    session_key_file: Path | None = None
    probes: ProbesAddress = NOWHERE
    web_folder: Path | None = None
    graphiql_folder: Path | None = None
    """GraphiQL as built, shown in development only."""
    community: str = "Energy community"
    zone: str = "Europe/Vienna"
    explorer: str | None = None
    issuers_ca_file: Path | None = None
    """The authority of the issuers' certificates, where it is not a public one."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"{self.port} is no TCP port")
        if (self.site_url is None) != (self.session_key_file is None):
            raise ValueError("signing in with a wallet needs both the site's address and the key of sessions")
        if self.token is not None and self.token != self.token.lower():
            raise ValueError("the token's address must be lower-case")
        if self.explorer is not None and not self.explorer.startswith(("https://", "http://")):
            raise ValueError(f"{self.explorer!r} is no web address of a block explorer")
        try:
            ZoneInfo(self.zone)
        except (ValueError, ZoneInfoNotFoundError) as error:
            raise ValueError(f"{self.zone!r} is no time zone: give its IANA name, such as Europe/Vienna") from error


def read_settings(environment: Mapping[str, str] | None = None) -> ApiSettings:
    """The settings from variables `API_*` (of the process, where no environment is given). Raises SettingsError with every problem."""
    reader = SettingsReader("API", environment)
    token = reader.optional("TOKEN")
    issuers = reader.optional("ISSUERS_FILE")
    column_keys = reader.optional("COLUMN_KEY_FILE")
    session_key = reader.optional("SESSION_KEY_FILE")
    folder, explorer = reader.optional("WEB_FOLDER"), reader.optional("EXPLORER_URL")
    graphiql = reader.optional("GRAPHIQL_FOLDER")
    authority = reader.existing_file("ISSUERS_CA_FILE") if reader.optional("ISSUERS_CA_FILE") else None
    if bool(reader.optional("SITE_URL")) != bool(session_key):
        reader.note("API_SITE_URL and API_SESSION_KEY_FILE go together: members then sign in with their wallets")
        session_key = None
    settings = ApiSettings(
        database_url=reader.text("DATABASE_URL"),
        host=reader.text("HOST", "127.0.0.1"),
        port=reader.integer("PORT", 8080, high=65535),
        development=reader.flag("DEVELOPMENT"),
        allowed_origins=reader.texts("ALLOWED_ORIGINS", ""),
        token=token.lower() if token else None,
        outbox_poll_ms=reader.integer("OUTBOX_POLL_MS", 200, low=20, high=60_000),
        issuers=_issuers(reader, issuers),
        site_url=reader.optional("SITE_URL") if session_key else None,
        session_key_file=Path(session_key) if session_key else None,
        column_key_file=Path(column_keys) if column_keys else None,
        web_folder=Path(folder) if folder else None,
        graphiql_folder=Path(graphiql) if graphiql else None,
        community=reader.text("COMMUNITY", "Energy community"),
        zone=reader.text("ZONE", "Europe/Vienna"),
        explorer=explorer.rstrip("/") if explorer else None,
        probes=read_probes_address(reader, "API"),
        issuers_ca_file=authority,
    )
    reader.finish()
    return settings


def _issuers(reader: SettingsReader, path: str | None) -> tuple[Issuer, ...]:
    if path is None:
        return ()
    try:
        return load_issuers(Path(path))
    except FatalError as error:
        reader.note(f"API_ISSUERS_FILE: {error}")
        return ()
