"""The [[meter]] part of the configuration: which profile, behind which port or address, with which keys."""

from dataclasses import dataclass, field

from gateway_agent.detection import Framing
from gateway_agent.profiles import (
    DlmsPushProfile,
    DsmrP1Profile,
    Iec62056Profile,
    MbusProfile,
    MeterProfile,
    ModbusProfile,
    ProfileError,
    PushTransport,
    SmlProfile,
    SunSpecProfile,
    load_profile,
    profile_names,
)
from gateway_agent.profiles.modbus_profile import RTU_FORMATS
from gateway_agent.protocols.mbus_address import SecondaryAddress, parse_address
from gateway_agent.settings_table import Table, nearest

_FRAMINGS = {
    PushTransport.HDLC: Framing.DLMS_HDLC,
    PushTransport.MBUS: Framing.DLMS_MBUS,
    PushTransport.RAW: Framing.DLMS_BARE,
    PushTransport.AMIS: Framing.AMIS,
}
PORT_EXAMPLE = "/dev/serial/by-id/usb-..."


@dataclass(frozen=True, slots=True)
class SerialPlace:
    """A meter on a serial line."""

    port: str
    baud: int
    bits: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.port} ({self.baud} {self.bits}){' ' + self.detail if self.detail else ''}"


@dataclass(frozen=True, slots=True)
class TcpPlace:
    """A meter on the network."""

    host: str
    port: int
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}{' ' + self.detail if self.detail else ''}"


Place = SerialPlace | TcpPlace


@dataclass(frozen=True, slots=True)
class ModbusTcpSettings:
    """A meter on Modbus TCP."""

    profile: ModbusProfile | SunSpecProfile
    host: str
    port: int
    unit: int

    @property
    def place(self) -> Place:
        """Where it is."""
        return TcpPlace(self.host, self.port, f"unit {self.unit}")


@dataclass(frozen=True, slots=True)
class ModbusRtuSettings:
    """A meter on Modbus RTU. `echo`: the adapter hears what it sends."""

    profile: ModbusProfile | SunSpecProfile
    port: str
    unit: int
    baud: int
    bits: str
    echo: bool = False

    @property
    def place(self) -> Place:
        """Where it is."""
        return SerialPlace(self.port, self.baud, self.bits, f"unit {self.unit}")


@dataclass(frozen=True, slots=True)
class DlmsPushSettings:
    """A meter that pushes telegrams on a serial port. `key` is the GUEK, `auth_key` the GAK, 16 bytes each."""

    profile: DlmsPushProfile
    port: str
    key: bytes = field(repr=False)
    auth_key: bytes | None = field(default=None, repr=False)

    @property
    def place(self) -> Place:
        """Where it is."""
        return SerialPlace(self.port, self.profile.baud, self.profile.format)


@dataclass(frozen=True, slots=True)
class MbusSerialSettings:
    """A meter on a wired M-Bus behind a level converter."""

    profile: MbusProfile
    port: str
    baud: int
    address: int | SecondaryAddress

    @property
    def place(self) -> Place:
        """Where it is."""
        return SerialPlace(self.port, self.baud, self.profile.format, f"address {self.address}")


@dataclass(frozen=True, slots=True)
class MbusTcpSettings:
    """A meter on a wired M-Bus behind a converter on the network."""

    profile: MbusProfile
    host: str
    port: int
    baud: int
    address: int | SecondaryAddress

    @property
    def place(self) -> Place:
        """Where it is."""
        return TcpPlace(self.host, self.port, f"address {self.address}")


@dataclass(frozen=True, slots=True)
class D0Settings:
    """A meter with IEC 62056-21 readouts on a serial port. `address` is for several meters on one line."""

    profile: Iec62056Profile
    port: str
    address: str = ""

    @property
    def place(self) -> Place:
        """Where it is."""
        return SerialPlace(self.port, self.profile.baud, self.profile.format)


@dataclass(frozen=True, slots=True)
class PlainPushSettings:
    """A meter that pushes SML or P1 telegrams on a serial port."""

    profile: SmlProfile | DsmrP1Profile
    port: str

    @property
    def place(self) -> Place:
        """Where it is."""
        return SerialPlace(self.port, self.profile.baud, self.profile.format)


MeterSettings = (
    ModbusTcpSettings
    | ModbusRtuSettings
    | MbusSerialSettings
    | MbusTcpSettings
    | DlmsPushSettings
    | D0Settings
    | PlainPushSettings
)


def read_meter(meter: Table) -> MeterSettings | None:
    """What [[meter]] says; None if its profile is not known, which was noted."""
    profile = _profile(meter)
    match profile:
        case None:
            meter.tolerate_all()
            return None
        case DlmsPushProfile():
            auth_key = meter.secret_hex("auth_key_file", 16) if meter.has("auth_key_file") else None
            port = meter.text("port", example=PORT_EXAMPLE)
            return DlmsPushSettings(profile, port, meter.secret_hex("key_file", 16), auth_key)
        case ModbusProfile() | SunSpecProfile():
            return _modbus(meter, profile)
        case MbusProfile():
            return _mbus(meter, profile)
        case Iec62056Profile():
            address = meter.text("address") if meter.has("address") else ""
            return D0Settings(profile, meter.text("port", example=PORT_EXAMPLE), address)
        case SmlProfile() | DsmrP1Profile():
            return PlainPushSettings(profile, meter.text("port", example=PORT_EXAMPLE))


def _profile(meter: Table) -> MeterProfile | None:
    name = meter.text("profile", example="at-wiener-netze")
    if name and name not in profile_names():
        remedy = f"{nearest(name, profile_names())} `profiles list` shows all".lstrip()
        meter.note(f"there is no profile {name!r}", key="profile", remedy=remedy)
        return None
    try:
        return load_profile(name) if name else None
    except ProfileError as error:
        meter.note(str(error), key="profile")
        return None


def _modbus(meter: Table, profile: ModbusProfile | SunSpecProfile) -> MeterSettings:
    transport = meter.table("transport")
    usual_unit = profile.units[0] if isinstance(profile, SunSpecProfile) else 1
    if transport.choice("type", None, ("modbus-tcp", "modbus-rtu")) == "modbus-rtu":
        port = transport.text("port", example=PORT_EXAMPLE)
        unit = transport.integer("unit", usual_unit, low=1, high=247)
        baud = transport.integer("baud", profile.line.baud, low=300, high=921_600)
        bits = transport.choice("format", profile.line.format, RTU_FORMATS)
        return ModbusRtuSettings(profile, port, unit, baud, bits, transport.flag("echo"))
    host = transport.text("host", example="192.0.2.10")
    port_number = transport.integer("port", 502, low=1, high=65535)
    return ModbusTcpSettings(profile, host, port_number, transport.integer("unit", usual_unit, low=0, high=247))


def _mbus(meter: Table, profile: MbusProfile) -> MeterSettings:
    transport = meter.table("transport")
    kind = transport.choice("type", None, ("mbus-serial", "mbus-tcp"))
    baud = transport.integer("baud", profile.baud, low=300, high=38_400)
    address = _mbus_address(transport)
    if kind == "mbus-tcp":
        host = transport.text("host", example="192.0.2.10")
        return MbusTcpSettings(profile, host, transport.integer("port", None, low=1, high=65535), baud, address)
    return MbusSerialSettings(profile, transport.text("port", example=PORT_EXAMPLE), baud, address)


def _mbus_address(transport: Table) -> int | SecondaryAddress:
    text = transport.text("address", example="sec:12345678FFFFFFFF")
    try:
        return parse_address(text) if text else 0
    except ValueError as error:
        transport.note(
            f"address {text!r} is none: {error}",
            key="address",
            remedy='Write "1" to "250", or "sec:" and 16 digits; `scan mbus` shows what is there',
        )
        return 0


def expected_framings(meter: MeterSettings) -> frozenset[Framing]:
    """What a line must carry for this meter to be read; empty for one that speaks only when asked."""
    match meter:
        case DlmsPushSettings(profile=profile):
            return frozenset({_FRAMINGS[profile.transport]})
        case D0Settings(profile=profile):
            return frozenset({Framing.IEC_62056_21}) if profile.mode == "push" else frozenset()
        case PlainPushSettings(profile=SmlProfile()):
            return frozenset({Framing.SML})
        case PlainPushSettings():
            return frozenset({Framing.DSMR_P1})
        case _:
            return frozenset()
