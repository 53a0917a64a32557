"""The signer's own pinned registry: which chain, contract, sources, devices, shares and requesters it knows.

It is written by a person, approved by two operators (`signer.pinning`), never learned from the backend: what the backend
claims is compared with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from community.attestation.profiles import registers_of
from community.attestation.signatures import check_public_key
from community.errors import FatalError
from community.json_input import parse_json
from contracts.abi import ShareConfig
from contracts.abi import address as contract_address

T = TypeVar("T")
OPERATORS_MIN = 2
SIZE_MAX = 4 << 20


class RegistryError(FatalError):
    """The registry cannot be used. Its text lists every problem, one a line."""


class SigningRole(StrEnum):
    """What the signer's account may do at the issuer. One account has one role."""

    SETTLER = "settler"
    CORRECTOR = "corrector"


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings for one transaction, whatever the backend asks for, and for a day's fees and debts where they are given."""

    gas_max: int
    max_fee_wei_max: int
    tip_wei_max: int
    fee_wei_per_day_max: int | None = None
    debt_wh_per_day_max: int | None = None


@dataclass(frozen=True, slots=True)
class LegacyMeter:
    """What opens the telegrams of a source whose device signs enciphered meter frames: the meter's key and time zone."""

    meter_key: bytes
    zone: str


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
    legacy: LegacyMeter | None = None
    share_tokens: int | None = None
    """Number of its share tokens, where these decide the table on chain and nobody else can (EnergyIssuer.followShares)."""
    epoch_number: int = 0
    """How often its register began anew, as another meter's: from 1 on a part of each issuance's name."""

    def pays_by(self, config: ShareConfig) -> bool:
        """Whether this is a pinned table; or, where share tokens decide, one that they can show: their contract has but one."""
        if config in self.share_tables:
            return True
        key, holders = self.device_public_key, [holder.lower() for holder in config.holders]
        rising = all(earlier < later for earlier, later in pairwise(holders))
        is_of_device = config.key_x + config.key_y == key[1:]
        return is_of_device and rising and sum(config.weights) == self.share_tokens

    @property
    def epoch(self) -> str:
        """Names the register whose values follow each other: with a new key another one begins, as in the contract."""
        register = registers_of(self.profile)[self.channel]
        return f"{self.device_eui}/{self.device_public_key.hex()}/{register}"


@dataclass(frozen=True, slots=True)
class PinnedAttestation:
    """A register value that two operators vouch for, with the SHA-256 (0x hex) of the document that proves it."""

    source_ref: str
    register_wh: int
    read_at: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything pinned. `operators` approve the next one; `reverted_nonces` did nothing on chain, as operators saw."""

    revision: int
    previous: str | None
    operators: Mapping[str, bytes]
    chain_id: int
    issuer: str
    role: SigningRole
    limits: Limits
    sources: Mapping[str, PinnedSource]
    requesters: Mapping[str, bytes]
    attestations: frozenset[PinnedAttestation] = frozenset()
    reverted_nonces: frozenset[int] = frozenset()


_TOP = ("revision", "previous", "operators", "chain_id", "issuer", "signing_role", "limits", "requesters", "sources")
_OPTIONAL = ("attestations", "reverted_nonces")
_CEILINGS = ("gas_max", "max_fee_wei_max", "tip_wei_max")
_CEILINGS_PER_DAY = {"fee_wei_per_day_max": (1 << 256) - 1, "debt_wh_per_day_max": (1 << 63) - 1}
"""With the most that each may be: ten coins are more wei than 63 bits hold."""


def parse_registry(text: str) -> Registry:
    """The registry that `text` (JSON) describes. Raises RegistryError with all its problems."""
    try:
        content = parse_json(text, size_max=SIZE_MAX, depth_max=8)
    except ValueError as error:
        raise RegistryError(f"The registry is no JSON: {error}") from error
    reader = _Reader()
    top = reader.fields(content, "the registry", (*_TOP, *_OPTIONAL))
    ceilings = reader.fields(top.get("limits"), "limits", (*_CEILINGS, *_CEILINGS_PER_DAY))
    sources = [_source(reader, entry, f"sources[{at}]") for at, entry in enumerate(reader.entries(top, "sources"))]
    registry = Registry(
        revision=reader.integer(top, "the registry", "revision"),
        previous=_previous(reader, top),
        operators=_keys(reader, top, "operators", OPERATORS_MIN),
        chain_id=reader.integer(top, "the registry", "chain_id"),
        issuer=reader.parsed(top, "the registry", "issuer", contract_address, "0x" + "00" * 20),
        role=reader.parsed(
            {"signing_role": "settler"} | top, "the registry", "signing_role", _role, SigningRole.SETTLER
        ),
        limits=Limits(
            *(reader.integer(ceilings, "limits", name) for name in _CEILINGS),
            *(
                reader.integer(ceilings, "limits", name, high=high) if name in ceilings else None
                for name, high in _CEILINGS_PER_DAY.items()
            ),
        ),
        sources={source.source_ref: source for source in sources},
        requesters=_keys(reader, top, "requesters", 1),
        attestations=frozenset(
            _attestation(reader, entry, f"attestations[{at}]")
            for at, entry in enumerate((top.get("attestations") and reader.entries(top, "attestations")) or ())
        ),
        reverted_nonces=_nonces(reader, top.get("reverted_nonces", [])),
    )
    if len(registry.sources) != len(sources):
        reader.note("a source_ref stands twice: each source has one entry with all its share tables")
    if reader.problems:
        listed = "\n".join(f"  - {problem}" for problem in reader.problems)
        raise RegistryError(f"The registry cannot be used:\n{listed}")
    return registry


def _previous(reader: "_Reader", top: Mapping[str, Any]) -> str | None:
    if top.get("previous") is None:
        return None
    return reader.parsed(top, "the registry", "previous", lambda text: _octets(text, 32).hex(), "")


def _role(text: str) -> SigningRole:
    if text not in set(SigningRole):
        raise ValueError(f"must be {' or '.join(SigningRole)}")
    return SigningRole(text)


def _keys(reader: "_Reader", top: Mapping[str, Any], name: str, least: int) -> dict[str, bytes]:
    """Ed25519 public keys by name. Two names with one key would let one person approve as two."""
    found = top.get(name)
    if not isinstance(found, dict) or len(found) < least:
        reader.note(
            f"{name} must name at least {'one' if least == 1 else 'two'} with an Ed25519 public key each (32 bytes, hex)"
        )
        return {}
    keys = {who: reader.parsed(found, name, who, lambda key: _octets(key, 32), bytes(32)) for who in found}
    if len(set(keys.values())) != len(keys):
        reader.note(f"{name}: two names have the same key")
    return keys


def _nonces(reader: "_Reader", found: Any) -> frozenset[int]:
    if not isinstance(found, list) or not all(type(nonce) is int and 0 <= nonce < 1 << 63 for nonce in found):
        reader.note("reverted_nonces must be a list of nonces, whole numbers from 0 on")
        return frozenset()
    return frozenset(found)


_ATTESTATION = ("source_ref", "register_wh", "read_at", "evidence")


def _attestation(reader: "_Reader", entry: Any, where: str) -> PinnedAttestation:
    given = reader.fields(entry, where, _ATTESTATION)
    return PinnedAttestation(
        reader.parsed(given, where, "source_ref", _bytes32, ""),
        reader.integer(given, where, "register_wh", low=0),
        reader.integer(given, where, "read_at", low=0),
        reader.parsed(given, where, "evidence", _bytes32, ""),
    )


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
    "legacy",
    "share_tokens",
    "epoch",
)
_LEGACY = ("meter_key", "zone")


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
        source_ref=reader.parsed(given, where, "source_ref", _bytes32, ""),
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
        legacy=_legacy(reader, given["legacy"], f"{where}.legacy") if "legacy" in given else None,
        share_tokens=reader.integer(given, where, "share_tokens") if "share_tokens" in given else None,
        epoch_number=reader.integer(given, where, "epoch", low=0, high=(1 << 32) - 1) if "epoch" in given else 0,
    )


def _legacy(reader: "_Reader", entry: Any, where: str) -> LegacyMeter:
    given = reader.fields(entry, where, _LEGACY)
    meter_key = reader.parsed(given, where, "meter_key", lambda text: _octets(text, 16), bytes(16))
    return LegacyMeter(meter_key, reader.parsed(given, where, "zone", _zone, "UTC"))


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name} is no IANA time zone, such as Europe/Vienna") from error
    return name


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

    def integer(
        self, value: Mapping[str, Any], where: str, name: str, *, low: int = 1, high: int = (1 << 63) - 1
    ) -> int:
        found = value.get(name)
        if type(found) is not int or not low <= found <= high:
            self.note(f"{where}: {name} must be a whole number of at least {low} and at most {high}")
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


def _bytes32(text: str) -> str:
    return "0x" + _octets(text, 32).hex()


def _octets(text: str, size: int) -> bytes:
    data = bytes.fromhex(text.removeprefix("0x"))
    if len(data) != size:
        raise ValueError(f"{size} bytes in hex are wanted, not {len(data)}")
    return data
