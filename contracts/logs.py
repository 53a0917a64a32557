"""Logs of the contracts as values: cut out of hexadecimal strings, because a general decoder is a hundred times slower.

Topics and data are what JSON-RPC answers, `0x` and hexadecimal digits. In the values, addresses, ids and hashes are
lower case `0x` strings, numbers are integers. Every decoder raises ValueError if the log is not exactly of its form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.log_words import WORD, address, expect, number, topic, word

TOPIC_TRANSFER: Final = topic("Transfer(address,address,uint256)")
TOPIC_RETIRED: Final = topic("Retired(address,uint256,string)")
TOPIC_SETTLED: Final = topic("Settled(bytes32,uint32,uint64,uint64,uint40,uint64,uint8,bytes32)")
TOPIC_SOURCE_CONFIGURED: Final = topic(
    "SourceConfigured(bytes32,bytes32,bytes8,uint8,uint8,uint32,uint8,uint64,uint64,uint40)"
)
TOPIC_CORRECTED: Final = topic("Corrected(bytes32,uint64,bytes32)")
TOPIC_SOURCE_ACTIVE: Final = topic("SourceActive(bytes32,bool)")


@dataclass(frozen=True, slots=True)
class TransferLog:
    """`amount` base units moved; a mint comes from the zero address, a burn goes to it."""

    sender: str
    recipient: str
    amount: int


@dataclass(frozen=True, slots=True)
class RetiredLog:
    """`holder` destroyed `amount` base units to claim the energy for `reason`."""

    holder: str
    amount: int
    reason: str


@dataclass(frozen=True, slots=True)
class SettledLog:
    """`minted_wh` Wh minted for the register's way from `from_wh` to `to_wh`, read at `read_at` (Unix seconds)."""

    source_id: str
    seq: int
    from_wh: int
    to_wh: int
    read_at: int
    minted_wh: int
    mode: int
    evidence: str


@dataclass(frozen=True, slots=True)
class SourceConfiguredLog:
    """A source's configuration from `read_at` on; the register closed at `closing_wh` and goes on from `opening_wh`."""

    source_id: str
    config_hash: str
    device_id: str
    profile: int
    channel: int
    max_watt: int
    mode: int
    closing_wh: int
    opening_wh: int
    read_at: int


@dataclass(frozen=True, slots=True)
class CorrectedLog:
    """`debt_wh` Wh more are netted from the source's next settlements."""

    source_id: str
    debt_wh: int
    evidence: str


@dataclass(frozen=True, slots=True)
class SourceActiveLog:
    """The source may (not) settle from here on."""

    source_id: str
    active: bool


def decode_transfer(topics: Sequence[str], data: str) -> TransferLog:
    """`Transfer` of the token."""
    expect(topics, data, TOPIC_TRANSFER, topics_count=3, words=1)
    return TransferLog(address(topics[1]), address(topics[2]), int(data, 16))


def decode_retired(topics: Sequence[str], data: str) -> RetiredLog:
    """`Retired` of the token; the reason is UTF-8, undecodable bytes are replaced because anybody may write them."""
    if len(data) < 2 + 3 * WORD:
        raise ValueError("not a Retired log: the data is too short")
    length = number(data, 2, 256)
    expect(topics, data, TOPIC_RETIRED, topics_count=2, words=3 + (length + 31) // 32)
    if number(data, 1, 256) != WORD:
        raise ValueError("not a Retired log: the text does not stand where it must")
    start = 2 + 3 * WORD
    reason = bytes.fromhex(data[start : start + 2 * length]).decode("utf-8", errors="replace")
    return RetiredLog(address(topics[1]), number(data, 0, 256), reason)


def decode_settled(topics: Sequence[str], data: str) -> SettledLog:
    """`Settled` of the issuer."""
    expect(topics, data, TOPIC_SETTLED, topics_count=3, words=6)
    seq = int(topics[2], 16)
    if seq >= 1 << 32:
        raise ValueError("not a Settled log: the sequence number is too large")
    return SettledLog(
        source_id=topics[1].lower(),
        seq=seq,
        from_wh=number(data, 0, 64),
        to_wh=number(data, 1, 64),
        read_at=number(data, 2, 40),
        minted_wh=number(data, 3, 64),
        mode=number(data, 4, 8),
        evidence=word(data, 5),
    )


def decode_source_configured(topics: Sequence[str], data: str) -> SourceConfiguredLog:
    """`SourceConfigured` of the issuer."""
    expect(topics, data, TOPIC_SOURCE_CONFIGURED, topics_count=2, words=9)
    device = word(data, 1)
    if device[18:].strip("0"):
        raise ValueError("not a SourceConfigured log: the device id is longer than 8 bytes")
    return SourceConfiguredLog(
        source_id=topics[1].lower(),
        config_hash=word(data, 0),
        device_id=device[:18],
        profile=number(data, 2, 8),
        channel=number(data, 3, 8),
        max_watt=number(data, 4, 32),
        mode=number(data, 5, 8),
        closing_wh=number(data, 6, 64),
        opening_wh=number(data, 7, 64),
        read_at=number(data, 8, 40),
    )


def decode_corrected(topics: Sequence[str], data: str) -> CorrectedLog:
    """`Corrected` of the issuer."""
    expect(topics, data, TOPIC_CORRECTED, topics_count=2, words=2)
    return CorrectedLog(topics[1].lower(), number(data, 0, 64), word(data, 1))


def decode_source_active(topics: Sequence[str], data: str) -> SourceActiveLog:
    """`SourceActive` of the issuer."""
    expect(topics, data, TOPIC_SOURCE_ACTIVE, topics_count=2, words=1)
    return SourceActiveLog(topics[1].lower(), number(data, 0, 1) == 1)
