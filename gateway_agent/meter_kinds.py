"""From the settings of a meter to the object that reads it. The one place that knows every kind."""

from dataclasses import replace

from gateway_agent.meters.dlms_push import DlmsPushMeter
from gateway_agent.meters.dsmr_p1 import DsmrP1Meter
from gateway_agent.meters.iec62056_21 import Iec62056Meter, Iec62056PushMeter
from gateway_agent.meters.mbus import MbusMeter
from gateway_agent.meters.mbus_line import MbusSerialLink, MbusTcpLink
from gateway_agent.meters.modbus import ModbusMeter
from gateway_agent.meters.modbus_link import ModbusLink, rtu_link, tcp_link
from gateway_agent.meters.sml import SmlMeter
from gateway_agent.meters.sunspec import SunSpecMeter
from gateway_agent.profiles import ModbusProfile, SmlProfile, SunSpecProfile
from gateway_agent.sampler import PollMeter, PushMeter
from gateway_agent.settings_meter import (
    D0Settings,
    DlmsPushSettings,
    MbusSerialSettings,
    MbusTcpSettings,
    MeterSettings,
    ModbusRtuSettings,
    ModbusTcpSettings,
    PlainPushSettings,
)

PolledMeter = ModbusMeter | SunSpecMeter | MbusMeter | Iec62056Meter
PushingMeter = DlmsPushMeter | Iec62056PushMeter | SmlMeter | DsmrP1Meter
Meter = PolledMeter | PushingMeter


def meter_of(settings: MeterSettings, zone: str) -> Meter:
    """The meter that the settings name; nothing is opened yet. `zone` serves meters that send no deviation from UTC."""
    match settings:
        case ModbusTcpSettings(profile, host, port, unit):
            return _on_modbus(profile, tcp_link(host, port, unit))
        case ModbusRtuSettings(profile, path, unit, baud, bits, echo):
            return _on_modbus(profile, rtu_link(path, unit, baud, bits, echo=echo))
        case MbusSerialSettings(profile, path, baud, address):
            return MbusMeter(profile, MbusSerialLink(path, baud, profile.format), address)
        case MbusTcpSettings(profile, host, port, baud, address):
            return MbusMeter(profile, MbusTcpLink(host, port, baud), address)
        case D0Settings(profile, path, address):
            if profile.mode == "push":
                return Iec62056PushMeter(profile, path, zone)
            return Iec62056Meter(profile, path, zone, address)
        case PlainPushSettings(profile, path):
            return SmlMeter(profile, path) if isinstance(profile, SmlProfile) else DsmrP1Meter(profile, path, zone)
        case DlmsPushSettings(profile, path, key, auth_key):
            return DlmsPushMeter(profile, path, key, zone, auth_key)


def rerouted(settings: MeterSettings, *, port: str = "", tcp_port: int = 0) -> MeterSettings:
    """The same meter behind another serial port, or behind a port of this machine."""
    match settings:
        case ModbusTcpSettings() | MbusTcpSettings():
            return replace(settings, host="127.0.0.1", port=tcp_port)
        case _:
            return replace(settings, port=port)


def as_polled(meter: Meter) -> PollMeter | None:
    """`meter` if it answers when asked."""
    return meter if isinstance(meter, PolledMeter) else None


def as_pushing(meter: Meter) -> PushMeter | None:
    """`meter` if it talks by itself."""
    return meter if isinstance(meter, PushingMeter) else None


def close_meter(meter: Meter) -> None:
    """Hang up, where there is a connection."""
    if isinstance(meter, ModbusMeter | SunSpecMeter | MbusMeter):
        meter.close()


def _on_modbus(profile: ModbusProfile | SunSpecProfile, link: ModbusLink) -> ModbusMeter | SunSpecMeter:
    return SunSpecMeter(profile, link) if isinstance(profile, SunSpecProfile) else ModbusMeter(profile, link)
