"""`profiles list|show|check`: the data files by which meters are read."""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from importlib import resources
from pathlib import Path

from gateway_agent.cli_text import Terminal, Write
from gateway_agent.profiles import load_profile, parse_profile, profile_names


def list_profiles(write: Write) -> None:
    """Every profile that comes with the agent."""
    out = Terminal.around(write)
    rows = []
    for name in profile_names():
        profile = load_profile(name)
        rows.append((name, protocol_of(name), profile.source))
    out.table(("profile", "protocol", "after"), rows)
    out.document([{"profile": name, "protocol": protocol, "source": source} for name, protocol, source in rows])


def show_profile(name: str, write: Write) -> None:
    """One profile as it is on disk, after judging it. Raises ProfileError."""
    out = Terminal.around(write)
    profile = load_profile(name)
    out.line(profile_text(name).rstrip())
    out.document({field.name: _plain(getattr(profile, field.name)) for field in fields(profile)})


def check_profile(path: Path, write: Write) -> None:
    """Judge a profile that somebody writes. Raises ProfileError with every fault, OSError."""
    out = Terminal.around(write)
    parse_profile(path.read_text("utf-8"), path.stem)
    out.line(f"{path} is a profile that can be used")
    out.document({"ok": True, "profile": path.stem})


def profile_text(name: str) -> str:
    """The file of profile `name`."""
    return resources.files("gateway_agent.profiles").joinpath(f"{name}.toml").read_text("utf-8")


def protocol_of(name: str) -> str:
    """What profile `name` says of its protocol."""
    for line in profile_text(name).splitlines():
        if line.startswith("protocol"):
            return line.partition("=")[2].strip().strip('"')
    return ""


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
