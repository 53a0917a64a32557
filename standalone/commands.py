"""How each process of the system is started on one machine: the same commands and variables as anywhere else."""

import sys
from datetime import UTC, datetime

from standalone.anvil import anvil_command
from standalone.founding import REQUESTER
from standalone.gateways import gateway_environment
from standalone.households import FLAT_ONE, FLAT_OPENING_WH, FLAT_TWO, NAMEPLATE_W, OPENING_WH, SITES, Site
from standalone.layout import Facts, Layout, Ports
from standalone.processes import Command

TTS_APPLICATION = "community@ttn"
COMMUNITY = "Sonnengasse energy community"
POLL_MS = "250"
_SYSTEM_TITLES = {FLAT_ONE.key: ("AM550", "49534b7400000071"), FLAT_TWO.key: ("E450", "4c475a6700000072")}


def _python(*arguments: str) -> tuple[str, ...]:
    return sys.executable, "-m", *arguments


def broker(ports: Ports) -> Command:
    """The embedded MQTT broker, for devices and for signature requests."""
    return Command("broker", _python("standalone.broker", str(ports.broker)))


def chain(layout: Layout, ports: Ports) -> Command:
    """The local EVM node."""
    return anvil_command(layout.root, ports.chain, layout.chain_state)


def backend(layout: Layout, ports: Ports, facts: Facts) -> list[Command]:
    """Signer, ingest, settlement, indexer and API, in the order in which they are started."""
    return [
        Command("signer", _python("signer", "run"), _signer(layout, ports)),
        Command("ingest", _python("ingest", "run"), _ingest(layout, ports)),
        Command("settlement", _python("settlement", "run"), _settlement(layout, ports, facts)),
        Command("indexer", _python("indexer", "run"), _indexer(layout, ports, facts)),
        Command("api", _python("api", "run"), _api(layout, ports, facts)),
    ]


def _broker_url(ports: Ports) -> str:
    return f"mqtt://127.0.0.1:{ports.broker}"


def _node_url(ports: Ports) -> str:
    return f"http://127.0.0.1:{ports.chain}"


def _signer(layout: Layout, ports: Ports) -> dict[str, str]:
    return {
        "SIGNER_FOLDER": str(layout.signer),
        "SIGNER_PASSPHRASE_FILE": str(layout.secrets / "signer.passphrase"),
        "SIGNER_BROKER_URL": _broker_url(ports),
        "SIGNER_BROKER_USERNAME": "signer",
        "SIGNER_BROKER_MQTT_VERSION": "4",
    }


def _ingest(layout: Layout, ports: Ports) -> dict[str, str]:
    return {
        "INGEST_DATABASE_URL": layout.database_url,
        "INGEST_COLUMN_KEY_FILE": str(layout.secrets / "column.key"),
        "INGEST_BROKER_URL": _broker_url(ports),
        "INGEST_BROKER_USERNAME": "ingest",
        "INGEST_BROKER_MQTT_VERSION": "4",
        "INGEST_TTS_URL": _broker_url(ports),
        "INGEST_TTS_USERNAME": TTS_APPLICATION,
        "INGEST_TTS_APPLICATION": TTS_APPLICATION,
        "INGEST_TTS_STORAGE_URL": f"http://127.0.0.1:{ports.storage}",
        "INGEST_TTS_POLL_EVERY_S": "10",
    }


def _settlement(layout: Layout, ports: Ports, facts: Facts) -> dict[str, str]:
    return {
        "SETTLEMENT_DATABASE_URL": layout.database_url,
        "SETTLEMENT_NODE_URL": _node_url(ports),
        "SETTLEMENT_CHAIN_ID": str(facts.chain_id),
        "SETTLEMENT_ISSUER": facts.issuer,
        "SETTLEMENT_ACCOUNT": facts.settler,
        "SETTLEMENT_BROKER_URL": _broker_url(ports),
        "SETTLEMENT_BROKER_USERNAME": "settlement",
        "SETTLEMENT_BROKER_MQTT_VERSION": "4",
        "SETTLEMENT_REQUESTER_ID": REQUESTER,
        "SETTLEMENT_REQUESTER_KEY": str(layout.secrets / "requester.pem"),
        "SETTLEMENT_POLL_MS": POLL_MS,
        "SETTLEMENT_SIGNATURE_TIMEOUT_S": "3",
    }


def _indexer(layout: Layout, ports: Ports, facts: Facts) -> dict[str, str]:
    return {
        "INDEXER_DATABASE_URL": layout.database_url,
        "INDEXER_RPC_URLS": _node_url(ports),
        "INDEXER_CHAIN_ID": str(facts.chain_id),
        "INDEXER_TOKEN_ADDRESS": facts.token,
        "INDEXER_ISSUER_ADDRESS": facts.issuer,
        "INDEXER_START_BLOCK": str(facts.start_block),
        "INDEXER_POLL_MS": POLL_MS,
        "INDEXER_RECONCILE_EVERY_S": "10",
    }


def _api(layout: Layout, ports: Ports, facts: Facts) -> dict[str, str]:
    return {
        "API_DATABASE_URL": layout.database_url,
        "API_PORT": str(ports.page),
        "API_DEVELOPMENT": "yes",
        "API_TOKEN": facts.token,
        "API_COMMUNITY": COMMUNITY,
        **({"API_WEB_FOLDER": str(layout.web)} if layout.web.is_dir() else {}),
        **({"API_GRAPHIQL_FOLDER": str(layout.graphiql)} if layout.graphiql.is_dir() else {}),
    }


def meters(layout: Layout, ports: Ports, facts: Facts) -> list[Command]:
    """The simulated meters and the simulated LoRaWAN site, which need the clock."""
    since = datetime.fromtimestamp(facts.replay_start, UTC).isoformat()
    clock = ("--clock", str(layout.clock))
    plant = _python(
        "standalone.meters", "plant", "--port", str(ports.plant_meter), "--nameplate-w", str(NAMEPLATE_W),
        "--since", since, "--opening-wh", str(OPENING_WH), *clock,
    )  # fmt: skip
    return [
        Command("meter-plant", plant),
        *(_flat_meter(layout, site, since, clock) for site in (FLAT_ONE, FLAT_TWO)),
        Command(
            "lora-site",
            _python(
                "standalone.meters", "lora-site", "--link", str(layout.modem), "--eui", FLAT_TWO.eui,
                "--application", TTS_APPLICATION, "--broker-port", str(ports.broker),
                "--storage-port", str(ports.storage), "--storage", str(layout.storage), *clock,
            ),
        ),
    ]  # fmt: skip


def _flat_meter(layout: Layout, site: Site, since: str, clock: tuple[str, ...]) -> Command:
    model, system_title = _SYSTEM_TITLES[site.key]
    return Command(
        f"meter-{site.key}",
        _python(
            "standalone.meters", "head", "--link", str(layout.line(site.key)), "--model", model,
            "--system-title", system_title, "--key-file", str(layout.gateway(site.key) / "meter.key"),
            "--since", since, "--opening-wh", str(FLAT_OPENING_WH), "--seed", site.key, *clock,
        ),
    )  # fmt: skip


def agents(layout: Layout) -> list[Command]:
    """The gateway agents on the shared clock."""
    return [
        Command(
            f"gateway-{site.key}",
            _python("standalone.agent", str(layout.gateway(site.key) / "agent.toml"), str(layout.clock)),
            gateway_environment(layout, site),
        )
        for site in SITES
    ]
