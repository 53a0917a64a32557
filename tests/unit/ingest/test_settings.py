"""Settings of ingest: what is read, and that every problem is told at once."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from community.clients.mqtt import MqttAddress
from community.runtime.settings import SettingsError
from ingest.settings import read_settings
from ingest.sources.webhooks import WebhookAddress


@pytest.fixture
def needed(tmp_path: Path) -> dict[str, str]:
    key = tmp_path / "column.key"
    key.write_text("00" * 32)
    (tmp_path / "api.key").write_text("NNSXS.key\n")
    return {"INGEST_DATABASE_URL": "sqlite:///x.db", "INGEST_COLUMN_KEY_FILE": str(key)}


def test_a_device_broker_alone(needed: dict[str, str], tmp_path: Path) -> None:
    more = {"INGEST_BROKER_URL": "mqtt://broker:1884", "INGEST_BROKER_USERNAME": "ingest"}
    settings = read_settings(needed | more | {"INGEST_BROKER_PASSWORD_FILE": str(tmp_path / "api.key")})
    assert settings.device_broker is not None and settings.things_stack is None
    assert (settings.device_broker.host, settings.device_broker.port) == ("broker", 1884)
    assert (settings.device_broker.version, settings.device_broker.password) == (5, "NNSXS.key")
    assert (settings.zone, settings.boundary_tolerance) == ("Europe/Vienna", timedelta(seconds=5))


def test_the_things_stack_alone(needed: dict[str, str], tmp_path: Path) -> None:
    more = {
        "INGEST_TTS_URL": "mqtts://eu1.cloud.thethings.network",
        "INGEST_TTS_USERNAME": "community@ttn",
        "INGEST_TTS_PASSWORD_FILE": str(tmp_path / "api.key"),
        "INGEST_TTS_APPLICATION": "community@ttn",
        "INGEST_TTS_STORAGE_URL": "https://eu1.cloud.thethings.network/",
        "INGEST_TTS_POLL_EVERY_S": "60",
    }
    stack = read_settings(needed | more).things_stack
    assert stack is not None and stack.mqtt.version == 4 and stack.mqtt.port == 8883
    assert (stack.topics[0], stack.application_id) == ("v3/community@ttn/devices/+/up", "community")
    assert stack.storage_url == "https://eu1.cloud.thethings.network"
    assert stack.api_key == "NNSXS.key"  # the MQTT password is the same key
    assert (stack.poll_every, stack.overlap) == (timedelta(minutes=1), timedelta(minutes=30))


def test_chirpstack_alone(needed: dict[str, str]) -> None:
    chirpstack = read_settings(needed | {"INGEST_CHIRPSTACK_URL": "mqtts://broker"}).chirpstack
    assert chirpstack is not None and (chirpstack.mqtt.version, chirpstack.mqtt.port) == (5, 8883)
    assert chirpstack.topic == "application/+/device/+/event/+"
    named = needed | {"INGEST_CHIRPSTACK_URL": "mqtt://b", "INGEST_CHIRPSTACK_APPLICATION": "17c82e96"}
    assert read_settings(named).chirpstack == replace(chirpstack, mqtt=MqttAddress("mqtt://b"), application="17c82e96")


def test_webhooks_alone(needed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("sixteen letters!\n")
    more = {"INGEST_WEBHOOK_PORT": "8081", "INGEST_WEBHOOK_CHIRPSTACK_SECRET_FILE": str(tmp_path / "hook")}
    assert read_settings(needed | more).webhooks == WebhookAddress("127.0.0.1", 8081, None, "sixteen letters!")
    assert "sixteen" not in repr(read_settings(needed | more))


def test_no_secret_shows_in_a_representation(needed: dict[str, str], tmp_path: Path) -> None:
    more = {
        "INGEST_TTS_URL": "mqtt://h", "INGEST_TTS_APPLICATION": "a", "INGEST_TTS_PASSWORD_FILE": str(tmp_path / "api.key"),
    }  # fmt: skip
    assert "NNSXS" not in repr(read_settings(needed | more))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "no source is set"),
        ({"INGEST_BROKER_URL": "http://h"}, "no broker address"),
        ({"INGEST_BROKER_URL": "mqtt://h", "INGEST_BROKER_MQTT_VERSION": "6"}, "must be 5 or 3.1.1"),
        ({"INGEST_BROKER_URL": "mqtt://h", "INGEST_BROKER_CERT_FILE": "x"}, "belong together"),
        ({"INGEST_TTS_URL": "mqtt://h"}, "INGEST_TTS_APPLICATION"),
        ({"INGEST_TTS_URL": "mqtt://h", "INGEST_TTS_APPLICATION": "a/#"}, "INGEST_TTS_APPLICATION"),
        (
            {"INGEST_CHIRPSTACK_URL": "mqtt://h", "INGEST_CHIRPSTACK_APPLICATION": "a/b"},
            "INGEST_CHIRPSTACK_APPLICATION",
        ),
        ({"INGEST_WEBHOOK_PORT": "1"}, "INGEST_WEBHOOK_TTS_SECRET_FILE"),
        ({"INGEST_WEBHOOK_PORT": "70000"}, "between 0 and 65535"),
        ({"INGEST_BROKER_URL": "mqtt://h", "INGEST_ZONE": "Nowhere/City"}, "must be a time zone"),
        ({"INGEST_BROKER_URL": "mqtt://h", "INGEST_BOUNDARY_TOLERANCE_S": "900"}, "between 0 and 254"),
    ],
)
def test_each_problem_is_named(needed: dict[str, str], change: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read_settings(needed | change)


def test_all_problems_are_told_together() -> None:
    with pytest.raises(SettingsError) as found:
        read_settings({"INGEST_TTS_URL": "ftp://h", "INGEST_ZONE": "x/y", "INGEST_TYPO": "1"})
    text = str(found.value)
    for name in ("INGEST_DATABASE_URL", "INGEST_COLUMN_KEY_FILE", "INGEST_TTS_URL", "INGEST_ZONE", "INGEST_TYPO"):
        assert name in text
