"""Calls of the share tokens, and of the issuer that follows them, as bytes. Pure, like `abi`; logs stand in `logs`.

A source id is 32 bytes and, read as an integer, the id of its ERC-1155 token type. Instants are Unix seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from contracts.artifacts import load
from contracts.calls import call, strictly
from contracts.values import (
    CONFIG_TYPE,
    HOLDERS_MAX,
    WEIGHT_MAX,
    ShareConfig,
    address,
    exactly,
    unsigned,
)

INTERVAL_S = 900
PERIOD_S_MAX = 31 * 86_400


@dataclass(frozen=True, slots=True)
class FollowingState:
    """Whether a source follows share tokens, the instant whose shares are committed, and until when it is bridged."""

    follows: bool
    table_at: int
    bridged_to: int


def encode_deploy_shares(uri: str, period_s: int, admin: str, admin_delay_s: int) -> bytes:
    """Creation code of the share tokens. Transfers count from the next multiple of `period_s` on.

    Raises ValueError if the period is not 1 to 2976 whole quarter-hours.
    """
    if not 0 < period_s <= PERIOD_S_MAX or period_s % INTERVAL_S:
        raise ValueError(f"the period must be a multiple of 900 s and at most 31 days, got {period_s} s")
    values = (uri, period_s, unsigned("admin_delay_s", admin_delay_s, 48), address(admin))
    return load("EnergyShares").bytecode + encode(["string", "uint48", "uint48", "address"], values)


def share_config(key_x: bytes, key_y: bytes, shares: Mapping[str, int]) -> ShareConfig:
    """The one table that stands for these shares: everyone who has some, in ascending order of address."""
    table = sorted((address(holder), count) for holder, count in shares.items() if count)
    return ShareConfig(key_x, key_y, tuple(holder for holder, _ in table), tuple(count for _, count in table))


# --- share tokens


def encode_create(source_id: bytes, supply: int, treasury: str) -> bytes:
    """Call data of `create`: `supply` shares of a source, all of them the treasury's."""
    if not 1 <= supply <= WEIGHT_MAX:
        raise ValueError(f"a source has 1 to 2^64 - 1 shares, got {supply}")
    values = (exactly("source_id", source_id, 32), supply, address(treasury))
    return call("create", ("bytes32", "uint64", "address"), values)


def encode_safe_transfer(sender: str, recipient: str, source_id: bytes, count: int) -> bytes:
    """Call data of `safeTransferFrom` of `count` shares."""
    token_id = int.from_bytes(exactly("source_id", source_id, 32), "big")
    values = (address(sender), address(recipient), token_id, unsigned("count", count, 256), b"")
    return call("safeTransferFrom", ("address", "address", "uint256", "uint256", "bytes"), values)


def encode_safe_batch_transfer(sender: str, recipient: str, shares: Sequence[tuple[bytes, int]]) -> bytes:
    """Call data of `safeBatchTransferFrom` of shares of several sources, all or none."""
    ids = [int.from_bytes(exactly("source_id", source_id, 32), "big") for source_id, _ in shares]
    counts = [unsigned("count", count, 256) for _, count in shares]
    types = ("address", "address", "uint256[]", "uint256[]", "bytes")
    return call("safeBatchTransferFrom", types, (address(sender), address(recipient), ids, counts, b""))


def encode_share_balance(holder: str, source_id: bytes) -> bytes:
    """Call data of `balanceOf`, the shares held now; `abi.decode_uint` reads the answer."""
    token_id = int.from_bytes(exactly("source_id", source_id, 32), "big")
    return call("balanceOf", ("address", "uint256"), (address(holder), token_id))


def encode_supply_of(source_id: bytes) -> bytes:
    """Call data of `supplyOf`, zero if the source has no share tokens; `abi.decode_uint` reads the answer."""
    return call("supplyOf", ("bytes32",), (exactly("source_id", source_id, 32),))


def encode_shares_at(source_id: bytes, holder: str, instant: int) -> bytes:
    """Call data of `sharesAt`, the shares that count at an instant that has come; `abi.decode_uint` reads the answer."""
    values = (exactly("source_id", source_id, 32), address(holder), unsigned("instant", instant, 48))
    return call("sharesAt", ("bytes32", "address", "uint48"), values)


def encode_next_change(source_id: bytes, instant: int) -> bytes:
    """Call data of `nextChange`, zero if no other shares count later; `abi.decode_uint` reads the answer."""
    values = (exactly("source_id", source_id, 32), unsigned("instant", instant, 48))
    return call("nextChange", ("bytes32", "uint48"), values)


def encode_period() -> bytes:
    """Call data of `periodS`, the seconds between two boundaries; `abi.decode_uint` reads the answer."""
    return call("periodS")


# --- issuer


def encode_shares() -> bytes:
    """Call data of the issuer's `shares`; the answer is an address, right-aligned in 32 bytes, or zero."""
    return call("shares")


def encode_follow_shares(source_id: bytes, config: ShareConfig) -> bytes:
    """Call data of `followShares`; `config` is what `share_config` makes of the shares at the last settled reading."""
    values = (exactly("source_id", source_id, 32), config.as_tuple())
    return call("followShares", ("bytes32", CONFIG_TYPE), values)


def encode_bridge_shares(source_id: bytes, until: int, evidence: bytes) -> bytes:
    """Call data of `bridgeShares`: no reading exists at the change of shares, as `evidence` (a hash) shows."""
    values = (exactly("source_id", source_id, 32), unsigned("until", until, 40), exactly("evidence", evidence, 32))
    return call("bridgeShares", ("bytes32", "uint40", "bytes32"), values)


def encode_following(source_id: bytes) -> bytes:
    """Call data of `following`; `decode_following` reads the answer."""
    return call("following", ("bytes32",), (exactly("source_id", source_id, 32),))


def decode_following(data: bytes) -> FollowingState:
    """The answer to `following`. Raises ValueError if it is something else."""
    return FollowingState(*strictly("a following state", ("bool", "uint40", "uint40"), data))


__all__ = [
    "HOLDERS_MAX",
    "INTERVAL_S",
    "FollowingState",
    "decode_following",
    "encode_bridge_shares",
    "encode_create",
    "encode_deploy_shares",
    "encode_follow_shares",
    "encode_following",
    "encode_next_change",
    "encode_period",
    "encode_safe_batch_transfer",
    "encode_safe_transfer",
    "encode_share_balance",
    "encode_shares",
    "encode_shares_at",
    "encode_supply_of",
    "share_config",
]
