"""The agent's settings: one TOML file, read once, every fault reported together."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from community.attestation.profiles import PROFILES
from community.clients.mqtt import MqttAddress
from community.errors import FatalError
from gateway_agent.profiles import DlmsPushProfile, MeterProfile, ModbusProfile, ProfileError, load_profile
from gateway_agent.statements import DeviceIdentity


class SettingsError(FatalError):
    """The configuration file cannot be used. Its text lists every problem, one a line."""


@dataclass(frozen=True, slots=True)
class Pkcs11Settings:
    """A key in a token."""

    module: Path
    token: str
    key: str
    pin: str


@dataclass(frozen=True, slots=True)
class DevelopmentKeySettings:
    """A key in a file."""

    key_file: Path


@dataclass(frozen=True, slots=True)
class ModbusTcpSettings:
    """A meter on Modbus TCP."""

    profile: ModbusProfile
    host: str
    port: int
    unit: int


@dataclass(frozen=True, slots=True)
class DlmsPushSettings:
    """A meter that pushes telegrams on a serial port."""

    profile: DlmsPushProfile
    port: str
    key: bytes


@dataclass(frozen=True, slots=True)
class MqttSinkSettings:
    """Sealed statements to a broker."""

    address: MqttAddress
    resend_after_s: int


@dataclass(frozen=True, slots=True)
class LorawanSinkSettings:
    """Legacy payloads to a modem."""

    device: str
    f_port: int
    data_rate: int


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Everything one agent needs: one device, one meter, one uplink."""

    gateway_id: str
    zone: str
    spool: Path
    allow_insecure_key: bool
    identity: DeviceIdentity
    signer: Pkcs11Settings | DevelopmentKeySettings
    meter_name: str
    meter: ModbusTcpSettings | DlmsPushSettings
    serial_expected: str | None
    clock_skew_max_s: int
    sink: MqttSinkSettings | LorawanSinkSettings


def load_settings(path: Path) -> AgentSettings:
    """The settings in the file at `path`; relative paths in it are relative to its directory. Raises SettingsError."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"The configuration {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The configuration {path} is not TOML: {error}") from error
    problems: list[str] = []
    root = _Table("", document, problems, path.parent)
    settings = _read(root)
    root.refuse_unknown()
    if problems:
        raise SettingsError(
            f"The configuration {path} cannot be used:\n" + "\n".join(f"  - {each}" for each in problems)
        )
    return settings


def _read(root: "_Table") -> AgentSettings:
    gateway, device = root.table("gateway"), root.table("device")
    sinks = root.table("sink")
    meters = root.tables("meter")
    if len(meters) != 1:
        root.note(f"there must be exactly one [[meter]], not {len(meters)}: run one agent for each meter")
    meter = meters[0] if meters else _Table("meter.", {}, [], root.directory)
    zone = gateway.text("timezone", "Europe/Vienna")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        gateway.note(f"timezone {zone!r} is not known; use a name such as Europe/Vienna")
    sink = _sink(sinks)
    meter_settings = _meter(meter)
    if isinstance(sink, LorawanSinkSettings) and not isinstance(meter_settings, DlmsPushSettings):
        sinks.note("lorawan sends legacy payloads, which only exist for a dlms-push meter; use sink.mqtt")
    return AgentSettings(
        gateway_id=gateway.text("id"),
        zone=zone,
        spool=gateway.path("spool"),
        allow_insecure_key=gateway.flag("allow_insecure_key"),
        identity=_identity(device),
        signer=_signer(root.table("signer")),
        meter_name=meter.text("name"),
        meter=meter_settings,
        serial_expected=meter.optional_text("serial_expected"),
        clock_skew_max_s=meter.integer("clock_skew_max_s", 60, low=1, high=86_400),
        sink=sink,
    )


def _identity(device: "_Table") -> DeviceIdentity:
    eui = device.hexadecimal("eui", 8)
    secret = device.secret_hex("secret_file", 32)
    profile = device.integer("register_profile", None, low=0, high=255)
    if profile not in PROFILES:
        device.note(f"register_profile {profile} is not known; the known ones are {', '.join(map(str, PROFILES))}")
    generation = device.integer("key_generation", 0, low=0, high=3)
    return DeviceIdentity(eui, secret, generation, device.integer("keyno", 1, low=0, high=2**32 - 1), profile)


def _signer(signer: "_Table") -> Pkcs11Settings | DevelopmentKeySettings:
    match signer.text("backend", "pkcs11"):
        case "development":
            return DevelopmentKeySettings(signer.path("key_file"))
        case "pkcs11":
            module = signer.path("module")
            token, key = signer.text("token"), signer.text("key")
            return Pkcs11Settings(module, token, key, signer.secret_text("pin_file"))
        case other:
            signer.note(f"backend {other!r} is not known; pkcs11 and development are")
            return DevelopmentKeySettings(Path())


def _meter(meter: "_Table") -> ModbusTcpSettings | DlmsPushSettings:
    profile: MeterProfile | None = None
    try:
        profile = load_profile(meter.text("profile"))
    except ProfileError as error:
        meter.note(str(error))
    if isinstance(profile, DlmsPushProfile):
        return DlmsPushSettings(profile, meter.text("port"), meter.secret_hex("key_file", 16))
    transport = meter.table("transport")
    if (kind := transport.text("type")) not in ("modbus-tcp", ""):
        transport.note(f"type {kind!r} is not known; modbus-tcp is")
    host = transport.text("host")
    port = transport.integer("port", 502, low=1, high=65535)
    unit = transport.integer("unit", 1, low=0, high=247)
    return ModbusTcpSettings(cast(ModbusProfile, profile), host, port, unit)


def _sink(sinks: "_Table") -> MqttSinkSettings | LorawanSinkSettings:
    given = [name for name in ("mqtt", "lorawan") if sinks.has(name)]
    if len(given) != 1:
        sinks.note("there must be either [sink.mqtt] or [sink.lorawan]")
    sink = sinks.table(given[0] if given else "mqtt")
    if given[:1] == ["lorawan"]:
        if (payload := sink.text("payload", "legacy")) != "legacy":
            sink.note(f"payload {payload!r} is not sent over lorawan by this version; legacy is")
        device = sink.text("device")
        f_port = sink.integer("f_port", 1, low=1, high=223)
        return LorawanSinkSettings(device, f_port, sink.integer("data_rate", 5, low=0, high=5))
    if (payload := sink.text("payload", "ecw1")) != "ecw1":
        sink.note(f"payload {payload!r} is not sent over mqtt; ecw1 is")
    password = sink.secret_text("password_file") if sink.has("password_file") else None
    version = sink.integer("version", 5, low=4, high=5)
    resend_after_s = sink.integer("resend_after_s", 10, low=1, high=86_400)
    url = sink.text("url")
    files = [sink.optional_text(name) for name in ("ca_file", "cert_file", "key_file")]
    try:
        address = MqttAddress(
            url,
            username=sink.optional_text("username"),
            password=password,
            ca_file=files[0],
            cert_file=files[1],
            key_file=files[2],
            version=cast(Literal[4, 5], version),
        )
    except FatalError as error:
        sink.note(str(error))
        address = MqttAddress("mqtt://localhost")
    return MqttSinkSettings(address, resend_after_s)


class _Table:
    """A table of the file that remembers which keys were asked for and notes problems."""

    def __init__(self, where: str, content: Mapping[str, Any], problems: list[str], directory: Path) -> None:
        self._where = where
        self._content = content
        self._problems = problems
        self._asked: set[str] = set()
        self._children: list[_Table] = []
        self.directory = directory

    def note(self, problem: str) -> None:
        self._problems.append(f"{self._where}{problem}")

    def has(self, key: str) -> bool:
        return key in self._content

    def table(self, key: str) -> "_Table":
        content = self._get(key, {})
        if not isinstance(content, dict):
            self.note(f"{key} must be a table")
            content = {}
        child = _Table(f"{self._where}{key}.", content, self._problems, self.directory)
        self._children.append(child)
        return child

    def tables(self, key: str) -> list["_Table"]:
        content = self._get(key, [])
        if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
            self.note(f"{key} must be written as [[{key}]]")
            content = []
        children = [_Table(f"{key}.", each, self._problems, self.directory) for each in content]
        self._children += children
        return children

    def text(self, key: str, default: str | None = None) -> str:
        value = self._get(key, default)
        if not isinstance(value, str) or not value:
            self.note(f"{key} is missing" if value is None else f"{key} must be a text")
            return ""
        return value

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def integer(self, key: str, default: int | None, *, low: int, high: int) -> int:
        value = self._get(key, default)
        if type(value) is not int or not low <= value <= high:
            self.note(f"{key} must be a whole number from {low} to {high}, not {value!r}")
            return low
        return value

    def flag(self, key: str) -> bool:
        value = self._get(key, False)
        if not isinstance(value, bool):
            self.note(f"{key} must be true or false")
        return value is True

    def path(self, key: str) -> Path:
        return self.directory / self.text(key)

    def hexadecimal(self, key: str, size: int) -> bytes:
        return self._hex_of(key, self.text(key), size)

    def secret_text(self, key: str) -> str:
        if not (name := self.text(key)):
            return ""
        try:
            return (self.directory / name).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.note(f"{key} names {name}, which cannot be read: {error}")
            return ""

    def secret_hex(self, key: str, size: int) -> bytes:
        return self._hex_of(key, self.secret_text(key), size)

    def refuse_unknown(self) -> None:
        for key in sorted(set(self._content) - self._asked):
            self.note(f"{key} is no setting: is it misspelt?")
        for child in self._children:
            child.refuse_unknown()

    def _get(self, key: str, default: Any) -> Any:
        self._asked.add(key)
        return self._content.get(key, default)

    def _hex_of(self, key: str, text: str, size: int) -> bytes:
        try:
            value = bytes.fromhex(text)
        except ValueError:
            value = b""
        if len(value) != size:
            if text:  # what is missing or unreadable was noted already; the value itself is never shown
                self.note(f"{key} must hold {2 * size} hexadecimal digits")
            return bytes(size)
        return value
