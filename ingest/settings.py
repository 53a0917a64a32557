"""The settings of ingest: environment variables INGEST_*, secrets from files. All errors are reported together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from community.clients.mqtt import MqttAddress
from community.errors import FatalError
from community.runtime.probes import ProbesAddress, read_probes_address
from community.runtime.settings import SettingsReader
from ingest.column_keys import ColumnKeySettings, read_column_keys
from ingest.sources.chirpstack import APPLICATION_ANY, ChirpStackAddress
from ingest.sources.things_stack import ThingsStackAddress
from ingest.sources.webhooks import WebhookAddress


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything ingest is told. At least one source is set."""

    database_url: str
    column_keys: ColumnKeySettings
    client_id: str
    workers: int
    device_broker: MqttAddress | None
    things_stack: ThingsStackAddress | None
    chirpstack: ChirpStackAddress | None
    webhooks: WebhookAddress | None
    zone: str
    boundary_tolerance: timedelta
    health_every: timedelta
    repair_every: timedelta
    probes: ProbesAddress


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in `environment`, the process's own by default. Raises SettingsError listing every problem."""
    reader = SettingsReader("INGEST", environment)
    zone = reader.text("ZONE", "Europe/Vienna")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        reader.note(f"INGEST_ZONE must be a time zone such as Europe/Vienna, not {zone!r}")
    database_url = reader.text("DATABASE_URL")
    column_keys = read_column_keys(reader)
    client_id = reader.text("CLIENT_ID", "ingest")
    workers = reader.integer("WORKERS", 1, low=1, high=64)
    device_broker = _broker(reader, "BROKER")
    things_stack = _things_stack(reader)
    chirpstack = _chirpstack(reader)
    webhooks = _webhooks(reader)
    tolerance = timedelta(seconds=reader.integer("BOUNDARY_TOLERANCE_S", 5, high=254))
    health = timedelta(seconds=reader.integer("HEALTH_EVERY_S", 60, low=1))
    repair = timedelta(seconds=reader.integer("REPAIR_EVERY_S", 60, low=1))
    probes = read_probes_address(reader, "INGEST")
    if probes.port + workers > 65_536:
        reader.note(
            "INGEST_PROBES_PORT: every worker answers on a port of its own, one above the other; choose a lower one"
        )
    if not any((device_broker, things_stack, chirpstack, webhooks)):
        reader.note(
            "no source is set: give one or more of INGEST_BROKER_URL, INGEST_TTS_URL, INGEST_CHIRPSTACK_URL and"
            " INGEST_WEBHOOK_PORT"
        )
    reader.finish()
    return Settings(
        database_url=database_url,
        column_keys=column_keys,
        client_id=client_id,
        workers=workers,
        device_broker=device_broker,
        things_stack=things_stack,
        chirpstack=chirpstack,
        webhooks=webhooks,
        zone=zone,
        boundary_tolerance=tolerance,
        health_every=health,
        repair_every=repair,
        probes=probes,
    )


def _broker(reader: SettingsReader, name: str, version: Literal[4, 5] | None = None) -> MqttAddress | None:
    url = reader.optional(f"{name}_URL")
    asked = reader.text(f"{name}_MQTT_VERSION", "5") if version is None else str(version)
    username = reader.optional(f"{name}_USERNAME")
    password = reader.secret(f"{name}_PASSWORD", required=False)
    ca_file, cert_file, key_file = (reader.optional(f"{name}_{part}_FILE") for part in ("CA", "CERT", "KEY"))
    if asked not in ("3.1.1", "4", "5"):
        reader.note(f"INGEST_{name}_MQTT_VERSION must be 5 or 3.1.1, not {asked!r}")
    if url is None:
        return None
    try:
        return MqttAddress(url, username, password, ca_file, cert_file, key_file, 5 if asked == "5" else 4)
    except FatalError as error:
        reader.note(f"INGEST_{name}_URL: {error}")
        return None


def _things_stack(reader: SettingsReader) -> ThingsStackAddress | None:
    mqtt = _broker(reader, "TTS", version=4)
    application = reader.optional("TTS_APPLICATION")
    storage_url = reader.optional("TTS_STORAGE_URL")
    api_key = reader.secret("TTS_API_KEY", required=False)
    poll = reader.integer("TTS_POLL_EVERY_S", 600, low=1)
    overlap = reader.integer("TTS_POLL_OVERLAP_S", 1800)
    if mqtt is None:
        return None
    if application is None or not set(application).isdisjoint("/+#"):
        reader.note("INGEST_TTS_APPLICATION must name the application as in its topics, such as my-app@ttn")
        return None
    return ThingsStackAddress(
        mqtt,
        application,
        storage_url.rstrip("/") if storage_url else None,
        api_key if api_key is not None else mqtt.password,
        timedelta(seconds=poll),
        timedelta(seconds=overlap),
    )


def _chirpstack(reader: SettingsReader) -> ChirpStackAddress | None:
    mqtt = _broker(reader, "CHIRPSTACK")
    application = reader.text("CHIRPSTACK_APPLICATION", APPLICATION_ANY)
    if mqtt is None:
        return None
    if application != APPLICATION_ANY and not set(application).isdisjoint("/+#"):
        reader.note("INGEST_CHIRPSTACK_APPLICATION must be the application's id as in its topics, or + for all")
        return None
    return ChirpStackAddress(mqtt, application)


def _webhooks(reader: SettingsReader) -> WebhookAddress | None:
    host = reader.text("WEBHOOK_HOST", "127.0.0.1")
    port = reader.integer("WEBHOOK_PORT", 0, high=65535)
    secrets = [reader.secret(f"WEBHOOK_{server}_SECRET", required=False) for server in ("TTS", "CHIRPSTACK")]
    if not port:
        return None
    try:
        return WebhookAddress(host, port, *secrets)
    except ValueError as error:
        reader.note(f"INGEST_WEBHOOK_TTS_SECRET_FILE, INGEST_WEBHOOK_CHIRPSTACK_SECRET_FILE: {error}")
        return None
