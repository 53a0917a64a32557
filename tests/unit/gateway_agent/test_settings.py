"""The configuration file: what it means, and every way in which it can be wrong, together."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway_agent.__main__ import EXIT_CONFIGURATION, EXIT_KEY, main
from gateway_agent.cli import parser
from gateway_agent.settings import (
    AteccSettings,
    DevelopmentKeySettings,
    DlmsPushSettings,
    LorawanEcw1SinkSettings,
    LorawanSinkSettings,
    ModbusTcpSettings,
    MqttSinkSettings,
    Pkcs11Settings,
    SettingsError,
    Tpm2Settings,
    load_settings,
)
from tests.support.agents import EUI, METER_KEY, SECRET, write_agent_config
from tests.support.logging_put_back import logging_put_back

ROOT = Path(__file__).parents[3]
MODBUS = 'profile = "janitza-umg604"\ntransport = { type = "modbus-tcp", host = "192.0.2.10", port = 502, unit = 1 }'
DLMS = 'profile = "at-wiener-netze"\nport = "/dev/ttyUSB0"\nkey_file = "meter.key"'
MQTT = '[sink.mqtt]\nurl = "mqtt://broker:1884"\nusername = "gw"'
DEVELOPMENT = 'backend = "development"\nkey_file = "dev.pem"'


@pytest.fixture(autouse=True)
def _logging_put_back() -> Iterator[None]:
    with logging_put_back():
        yield


def config(folder: Path, meter: str = MODBUS, sink: str = MQTT, signer: str = DEVELOPMENT) -> Path:
    return write_agent_config(folder, meter, sink, signer)


def test_a_modbus_meter_over_mqtt(tmp_path: Path) -> None:
    settings = load_settings(config(tmp_path))
    assert isinstance(settings.meter, ModbusTcpSettings) and isinstance(settings.sink, MqttSinkSettings)
    assert (settings.meter.host, settings.meter.port, settings.meter.unit) == ("192.0.2.10", 502, 1)
    assert (settings.identity.eui, settings.identity.secret, settings.identity.keyno) == (EUI, SECRET, 1)
    assert settings.sink.address.url == "mqtt://broker:1884"
    assert settings.signer == DevelopmentKeySettings(tmp_path / "dev.pem")
    assert settings.spool == tmp_path / "spool.db"


def test_a_push_meter_over_lorawan(tmp_path: Path) -> None:
    settings = load_settings(config(tmp_path, DLMS, '[sink.lorawan]\ndevice = "/dev/ttyUSB1"\npayload = "legacy"'))
    assert isinstance(settings.meter, DlmsPushSettings) and settings.meter.key == METER_KEY
    assert settings.sink == LorawanSinkSettings("/dev/ttyUSB1", 1, 5)


def test_any_meter_over_lorawan_in_the_form_that_fits_the_radio(tmp_path: Path) -> None:
    radio = '[sink.lorawan]\ndevice = "/dev/ttyUSB1"'
    assert load_settings(config(tmp_path, MODBUS, radio)).sink == LorawanEcw1SinkSettings("/dev/ttyUSB1", None, 30)
    chosen = load_settings(config(tmp_path, DLMS, f"{radio}\ndata_rate = 0\ndaily_airtime_s = 20")).sink
    assert chosen == LorawanEcw1SinkSettings("/dev/ttyUSB1", 0, 20)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('id = "gw-test"', 'idd = "gw-test"', "gateway.id is missing"),
        ('id = "gw-test"', 'id = "gw-test"\ntimezon = "UTC"', "gateway.timezon is no setting"),
        ('id = "gw-test"', 'id = "gw-test"\ntimezone = "Mars/North"', "Mars/North"),
        ('eui = "70b3d57ed0060101"', 'eui = "70b3"', "16 hexadecimal digits"),
        ("register_profile = 2", "register_profile = 9", "register_profile 9"),
        ('"secret.hex"', '"absent.hex"', "absent.hex, which cannot be read"),
        ('backend = "development"', 'backend = "paper"', "pkcs11 and development"),
        ('profile = "janitza-umg604"', 'profile = "janitza"', "there is no profile 'janitza'"),
        ("port = 502", "port = 70000", "from 1 to 65535"),
        ('type = "modbus-tcp"', 'type = "modbus-udp"', "modbus-tcp and modbus-rtu are"),
        ("mqtt://broker:1884", "http://broker", "no broker address"),
        ("[sink.mqtt]", "[sink.amqp]", "either"),
        ("[[meter]]", "[[meter]]\n[[meter]]", "exactly one"),
        ("[[meter]]", "[meter]", "exactly one"),
        ("[gateway]", "[gateway", "not TOML"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, before: str, after: str, reason: str) -> None:
    path = config(tmp_path)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    with pytest.raises(SettingsError, match=reason):
        load_settings(path)


def test_all_faults_come_together_and_no_secret_is_shown(tmp_path: Path) -> None:
    path = config(tmp_path)
    (tmp_path / "secret.hex").write_text("not-a-secret-but-nobody-knows")
    path.write_text(path.read_text().replace("port = 502", "port = 0").replace('id = "gw-test"', ""))
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(caught.value).count("\n  - ") == 3
    assert "nobody-knows" not in str(caught.value)


def test_a_secure_element_of_another_kind(tmp_path: Path) -> None:
    assert load_settings(config(tmp_path, signer='backend = "atecc"\nslot = 2')).signer == AteccSettings(1, 0xC0, 2)
    (tmp_path / "auth").write_text("open sesame\n")
    tpm = load_settings(config(tmp_path, signer='backend = "tpm2"\nhandle = 0x81010002\nauth_file = "auth"')).signer
    assert tpm == Tpm2Settings("device:/dev/tpmrm0", 0x81010002, "open sesame") and "sesame" not in repr(tpm)
    with pytest.raises(SettingsError, match=r"line 14: signer\.slot must be a whole number from 0 to 15"):
        load_settings(config(tmp_path, signer='backend = "atecc"\nslot = 16'))


def test_lorawan_needs_a_meter_with_telegrams(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="dlms-push"):
        load_settings(config(tmp_path, MODBUS, '[sink.lorawan]\ndevice = "/dev/ttyUSB1"\npayload = "legacy"'))


def test_the_command_line_makes_shows_and_guards_the_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path)
    assert main(["key", "show", "--config", str(path)]) == EXIT_KEY
    assert "key init" in capsys.readouterr().err
    assert main(["key", "init", "--config", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "development key" in shown
    assert main(["key", "init", "--config", str(path)]) == EXIT_KEY
    assert main(["check", "--config", str(path)]) == 0
    assert main(["spool", "status", "--config", str(path)]) == 0
    assert "readings       0, newest none" in capsys.readouterr().out
    path.write_text(path.read_text().replace("allow_insecure_key = true", "allow_insecure_key = false"))
    assert main(["check", "--config", str(path)]) == EXIT_KEY
    assert "allow_insecure_key" in capsys.readouterr().err
    assert main(["check", "--config", str(tmp_path / "absent.toml")]) == EXIT_CONFIGURATION


def example_in(folder: Path) -> Path:
    """A copy of the example with the secrets it names."""
    (folder / "secrets").mkdir()
    for name, content in (("device.secret", SECRET.hex()), ("pin", "1234"), ("broker.password", "let me in")):
        (folder / "secrets" / name).write_text(content)
    (folder / "agent.toml").write_text((ROOT / "gateway_agent" / "agent.example.toml").read_text())
    return folder / "agent.toml"


def test_the_example_is_a_configuration_that_loads(tmp_path: Path) -> None:
    settings = load_settings(example_in(tmp_path))
    assert (settings.serial_expected, settings.max_power_w) == ("60400042", 30_000)
    assert isinstance(settings.sink, MqttSinkSettings) and settings.sink.address.password == "let me in"
    assert settings.secret_files == tuple(
        tmp_path / "secrets" / name for name in ("device.secret", "pin", "broker.password")
    )


def test_credentials_of_systemd_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example, handed_over = example_in(tmp_path), tmp_path / "credentials"
    handed_over.mkdir()
    (handed_over / "secrets_device.secret").write_text("ab" * 32)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed_over))
    settings = load_settings(example)
    assert settings.identity.secret == bytes.fromhex("ab" * 32)  # and the others from beside the file
    assert isinstance(settings.signer, Pkcs11Settings) and settings.signer.pin == "1234"


def test_no_secret_is_in_what_the_settings_say_of_themselves(tmp_path: Path) -> None:
    settings = load_settings(example_in(tmp_path))
    assert isinstance(settings.sink, MqttSinkSettings)
    assert repr(SECRET) not in repr(settings)
    assert "let me in" not in repr(settings) and "1234" not in repr(settings.signer)
    dlms = config(tmp_path, DLMS)
    assert METER_KEY.hex() not in repr(load_settings(dlms)) and repr(METER_KEY) not in repr(load_settings(dlms))


def test_the_unit_of_systemd_fits_the_example(tmp_path: Path) -> None:
    lines = (ROOT / "deploy" / "systemd" / "gateway-agent@.service").read_text().splitlines()
    unit = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    command = shlex.split(unit["ExecStart"].replace("%i", "pv-roof"))
    options = parser().parse_args(command[3:])
    assert command[1:3] == ["-m", "gateway_agent"] and options.action == "run"
    assert unit["Type"] == "notify" and int(unit["WatchdogSec"]) > 0
    assert unit["LoadCredential"] == f"secrets:{options.config.parent}/secrets".replace("pv-roof", "%i")
    state = Path("/var/lib") / unit["StateDirectory"].replace("%i", "pv-roof")
    assert load_settings(example_in(tmp_path)).spool.parent == state
