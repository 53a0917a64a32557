"""The [[meter]] part of the configuration: which profile, behind which port or address, with which keys."""

from dataclasses import dataclass, field
from typing import Literal

from gateway_agent.profiles import DlmsPushProfile, ModbusProfile, ProfileError, load_profile, profile_names
from gateway_agent.settings_table import Table

PORT_EXAMPLE = "/dev/serial/by-id/usb-..."


@dataclass(frozen=True, slots=True)
class ModbusTcpSettings:
    """A meter on Modbus TCP."""

    profile: ModbusProfile
    host: str
    port: int
    unit: int


@dataclass(frozen=True, slots=True)
class DlmsPushSettings:
    """A meter that pushes telegrams on a serial port. `key` is the GUEK, `auth_key` the GAK, 16 bytes each."""

    profile: DlmsPushProfile
    port: str
    key: bytes = field(repr=False)
    auth_key: bytes | None = field(default=None, repr=False)


MeterSettings = ModbusTcpSettings | DlmsPushSettings
Transport = Literal["modbus-tcp"]


def read_meter(meter: Table) -> MeterSettings | None:
    """What [[meter]] says; None if its profile is not known, which was noted."""
    name = meter.text("profile", example="at-wiener-netze")
    if not name:
        return None
    if name not in profile_names():
        meter.tolerate_all()
        meter.note(
            f"there is no profile {name!r}", key="profile", remedy=f"The known ones are {', '.join(profile_names())}"
        )
        return None
    try:
        profile = load_profile(name)
    except ProfileError as error:
        meter.tolerate_all()
        meter.note(str(error), key="profile")
        return None
    match profile:
        case DlmsPushProfile():
            auth_key = meter.secret_hex("auth_key_file", 16) if meter.has("auth_key_file") else None
            return DlmsPushSettings(
                profile, meter.text("port", example=PORT_EXAMPLE), meter.secret_hex("key_file", 16), auth_key
            )
        case ModbusProfile():
            return _modbus(meter, profile)


def _modbus(meter: Table, profile: ModbusProfile) -> MeterSettings:
    transport = meter.table("transport")
    transport.choice("type", None, ("modbus-tcp",))
    host = transport.text("host", example="192.0.2.10")
    port = transport.integer("port", 502, low=1, high=65535)
    return ModbusTcpSettings(profile, host, port, transport.integer("unit", 1, low=0, high=247))
