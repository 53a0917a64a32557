"""Meter profiles: data files that say how a kind of meter is read. No code per meter."""

from gateway_agent.profiles.loader import (
    DlmsPushProfile,
    MeterProfile,
    ModbusProfile,
    ModbusValue,
    ProfileError,
    load_profile,
    parse_profile,
    profile_names,
)

__all__ = [
    "DlmsPushProfile",
    "MeterProfile",
    "ModbusProfile",
    "ModbusValue",
    "ProfileError",
    "load_profile",
    "parse_profile",
    "profile_names",
]
