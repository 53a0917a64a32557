"""The configuration file: what it means, and every way in which it can be wrong, together."""

from pathlib import Path

import pytest

from gateway_agent.__main__ import EXIT_CONFIGURATION, EXIT_KEY, main
from gateway_agent.settings import (
    DevelopmentKeySettings,
    DlmsPushSettings,
    LorawanSinkSettings,
    ModbusTcpSettings,
    MqttSinkSettings,
    SettingsError,
    load_settings,
)
from tests.support.agents import EUI, METER_KEY, SECRET, write_agent_config

MODBUS = 'profile = "janitza-umg604"\ntransport = { type = "modbus-tcp", host = "192.0.2.10", port = 502, unit = 1 }'
DLMS = 'profile = "at-wiener-netze"\nport = "/dev/ttyUSB0"\nkey_file = "meter.key"'
MQTT = '[sink.mqtt]\nurl = "mqtt://broker:1884"\nusername = "gw"'
DEVELOPMENT = 'backend = "development"\nkey_file = "dev.pem"'


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
    settings = load_settings(config(tmp_path, DLMS, '[sink.lorawan]\ndevice = "/dev/ttyUSB1"'))
    assert isinstance(settings.meter, DlmsPushSettings) and settings.meter.key == METER_KEY
    assert settings.sink == LorawanSinkSettings("/dev/ttyUSB1", 1, 5)


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


def test_lorawan_needs_a_meter_with_telegrams(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="dlms-push"):
        load_settings(config(tmp_path, MODBUS, '[sink.lorawan]\ndevice = "/dev/ttyUSB1"'))


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


def test_the_example_is_a_configuration_that_loads(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "gateway_agent" / "agent.example.toml").read_text()
    credentials = "/run/credentials/gateway-agent.service/"
    assert text.count(credentials) >= 3
    (tmp_path / "agent.toml").write_text(text.replace(credentials, ""))
    (tmp_path / "device.secret").write_text(SECRET.hex())
    (tmp_path / "pin").write_text("1234")
    (tmp_path / "broker.password").write_text("let me in")
    settings = load_settings(tmp_path / "agent.toml")
    assert settings.serial_expected == "60400042"
    assert isinstance(settings.sink, MqttSinkSettings) and settings.sink.address.password == "let me in"
