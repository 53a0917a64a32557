"""The signer's own pinned registry: which chain, contract, sources, devices, shares and requesters it knows.

It is written by a person on the signer's host (`python -m signer registry pin`), never learned from the backend: what the
backend claims is compared with it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from community.attestation.profiles import registers_of
from community.attestation.signatures import check_public_key
from community.errors import FatalError
from contracts.abi import ShareConfig
from contracts.abi import address as contract_address

REGISTRY_FILE = "registry.json"
T = TypeVar("T")


class RegistryError(FatalError):
    """The registry cannot be used. Its text lists every problem, one a line."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings for one transaction, whatever the backend asks for."""

    gas_max: int
    max_fee_wei_max: int
    tip_wei_max: int


@dataclass(frozen=True, slots=True)
class PinnedSource:
    """What the signer knows of one energy source."""

    source_ref: str
    device_eui: str
    device_public_key: bytes
    profile: int
    channel: int
    nameplate_w: int
    opening_register_wh: int
    opening_at: int
    wh_per_day_max: int
    share_tables: tuple[ShareConfig, ...]


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything pinned."""

    chain_id: int
    issuer: str
    limits: Limits
    sources: Mapping[str, PinnedSource]
    requesters: Mapping[str, bytes]


def load_registry(folder: Path) -> Registry:
    """The registry in the signer's folder. Raises RegistryError."""
    path = folder / REGISTRY_FILE
    try:
        text = path.read_text()
    except OSError as error:
        raise RegistryError(
            f"{path} cannot be read ({error.strerror}). Pin one with `python -m signer registry pin --file x.json`."
        ) from error
    return parse_registry(text)


def pin_registry(folder: Path, text: str) -> Registry:
    """Check `text` completely and make it the registry, in one step. Raises RegistryError."""
    registry = parse_registry(text)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"{REGISTRY_FILE}.new"
    draft.write_text(text)
    draft.replace(folder / REGISTRY_FILE)
    return registry


def parse_registry(text: str) -> Registry:
    """The registry that `text` (JSON) describes. Raises RegistryError with all its problems."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise RegistryError(f"The registry is no JSON: {error}") from error
    reader = _Reader()
    top = reader.fields(content, "the registry", ("chain_id", "issuer", "limits", "sources", "requesters"))
    ceilings = reader.fields(top.get("limits"), "limits", ("gas_max", "max_fee_wei_max", "tip_wei_max"))
    limits = Limits(
        *(reader.integer(ceilings, "limits", name) for name in ("gas_max", "max_fee_wei_max", "tip_wei_max"))
    )
    sources = [_source(reader, entry, f"sources[{at}]") for at, entry in enumerate(reader.entries(top, "sources"))]
    requesters = top.get("requesters")
    if not isinstance(requesters, dict) or not requesters:
        reader.note("requesters must name at least one requester with its Ed25519 public key")
        requesters = {}
    registry = Registry(
        chain_id=reader.integer(top, "the registry", "chain_id"),
        issuer=reader.parsed(top, "the registry", "issuer", contract_address, "0x" + "00" * 20),
        limits=limits,
        sources={source.source_ref: source for source in sources},
        requesters={
            name: reader.parsed(requesters, "requesters", name, lambda key: _octets(key, 32), bytes(32))
            for name in requesters
        },
    )
    if len(registry.sources) != len(sources):
        reader.note("a source_ref stands twice: each source has one entry with all its share tables")
    if reader.problems:
        listed = "\n".join(f"  - {problem}" for problem in reader.problems)
        raise RegistryError(f"The registry cannot be used:\n{listed}")
    return registry


_SOURCE = (
    "source_ref",
    "device_eui",
    "device_public_key",
    "profile",
    "channel",
    "nameplate_w",
    "opening_register_wh",
    "opening_at",
    "wh_per_day_max",
    "share_tables",
)


def _source(reader: "_Reader", entry: Any, where: str) -> PinnedSource:
    given = reader.fields(entry, where, _SOURCE)
    key = reader.parsed(given, where, "device_public_key", lambda text: check_public_key(_octets(text, 65)), bytes(65))
    profile, channel = reader.integer(given, where, "profile"), reader.integer(given, where, "channel", low=0)
    try:
        if profile and channel >= len(registers_of(profile)):
            reader.note(f"{where}: profile {profile} has no channel {channel}")
    except ValueError as error:
        reader.note(f"{where}: {error}")
    return PinnedSource(
        source_ref=reader.parsed(given, where, "source_ref", lambda text: "0x" + _octets(text, 32).hex(), ""),
        device_eui=reader.parsed(given, where, "device_eui", lambda text: _octets(text, 8).hex(), ""),
        device_public_key=key,
        profile=profile,
        channel=channel,
        nameplate_w=reader.integer(given, where, "nameplate_w"),
        opening_register_wh=reader.integer(given, where, "opening_register_wh", low=0),
        opening_at=reader.integer(given, where, "opening_at", low=0),
        wh_per_day_max=reader.integer(given, where, "wh_per_day_max"),
        share_tables=tuple(
            table
            for at, one in enumerate(reader.entries(given, "share_tables", where))
            if (table := _share_table(reader, one, f"{where}.share_tables[{at}]", key)) is not None
        ),
    )


def _share_table(reader: "_Reader", entry: Any, where: str, key: bytes) -> ShareConfig | None:
    """A table of holders and weights; its hash must be the one written beside it, as committed on chain."""
    given = reader.fields(entry, where, ("holders", "weights", "config_hash"))
    try:
        config = ShareConfig(key[1:33], key[33:], tuple(given["holders"]), tuple(given["weights"]))
        if config.hash() != _octets(given["config_hash"], 32):
            reader.note(f"{where}: config_hash is not the hash of this table and key; it is 0x{config.hash().hex()}")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reader.note(f"{where}: {error}")
        return None
    return config


class _Reader:
    """Reads JSON values and notes every problem, so that one look shows them all."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def note(self, problem: str) -> None:
        self.problems.append(problem)

    def fields(self, value: Any, where: str, names: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.note(f"{where} must be an object with {', '.join(names)}")
            return {}
        for unknown in sorted(set(value) - set(names)):
            self.note(f"{where}: {unknown} is not known; is it misspelt?")
        return value

    def entries(self, value: Mapping[str, Any], name: str, where: str = "the registry") -> list[Any]:
        found = value.get(name)
        if not isinstance(found, list) or not found:
            self.note(f"{where}: {name} must be a list with at least one entry")
            return []
        return found

    def integer(self, value: Mapping[str, Any], where: str, name: str, *, low: int = 1) -> int:
        found = value.get(name)
        if type(found) is not int or not low <= found < 1 << 63:
            self.note(f"{where}: {name} must be a whole number of at least {low}")
            return low
        return found

    def parsed(self, value: Mapping[str, Any], where: str, name: str, parse: Callable[[str], T], default: T) -> T:
        found = value.get(name)
        if not isinstance(found, str):
            self.note(f"{where}: {name} is missing or no text")
            return default
        try:
            return parse(found)
        except ValueError as error:
            self.note(f"{where}: {name}: {error}")
            return default


def _octets(text: str, size: int) -> bytes:
    data = bytes.fromhex(text.removeprefix("0x"))
    if len(data) != size:
        raise ValueError(f"{size} bytes in hex are wanted, not {len(data)}")
    return data
