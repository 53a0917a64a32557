"""Reads and judges profile files. Whatever could make the agent write to a meter or misread its energy is refused."""

import tomllib
from importlib import resources

from gateway_agent.profiles.dlms_profile import DlmsPushProfile, parse_dlms_push
from gateway_agent.profiles.faults import Faults, ProfileError
from gateway_agent.profiles.mbus_profile import MbusProfile, parse_mbus
from gateway_agent.profiles.modbus_profile import ModbusProfile, parse_modbus
from gateway_agent.profiles.sunspec_profile import SunSpecProfile, parse_sunspec
from gateway_agent.profiles.text_meters import (
    DsmrP1Profile,
    Iec62056Profile,
    SmlProfile,
    parse_dsmr_p1,
    parse_iec62056,
    parse_sml,
)

_COMMON_KEYS = {"id", "protocol", "source", "verified"}
VERIFIED = ("document", "telegrams", "meter")
"""How well a profile is known: from the maker's document, from recorded telegrams, or from a meter that was read with it."""

MeterProfile = (
    ModbusProfile | MbusProfile | SunSpecProfile | DlmsPushProfile | Iec62056Profile | SmlProfile | DsmrP1Profile
)


def profile_names() -> tuple[str, ...]:
    """The profiles that come with the agent."""
    files = resources.files("gateway_agent.profiles").iterdir()
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in files if entry.name.endswith(".toml")))


def load_profile(name: str) -> MeterProfile:
    """The profile called `name`. Raises ProfileError."""
    if name not in profile_names():
        raise ProfileError(f"there is no profile {name!r}; the known ones are {', '.join(profile_names())}")
    return parse_profile(resources.files("gateway_agent.profiles").joinpath(f"{name}.toml").read_text("utf-8"), name)


def parse_profile(text: str, name: str) -> MeterProfile:
    """The profile in TOML `text`. Raises ProfileError with every fault at once."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"profile {name} is not TOML: {error}") from error
    faults = Faults()
    for key in sorted(_COMMON_KEYS - document.keys()):
        faults.note(f"{key} is missing")
    if document.get("id", name) != name:
        faults.note(f"id is {document['id']!r}, but the profile is called {name!r}")
    if document.get("verified", VERIFIED[0]) not in VERIFIED:
        faults.note(f"verified {document['verified']!r} is not known: {', '.join(VERIFIED)}")
    profile: MeterProfile
    match document.get("protocol"):
        case "modbus":
            profile = parse_modbus(document, name, faults, _COMMON_KEYS)
        case "sunspec":
            profile = parse_sunspec(document, name, faults, _COMMON_KEYS)
        case "mbus":
            profile = parse_mbus(document, name, faults, _COMMON_KEYS)
        case "dlms-push":
            profile = parse_dlms_push(document, name, faults, _COMMON_KEYS)
        case "iec62056-21":
            profile = parse_iec62056(document, name, faults, _COMMON_KEYS)
        case "sml":
            profile = parse_sml(document, name, faults, _COMMON_KEYS)
        case "dsmr-p1":
            profile = parse_dsmr_p1(document, name, faults, _COMMON_KEYS)
        case other:
            known = "modbus, sunspec, mbus, dlms-push, iec62056-21, sml and dsmr-p1 are"
            raise ProfileError(f"profile {name}: protocol {other!r} is not known; {known}")
    faults.raise_any(name)
    return profile
