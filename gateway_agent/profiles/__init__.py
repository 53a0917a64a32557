"""Meter profiles: data files that say how a kind of meter is read. No code per meter."""

from gateway_agent.profiles.dlms_profile import DlmsPushProfile, PushTransport
from gateway_agent.profiles.faults import ProfileError
from gateway_agent.profiles.loader import MeterProfile, load_profile, parse_profile, profile_names
from gateway_agent.profiles.mbus_profile import MbusProfile
from gateway_agent.profiles.modbus_profile import ModbusProfile, ModbusValue, RtuLine
from gateway_agent.profiles.sunspec_profile import SunSpecProfile
from gateway_agent.profiles.text_meters import DsmrP1Profile, Iec62056Profile, SmlProfile

__all__ = [
    "DlmsPushProfile",
    "DsmrP1Profile",
    "Iec62056Profile",
    "MbusProfile",
    "MeterProfile",
    "ModbusProfile",
    "ModbusValue",
    "ProfileError",
    "PushTransport",
    "RtuLine",
    "SmlProfile",
    "SunSpecProfile",
    "load_profile",
    "parse_profile",
    "profile_names",
]
