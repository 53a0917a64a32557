"""The whole system with the servers of a data centre: PostgreSQL, Mosquitto, nginx, Prometheus and an OpenID provider.

What differs from the demo: the books are on PostgreSQL behind a password; devices enter the broker with certificates and the
backend with passwords, under the rules of deploy/mosquitto; the page and the API are reached through nginx by TLS; every process
answers probes. The embedded broker remains in one place: it is The Things Stack's, which is not ours.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from standalone.audit import Books
from standalone.households import SITES
from standalone.layout import Facts, Layout, Ports
from standalone.processes import Command, wait_for_port
from standalone.system import START_TIMEOUT_S, System
from tools.deployment import make_device, make_everything
from tools.private_postgres import PrivatePostgres, free_port
from tools.stack import mosquitto, nginx, prometheus
from tools.stack.postgres_books import PostgresBooks

PERSON, MEMBER = "anna", "mem_anna"
PROVIDER = Path("tests/support/oidc/provider.mjs")


class Stack(System):
    """One running stack in a folder of its own."""

    def __init__(
        self, layout: Layout, server: PrivatePostgres, say: Callable[[str], None], slots_per_second: float
    ) -> None:
        # beside the system's folder, which is emptied where a community is founded
        self.made = layout.folder.parent
        make_everything(self.made, "localhost", datetime.now(UTC))
        self.secrets = self.made / "deploy" / "secrets"
        super().__init__(
            replace(layout, books_url=_open_database(server, self.secrets)), Ports.free(0), say, slots_per_second
        )
        self.mqtt, self.mqtts, self.web, self.sign_in, self.webhooks = (free_port() for _ in range(5))
        self.watching = free_port()
        names = ("signer", "ingest", "settlement", "indexer", "api")
        self.probes = {name: free_port() for name in names}
        self._say_on = say

    @property
    def url(self) -> str:
        """Where the public enters."""
        return f"https://localhost:{self.web}"

    @property
    def issuer(self) -> str:
        """The OpenID provider's realm."""
        return f"http://127.0.0.1:{self.sign_in}/realms/energy"

    async def start_servers(self) -> None:
        """Chain, network server's broker, device and signature broker, OpenID provider, nginx."""
        await super().start_servers()
        self._say_on("Mosquitto, nginx, Prometheus and an OpenID provider, with the files of deploy/")
        broker = mosquitto.write_configuration(self.layout.folder / "mosquitto", self.secrets, self.mqtt, self.mqtts)
        await self.processes.start(Command("mosquitto", (mosquitto.mosquitto_program(), "-c", str(broker))))
        person = f'{{"{PERSON}": {{"roles": ["member"]}}}}'
        await self.processes.start(Command("sign-in", ("node", str(PROVIDER), str(self.sign_in), person)))
        issuers = self.secrets / "issuers.toml"
        issuers.write_text(issuers.read_text().replace("https://localhost/auth/realms/energy", self.issuer))
        places = nginx.Places(
            self.web, self.secrets / "web_certificate", self.secrets / "web_key", self._page(),
            f"127.0.0.1:{self.ports.page}", f"127.0.0.1:{self.webhooks}", f"127.0.0.1:{self.sign_in}",
        )  # fmt: skip
        main = nginx.write_configuration(self.layout.folder / "nginx", places)
        await self.processes.start(Command("nginx", nginx.command(main)))
        figures = prometheus.write_configuration(self.layout.folder / "prometheus", self.probes)
        await self.processes.start(Command("prometheus", prometheus.command(figures, self.watching)))
        listening = {
            self.mqtts: "Mosquitto", self.web: "nginx", self.sign_in: "The OpenID provider", self.watching: "Prometheus",
        }  # fmt: skip
        for port, what in listening.items():
            await wait_for_port(port, what, self.processes, START_TIMEOUT_S)

    def _page(self) -> Path:
        """The built web application; where it is not built, a page that says so."""
        built = self.layout.root / "frontend" / "dist"
        if built.is_dir():
            return built
        page = self.layout.folder / "page"
        page.mkdir(exist_ok=True)
        (page / "index.html").write_text("<!doctype html><title>not built</title><p>npm --prefix frontend run build\n")
        return page

    def configure_gateways(self) -> None:
        """Gateways at the device broker enter it with a certificate of its authority."""
        super().configure_gateways()
        for site in SITES:
            file = self.layout.gateway(site.key) / "agent.toml"
            text, plain = file.read_text(), f'url = "mqtt://127.0.0.1:{self.ports.broker}"\nusername = "{site.eui}"\n'
            if plain not in text:
                continue  # by radio
            own = make_device(self.made, site.eui, datetime.now(UTC))
            file.write_text(
                text.replace(
                    plain,
                    f'url = "mqtts://localhost:{self.mqtts}"\nca_file = "{self.secrets}/broker/ca.pem"\n'
                    f'cert_file = "{own}/device.pem"\nkey_file = "{own}/device.key"\n',
                ).replace("version = 4", "version = 5")
            )

    def backend(self, facts: Facts) -> list[Command]:
        """The same processes, with passwords at the broker, webhooks, sign-in and probes."""
        return [
            replace(command, environment={**command.environment, **self._more(command.name)})
            for command in super().backend(facts)
        ]

    def _more(self, name: str) -> dict[str, str]:
        prefix = name.upper()
        found = {f"{prefix}_PROBES_PORT": str(self.probes[name])}
        if name in ("ingest", "settlement", "signer"):
            found |= {
                f"{prefix}_BROKER_URL": f"mqtt://127.0.0.1:{self.mqtt}",
                f"{prefix}_BROKER_PASSWORD_FILE": str(self.secrets / f"broker_password_{name}"),
                f"{prefix}_BROKER_MQTT_VERSION": "5",
            }
        if name == "ingest":
            found |= {
                "INGEST_WEBHOOK_PORT": str(self.webhooks),
                "INGEST_WEBHOOK_TTS_SECRET_FILE": str(self.secrets / "webhook_secret_tts"),
                "INGEST_WEBHOOK_CHIRPSTACK_SECRET_FILE": str(self.secrets / "webhook_secret_chirpstack"),
            }
        if name == "api":
            found |= {
                "API_ISSUERS_FILE": str(self.secrets / "issuers.toml"),
                "API_SITE_URL": self.url,
                "API_SESSION_KEY_FILE": str(self.secrets / "session_key"),
                "API_DEVELOPMENT": "no",
            }
        return found

    def environment(self, facts: Facts) -> dict[str, str]:
        """What the doctor reads: the variables of every process, and where they answer."""
        found: dict[str, str] = {}
        for command in self.backend(facts):
            found |= command.environment
        asked = ",".join(f"http://127.0.0.1:{port}" for name, port in self.probes.items() if name != "signer")
        return found | {
            "DOCTOR_PROBES_URLS": asked,
            "DOCTOR_SIGNER_URL": f"http://127.0.0.1:{self.probes['signer']}",
            "DOCTOR_CERTIFICATE_FILES": f"{self.secrets}/web_certificate,{self.secrets}/broker/broker.pem",
            "DOCTOR_DISK_PATHS": str(self.layout.folder),
        }

    def books(self) -> Books:
        """The books on PostgreSQL."""
        return PostgresBooks(self.layout.database_url)


def _open_database(server: PrivatePostgres, secrets: Path) -> str:
    """A role with a password, and its database; the server believes nobody else. Returns the address without a password."""
    password = (secrets / "database_password").read_text()
    server.execute(f"CREATE ROLE community LOGIN PASSWORD '{password}'")
    server.execute("CREATE DATABASE community OWNER community")
    rules = "host all community 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n"
    (server.data / "pg_hba.conf").write_text(rules)
    server.execute("SELECT pg_reload_conf()")
    passfile = secrets / "database_passfile"
    text = passfile.read_text().replace("postgres:*:*:", "127.0.0.1:*:*:", 1)
    descriptor = os.open(passfile, os.O_WRONLY | os.O_TRUNC)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return f"postgresql://community@127.0.0.1:{server.port}/community?passfile={passfile}"
