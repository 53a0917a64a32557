"""Values that calls to the issuer carry, validated as the contract validates them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.crypto import keccak

MODE_DEVICE = 1
"""The device's P-256 signature is verified by the contract."""
MODE_ATTESTED = 2
"""The evidence was verified off chain; the contract records its hash."""
HOLDERS_MAX = 500
WEIGHT_MAX = 2**64 - 1
UNITS_PER_WH = 10**15
CONFIG_TYPE = "(bytes32,bytes32,address[],uint256[])"
EVIDENCE_TYPE = "(bytes,bytes32,bytes32,bytes,bytes32[],uint256)"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
ZERO_ADDRESS = "0x" + "00" * 20


def address(text: str) -> str:
    """A contract or account address in the one form used here, 0x and 40 lower case digits. Raises ValueError."""
    lower = text.lower()
    if not _ADDRESS.fullmatch(lower):
        raise ValueError(f"not an address: {text!r}; give 0x and 40 hexadecimal digits")
    return lower


def exactly(name: str, value: bytes, size: int) -> bytes:
    """`value`, if it is `size` bytes long. Raises ValueError."""
    if len(value) != size:
        raise ValueError(f"{name} must be {size} bytes, got {len(value)}")
    return value


def unsigned(name: str, value: int, bits: int) -> int:
    """`value`, if it fits into `bits` bits. Raises ValueError."""
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{name} must be from 0 to 2^{bits} - 1, got {value}")
    return value


def low_s(s: bytes) -> bytes:
    """The lower one of s and N - s of a P-256 signature, big-endian 32 bytes; the contract refuses the higher one.

    Raises ValueError if s is not in 1 to N - 1.
    """
    value = int.from_bytes(exactly("s", s, 32), "big")
    if not 0 < value < P256_ORDER:
        raise ValueError("s of a P-256 signature must be from 1 to N - 1; the signature is damaged")
    return min(value, P256_ORDER - value).to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class ShareConfig:
    """Device key and shares of a source, as committed by hash: holder i gets weights[i] / sum(weights).

    Order matters, the last holder takes the remainder of a split. Raises ValueError for what the contract would refuse.
    """

    key_x: bytes
    key_y: bytes
    holders: tuple[str, ...]
    weights: tuple[int, ...]

    def __post_init__(self) -> None:
        exactly("key_x", self.key_x, 32)
        exactly("key_y", self.key_y, 32)
        object.__setattr__(self, "holders", tuple(address(holder) for holder in self.holders))
        if not 1 <= len(self.holders) <= HOLDERS_MAX:
            raise ValueError(f"a source has 1 to {HOLDERS_MAX} holders, got {len(self.holders)}")
        if len(self.weights) != len(self.holders):
            raise ValueError(f"{len(self.holders)} holders need as many weights, got {len(self.weights)}")
        if ZERO_ADDRESS in self.holders:
            raise ValueError("the zero address cannot hold a share")
        if not all(1 <= weight <= WEIGHT_MAX for weight in self.weights):
            raise ValueError("every weight must be from 1 to 2^64 - 1; leave out a holder without a share")

    def as_tuple(self) -> tuple[bytes, bytes, tuple[str, ...], tuple[int, ...]]:
        """The fields in the order of the contract's struct."""
        return (self.key_x, self.key_y, self.holders, self.weights)

    def hash(self) -> bytes:
        """keccak256(abi.encode(config)), what the contract commits to; 32 bytes."""
        return keccak(encode([CONFIG_TYPE], [self.as_tuple()]))

    def split(self, minted_wh: int) -> tuple[int, ...]:
        """Base units per holder of a settlement, in order and with the contract's rounding; their sum is exact."""
        whole = unsigned("minted_wh", minted_wh, 64) * UNITS_PER_WH
        total = sum(self.weights)
        parts = [whole * weight // total for weight in self.weights[:-1]]
        return (*parts, whole - sum(parts))


def config_hash(public_key: bytes, holders: Sequence[str], weights: Sequence[int]) -> str:
    """The hash of a share table with a device's key (65 bytes, SEC 1), as the issuer contract commits to it; 0x hex."""
    return "0x" + ShareConfig(public_key[1:33], public_key[33:], tuple(holders), tuple(weights)).hash().hex()


@dataclass(frozen=True, slots=True)
class SettleEvidence:
    """A signed statement and the proof of one reading in it (wire format 2.2).

    `statement` is the COSE Sig_structure, r and s are 32 bytes each with s in its lower form (`low_s`), `leaf` is the
    leaf input, `path` the RFC 9162 inclusion path. Raises ValueError if a size is wrong.
    """

    statement: bytes
    r: bytes
    s: bytes
    leaf: bytes
    path: tuple[bytes, ...]
    leaf_index: int

    def __post_init__(self) -> None:
        exactly("r", self.r, 32)
        exactly("s", self.s, 32)
        for node in self.path:
            exactly("a path node", node, 32)
        unsigned("leaf_index", self.leaf_index, 256)

    def as_tuple(self) -> tuple[bytes, bytes, bytes, bytes, tuple[bytes, ...], int]:
        """The fields in the order of the contract's struct."""
        return (self.statement, self.r, self.s, self.leaf, self.path, self.leaf_index)


@dataclass(frozen=True, slots=True)
class AttestedSettlement:
    """Arguments of `settleAttested`: a register value in Wh, its instant in Unix seconds, the hash of the evidence."""

    source_id: bytes
    register_wh: int
    read_at: int
    evidence: bytes
    config: ShareConfig

    def __post_init__(self) -> None:
        exactly("source_id", self.source_id, 32)
        unsigned("register_wh", self.register_wh, 64)
        unsigned("read_at", self.read_at, 40)
        exactly("evidence", self.evidence, 32)


@dataclass(frozen=True, slots=True)
class SourceSetup:
    """Arguments of `configure`: device and register of a source, its nameplate power, where counting starts, shares.

    `channel` is the register's position in the profile: 1 = [1.8.0], 2 = [1.8.0, 2.8.0], 3 = [2.8.0].
    """

    source_id: bytes
    device_id: bytes
    profile: int
    channel: int
    max_watt: int
    start_register_wh: int
    start_read_at: int
    mode: int
    config: ShareConfig

    def __post_init__(self) -> None:
        exactly("source_id", self.source_id, 32)
        exactly("device_id", self.device_id, 8)
        if (self.profile, self.channel) not in {(1, 0), (2, 0), (2, 1), (3, 0)}:
            raise ValueError(f"profile {self.profile} has no channel {self.channel}")
        if self.mode not in (MODE_DEVICE, MODE_ATTESTED):
            raise ValueError(f"mode must be {MODE_DEVICE} (device) or {MODE_ATTESTED} (attested), got {self.mode}")
        if unsigned("max_watt", self.max_watt, 32) == 0:
            raise ValueError("a source needs a nameplate power in watt")
        unsigned("start_register_wh", self.start_register_wh, 64)
        unsigned("start_read_at", self.start_read_at, 40)


@dataclass(frozen=True, slots=True)
class SettlePreview:
    """What a settlement would do now: Wh from and to, instant in Unix seconds, Wh minted, base units per holder."""

    from_wh: int
    to_wh: int
    read_at: int
    minted_wh: int
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SourceState:
    """State of a source on chain; `mode` 0 means that the contract does not know it."""

    register_wh: int
    read_at: int
    seq: int
    max_watt: int
    debt_wh: int
    mode: int
    active: bool
