"""The [sink] part of the configuration: the way out, a broker or a radio."""

from dataclasses import dataclass
from typing import Literal, cast

from community.clients.mqtt import MqttAddress
from community.errors import FatalError
from gateway_agent.settings_table import Table


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
class LorawanEcw1SinkSettings:
    """Compressed statements to a modem. Without `data_rate` the network chooses (ADR)."""

    device: str
    data_rate: int | None
    daily_airtime_s: int


SinkSettings = MqttSinkSettings | LorawanEcw1SinkSettings | LorawanSinkSettings


def read_sink(sinks: Table) -> SinkSettings | None:
    """What [sink.mqtt] or [sink.lorawan] says; None for neither or both, which was noted."""
    given = [name for name in ("mqtt", "lorawan") if sinks.has(name)]
    if len(given) != 1:
        sinks.note("there must be either [sink.mqtt] or [sink.lorawan]", remedy="Keep one of them")
        for name in given:
            sinks.table(name).tolerate_all()
        return None
    sink = sinks.table(given[0])
    return _lorawan(sink) if given == ["lorawan"] else _mqtt(sink)


def _lorawan(sink: Table) -> SinkSettings:
    device = sink.text("device", example="/dev/serial/by-id/usb-...")
    if sink.choice("payload", "ecw1", ("ecw1", "legacy")) == "legacy":
        f_port = sink.integer("f_port", 1, low=1, high=223)
        return LorawanSinkSettings(device, f_port, sink.integer("data_rate", 5, low=0, high=5))
    data_rate = sink.integer("data_rate", 0, low=0, high=5) if sink.has("data_rate") else None
    return LorawanEcw1SinkSettings(device, data_rate, sink.integer("daily_airtime_s", 30, low=1, high=864))


def _mqtt(sink: Table) -> MqttSinkSettings | None:
    sink.choice("payload", "ecw1", ("ecw1",))
    password = sink.secret_text("password_file") if sink.has("password_file") else None
    version = sink.integer("version", 5, low=4, high=5)
    resend_after_s = sink.integer("resend_after_s", 10, low=1, high=86_400)
    url = sink.text("url", example="mqtts://broker.example.org:8883")
    files = [str(sink.secret_path(name)) if sink.has(name) else None for name in ("ca_file", "cert_file", "key_file")]
    username = sink.optional_text("username")
    if not url:
        return None
    try:
        address = MqttAddress(
            url,
            username=username,
            password=password,
            ca_file=files[0],
            cert_file=files[1],
            key_file=files[2],
            version=cast(Literal[4, 5], version),
        )
    except FatalError as error:
        sink.note(str(error), key="url" if "broker address" in str(error) else "cert_file")
        return None
    return MqttSinkSettings(address, resend_after_s)
