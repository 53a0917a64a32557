"""The containers start what exists, with settings that the processes accept, and hold no secret in the open."""

import importlib
import importlib.util
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from community.runtime.settings import SettingsError, SettingsReader
from gateway_agent.settings import load_settings
from tests.architecture.repository import PROCESSES, ROOT
from tools.deployment import make_everything

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (ROOT / ".env.example").read_text()
BACKEND = sorted(name for name, service in SERVICES.items() if service["image"] == "energy-community-backend")
OTHERS = sorted(set(SERVICES) - set(BACKEND))
OWN_USERS = {"postgres": "postgres", "keycloak": None, "prometheus": None, "grafana": None}
"""Images that run as a user of their own, named there or in the image: no root either."""
READ_VARIABLES = sorted(set(PROCESSES) - {"gateway_agent"})


def defaults() -> dict[str, str]:
    """What .env.example sets."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, flags=re.MULTILINE))


def interpolated(text: str) -> str:
    """With ${NAME} replaced as docker compose does, and $$ as one $."""
    return re.sub(r"\$\{([A-Z_]+)\}", lambda found: defaults()[found[1]], text).replace("$$", "$")


def environment_of(service: dict[str, Any], secrets: Path) -> dict[str, str]:
    """The service's variables, with the folder of its secrets elsewhere."""
    return {
        name: interpolated(str(value)).replace("/run/secrets", str(secrets))
        for name, value in service.get("environment", {}).items()
    }


def read(process: str, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Let a process read its settings; returns the variables that it asked for."""
    asked: set[str] = set()
    finish = SettingsReader.finish

    def remember(self: SettingsReader) -> None:
        asked.update(self._asked)
        finish(self)

    monkeypatch.setattr(SettingsReader, "finish", remember)
    importlib.import_module(f"{process}.settings").read_settings(environment)
    return asked


def test_the_file_is_one_of_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests" / "golden" / "compose" / "compose-spec.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(COMPOSE)] == []
    broken = {**COMPOSE, "services": {**SERVICES, "api": {**SERVICES["api"], "networsk": ["web"]}}}
    assert not validator.is_valid(broken)


def test_every_process_has_a_container() -> None:
    started = {service["command"][0] for service in SERVICES.values() if "command" in service}
    assert set(PROCESSES) <= started


@pytest.mark.parametrize("name", BACKEND)
def test_a_container_starts_a_module_that_exists(name: str) -> None:
    module = SERVICES[name]["command"][0]
    assert importlib.util.find_spec(f"{module}.__main__") is not None
    dockerfile = (ROOT / "deploy" / "backend.Dockerfile").read_text()
    package = module.split(".")[0]
    assert f"\nCOPY {package} {package}\n" in dockerfile
    assert f"\n!{package}\n" in (ROOT / ".dockerignore").read_text()


@pytest.mark.parametrize("process", READ_VARIABLES)
def test_a_process_accepts_the_settings_of_its_container(
    process: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = next(each for each in SERVICES.values() if each.get("command", [""])[0] == process)
    make_everything(tmp_path, "localhost", datetime.now(UTC))
    for secret in service["secrets"]:
        (tmp_path / secret).write_bytes((tmp_path / COMPOSE["secrets"][secret]["file"]).read_bytes())
    environment = environment_of(service, tmp_path)
    own = {name for name in environment if name.startswith(f"{process.upper()}_")}
    assert own
    assert own <= read(process, environment, monkeypatch)
    # and a setting that the process does not know is noticed
    with pytest.raises(SettingsError, match="is no setting of this process"):
        read(process, {**environment, f"{process.upper()}_MISSPELT": "1"}, monkeypatch)


@pytest.mark.parametrize("process", READ_VARIABLES)
def test_the_example_explains_every_setting(process: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    finish = SettingsReader.finish

    def remember(self: SettingsReader) -> None:
        asked.update(self._asked)
        finish(self)

    monkeypatch.setattr(SettingsReader, "finish", remember)
    with pytest.raises(SettingsError):
        importlib.import_module(f"{process}.settings").read_settings({})
    explained = set(re.findall(rf"^#? ?({process.upper()}_[A-Z0-9_]+)=", EXAMPLE, flags=re.MULTILINE))
    assert explained == asked


def test_every_variable_of_the_compose_file_is_in_the_example_and_used() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert used | {"COMPOSE_PROFILES"} == set(defaults())  # that one docker compose reads itself


def test_profiles_of_the_example_exist_and_name_one_broker() -> None:
    known = {profile for service in SERVICES.values() for profile in service.get("profiles", [])}
    chosen = set(defaults()["COMPOSE_PROFILES"].split(","))
    assert chosen <= known
    assert len(chosen & {"mosquitto", "rabbitmq"}) == 1
    explained = (ROOT / "docker-compose.yml").read_text().split("name:")[0]
    assert all(profile in explained for profile in known)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_a_service_waits_for_and_reaches_exists(name: str) -> None:
    service = SERVICES[name]
    for other in service.get("depends_on", {}):
        assert other in SERVICES
        always = "profiles" not in SERVICES[other] or "profiles" in service
        assert always or service["depends_on"][other]["required"] is False, "a profile that is off would stop it"
    assert set(service.get("networks", [])) <= set(COMPOSE["networks"])
    mine = set(service.get("networks", []))
    # a name in an address of its settings is a service on a network of its own
    text = " ".join(str(value) for value in service.get("environment", {}).values())
    for host in set(re.findall(r"(?:mqtt|http|postgresql)://(?:[a-z]+@)?([a-z]+)[:/]", interpolated(text))):
        serving = [each for key, each in SERVICES.items() if host == key or host in _aliases(each)]
        assert serving and all(mine & set(each["networks"]) for each in serving), host


def _aliases(service: dict[str, Any]) -> set[str]:
    networks = service.get("networks", {})
    given = [each.get("aliases", []) for each in networks.values()] if isinstance(networks, dict) else []
    return {alias for aliases in given for alias in aliases}


def test_named_volumes_exist_and_are_used() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in used if not name.startswith("./")} == set(COMPOSE["volumes"])


def test_every_secret_is_made_by_the_command_that_makes_them(tmp_path: Path) -> None:
    make_everything(tmp_path, "localhost", datetime.now(UTC))
    for secret in COMPOSE["secrets"].values():
        assert (tmp_path / secret["file"]).is_file(), secret
    states = {v.split(":")[0] for each in SERVICES.values() for v in each.get("volumes", []) if v.startswith("./deploy/state")}  # fmt: skip
    assert all((tmp_path / state).is_dir() for state in states)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_secrets_are_files_that_are_declared(name: str) -> None:
    service = SERVICES[name]
    given = set(service.get("secrets", []))
    assert given <= set(COMPOSE["secrets"])
    text = " ".join(str(value) for value in service.get("environment", {}).values())
    assert set(re.findall(r"/run/secrets/(\w+)", text)) <= given
    for variable, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|PASSPHRASE|SECRET|_KEY$|KEY_FILE", variable):
            assert str(value).startswith("/run/secrets/"), variable
        assert not re.search(r"://[^/@\s]+:[^/@\s]+@", str(value)), "a password in an address"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_container_cannot_change_itself_and_is_not_root(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("user") == OWN_USERS.get(name, "${APP_UID}:${APP_GID}")
    assert "privileged" not in service and "cap_add" not in service


def test_everything_that_serves_has_a_health_check() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {
        "migrate",  # ends
        "doctor",  # ends
    }
    for name in BACKEND:
        asked = SERVICES[name].get("healthcheck", {}).get("test", [""])[-1]
        port = SERVICES[name].get("environment", {}).get(f"{name.upper()}_PROBES_PORT")
        assert not asked or name == "gateway-agent" or f"http://127.0.0.1:{port}/health" in asked


def test_the_signer_reaches_the_signature_broker_and_nothing_else() -> None:
    assert SERVICES["signer"]["networks"] == ["signing", "signer-watching"]

    def on(network: str) -> set[str]:
        assert COMPOSE["networks"][network]["internal"] is True
        return {name for name, service in SERVICES.items() if network in service.get("networks", [])}

    assert on("signing") == {"signer", "mosquitto", "rabbitmq"}
    # who asks how it is
    assert on("signer-watching") == {"signer", "prometheus", "doctor"}


def test_mounted_files_of_the_repository_exist() -> None:
    made_by_a_person = ("./deploy/secrets", "./deploy/state", "./frontend/dist")
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and not source.startswith(made_by_a_person):
                assert (ROOT / source).exists(), source
        build = service.get("build")
        assert build is None or (ROOT / build["dockerfile"]).is_file()


def test_the_example_of_a_gateway_agent_can_be_read(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "gateway-agent" / "agent.example.toml").read_text()
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "device_secret").write_text("5a" * 32)
    (secrets / "token_pin").write_text("1234")
    (tmp_path / "agent.toml").write_text(text)
    settings = load_settings(tmp_path / "agent.toml")
    assert settings.identity.eui.hex() == "70b3d57ed0000001"
    asked = SERVICES["gateway-agent"]["healthcheck"]["test"][-1]
    assert f"http://{settings.probes.host}:{settings.probes.port}/health" in asked
