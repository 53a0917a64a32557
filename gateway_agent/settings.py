"""The agent's settings: one TOML file, read once, every fault reported together with its line."""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from community.attestation.profiles import PROFILES
from community.runtime.probes import NOWHERE, ProbesAddress
from gateway_agent.settings_lines import lines_of
from gateway_agent.settings_meter import DlmsPushSettings, MeterSettings, ModbusTcpSettings, read_meter
from gateway_agent.settings_signer import (
    AteccSettings,
    DevelopmentKeySettings,
    Pkcs11Settings,
    SignerSettings,
    Tpm2Settings,
    read_signer,
)
from gateway_agent.settings_sink import (
    LorawanEcw1SinkSettings,
    LorawanSinkSettings,
    MqttSinkSettings,
    SinkSettings,
    read_sink,
)
from gateway_agent.settings_table import Notes, Problem, SettingsError, Table
from gateway_agent.statements import DeviceIdentity

__all__ = [
    "AgentSettings",
    "AteccSettings",
    "DevelopmentKeySettings",
    "DlmsPushSettings",
    "LorawanEcw1SinkSettings",
    "LorawanSinkSettings",
    "ModbusTcpSettings",
    "MqttSinkSettings",
    "Pkcs11Settings",
    "Problem",
    "SettingsError",
    "Tpm2Settings",
    "load_settings",
]


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Everything one agent needs: one device, one meter, one uplink."""

    gateway_id: str
    zone: str
    spool: Path
    allow_insecure_key: bool
    identity: DeviceIdentity
    signer: SignerSettings
    meter_name: str
    meter: MeterSettings
    serial_expected: str | None
    clock_skew_max_s: int
    sink: SinkSettings
    metrics: Path | None = None
    """Where a Prometheus text file is kept current; None for none."""
    max_power_w: int | None = None
    """What the meter's connection can carry; None where nobody said."""
    probes: ProbesAddress = NOWHERE
    """Where health, readiness and figures are told over HTTP."""
    time_server: str | None = None
    """Asked whether our clock is right where neither systemd nor chrony knows."""
    secret_files: tuple[Path, ...] = ()
    """Where secrets were read from: nobody else should be able to."""


def load_settings(path: Path) -> AgentSettings:
    """The settings in the file at `path`; relative paths in it are relative to its directory. Raises SettingsError."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        remedy = "Name another one with --config, or begin with a copy of agent.example.toml."
        raise SettingsError(f"The configuration {path} cannot be read: {error.strerror}. {remedy}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The configuration {path} is not TOML: it is not UTF-8 text") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The configuration {path} is not TOML", [_syntax_problem(str(error), text)]) from error
    notes = Notes(path.parent, lines_of(text))
    root = Table((), document, notes)
    settings = _read(root)
    root.refuse_unknown()
    if notes.problems or settings is None:
        raise SettingsError(f"The configuration {path} cannot be used", notes.problems)
    return replace(settings, secret_files=tuple(notes.secret_files))


def _syntax_problem(message: str, text: str) -> Problem:
    place = re.search(r" \(at line (\d+), column \d+\)$", message)
    line = int(place[1]) if place else max(1, text.count("\n"))
    what = message.removesuffix(place[0] if place else " (at end of document)")
    return Problem(line, "", what[:1].lower() + what[1:], "Compare the line with agent.example.toml")


def _read(root: Table) -> AgentSettings | None:
    gateway, device = root.table("gateway"), root.table("device")
    sinks = root.table("sink")
    meters = root.tables("meter")
    if len(meters) != 1:
        root.note(
            f"there must be exactly one [[meter]], not {len(meters)}",
            key="meter",
            remedy="Run one agent for each meter, each with its own file",
        )
    zone = gateway.text("timezone", "Europe/Vienna")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        gateway.note(f"timezone {zone!r} is not known", key="timezone", remedy="Use a name such as Europe/Vienna")
    gateway_id, spool = gateway.text("id", example="gw-0007"), gateway.path("spool")
    time_server = gateway.optional_text("time_server")
    insecure, metrics = gateway.flag("allow_insecure_key"), gateway.optional_path("metrics_file")
    probes = _probes(root.table("probes"))
    identity, signer = _identity(device), read_signer(root.table("signer"))
    sink = read_sink(sinks)
    for other in meters[1:]:  # counted above; what is in them is judged when they have a file of their own
        other.tolerate_all()
    if not meters:
        return None
    meter = meters[0]
    name, serial = meter.text("name", example="flat-12"), meter.optional_text("serial_expected")
    skew = meter.integer("clock_skew_max_s", 60, low=1, high=86_400)
    max_power_kw = meter.integer("max_power_kw", 0, low=0, high=1_000_000)
    meter_settings = read_meter(meter)
    if meter_settings is None or identity is None or signer is None or sink is None:
        return None
    if isinstance(sink, LorawanSinkSettings) and not isinstance(meter_settings, DlmsPushSettings):
        sinks.note(
            "lorawan sends legacy payloads, which only exist for a dlms-push meter",
            key="lorawan",
            remedy="Use [sink.mqtt]",
        )
    return AgentSettings(
        gateway_id=gateway_id,
        zone=zone,
        spool=spool,
        allow_insecure_key=insecure,
        identity=identity,
        signer=signer,
        meter_name=name,
        meter=meter_settings,
        serial_expected=serial,
        clock_skew_max_s=skew,
        sink=sink,
        metrics=metrics,
        max_power_w=max_power_kw * 1000 or None,
        time_server=time_server,
        probes=probes,
    )


def _probes(table: Table) -> ProbesAddress:
    host, port = table.text("host", "127.0.0.1"), table.integer("port", 0, low=0, high=65_535)
    return ProbesAddress(host, port, "port in [probes]")


def _identity(device: Table) -> DeviceIdentity | None:
    eui = device.hexadecimal("eui", 8)
    secret = device.secret_hex("secret_file", 32)
    profile = device.integer("register_profile", None, low=0, high=255)
    if device.has("register_profile") and profile not in PROFILES:
        known = ", ".join(map(str, PROFILES))
        device.note(
            f"register_profile {profile} is not known", key="register_profile", remedy=f"The known ones are {known}"
        )
    generation = device.integer("key_generation", 0, low=0, high=3)
    keyno = device.integer("keyno", 1, low=0, high=2**32 - 1)
    return DeviceIdentity(eui, secret, generation, keyno, profile)
