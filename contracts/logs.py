"""Logs of the contracts as values: cut out of hexadecimal strings, because a general decoder is a hundred times slower.

Topics and data are what JSON-RPC answers, `0x` and hexadecimal digits. In the values, addresses, ids and hashes are
lower case `0x` strings, numbers are integers. Every decoder raises ValueError if the log is not exactly of its form.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_utils.crypto import keccak

WORD: Final = 64
"""Hexadecimal digits of one 32-byte word."""
_HEX: Final = re.compile(r"0x[0-9a-fA-F]*")
"""int() alone would take signs, spaces and underscores for part of a number."""


def _topic(signature: str) -> str:
    return "0x" + keccak(text=signature).hex()


TOPIC_TRANSFER: Final = _topic("Transfer(address,address,uint256)")
TOPIC_RETIRED: Final = _topic("Retired(address,uint256,string)")
TOPIC_SETTLED: Final = _topic("Settled(bytes32,uint32,uint64,uint64,uint40,uint64,uint8,bytes32)")
TOPIC_SOURCE_CONFIGURED: Final = _topic(
    "SourceConfigured(bytes32,bytes32,bytes8,uint8,uint8,uint32,uint8,uint64,uint64,uint40)"
)
TOPIC_CORRECTED: Final = _topic("Corrected(bytes32,uint64,bytes32)")
TOPIC_SOURCE_ACTIVE: Final = _topic("SourceActive(bytes32,bool)")


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
    _expect(topics, data, TOPIC_TRANSFER, topics_count=3, words=1)
    return TransferLog(_address(topics[1]), _address(topics[2]), int(data, 16))


def decode_retired(topics: Sequence[str], data: str) -> RetiredLog:
    """`Retired` of the token; the reason is UTF-8, undecodable bytes are replaced because anybody may write them."""
    if len(data) < 2 + 3 * WORD:
        raise ValueError("not a Retired log: the data is too short")
    length = _number(data, 2, 256)
    _expect(topics, data, TOPIC_RETIRED, topics_count=2, words=3 + (length + 31) // 32)
    if _number(data, 1, 256) != WORD:
        raise ValueError("not a Retired log: the text does not stand where it must")
    start = 2 + 3 * WORD
    reason = bytes.fromhex(data[start : start + 2 * length]).decode("utf-8", errors="replace")
    return RetiredLog(_address(topics[1]), _number(data, 0, 256), reason)


def decode_settled(topics: Sequence[str], data: str) -> SettledLog:
    """`Settled` of the issuer."""
    _expect(topics, data, TOPIC_SETTLED, topics_count=3, words=6)
    seq = int(topics[2], 16)
    if seq >= 1 << 32:
        raise ValueError("not a Settled log: the sequence number is too large")
    return SettledLog(
        source_id=topics[1].lower(),
        seq=seq,
        from_wh=_number(data, 0, 64),
        to_wh=_number(data, 1, 64),
        read_at=_number(data, 2, 40),
        minted_wh=_number(data, 3, 64),
        mode=_number(data, 4, 8),
        evidence=_word(data, 5),
    )


def decode_source_configured(topics: Sequence[str], data: str) -> SourceConfiguredLog:
    """`SourceConfigured` of the issuer."""
    _expect(topics, data, TOPIC_SOURCE_CONFIGURED, topics_count=2, words=9)
    device = _word(data, 1)
    if device[18:].strip("0"):
        raise ValueError("not a SourceConfigured log: the device id is longer than 8 bytes")
    return SourceConfiguredLog(
        source_id=topics[1].lower(),
        config_hash=_word(data, 0),
        device_id=device[:18],
        profile=_number(data, 2, 8),
        channel=_number(data, 3, 8),
        max_watt=_number(data, 4, 32),
        mode=_number(data, 5, 8),
        closing_wh=_number(data, 6, 64),
        opening_wh=_number(data, 7, 64),
        read_at=_number(data, 8, 40),
    )


def decode_corrected(topics: Sequence[str], data: str) -> CorrectedLog:
    """`Corrected` of the issuer."""
    _expect(topics, data, TOPIC_CORRECTED, topics_count=2, words=2)
    return CorrectedLog(topics[1].lower(), _number(data, 0, 64), _word(data, 1))


def decode_source_active(topics: Sequence[str], data: str) -> SourceActiveLog:
    """`SourceActive` of the issuer."""
    _expect(topics, data, TOPIC_SOURCE_ACTIVE, topics_count=2, words=1)
    return SourceActiveLog(topics[1].lower(), _number(data, 0, 1) == 1)


def _expect(topics: Sequence[str], data: str, topic: str, *, topics_count: int, words: int) -> None:
    if not topics or topics[0].lower() != topic:
        raise ValueError(f"not the expected log: topic {topics[0] if topics else 'missing'} instead of {topic}")
    if len(topics) != topics_count or any(len(one) != 2 + WORD for one in topics):
        raise ValueError(f"a log {topic} has {topics_count} topics of 32 bytes")
    if len(data) != 2 + words * WORD:
        raise ValueError(f"a log {topic} has {words} words of data, got {len(data)} characters")
    if not all(_HEX.fullmatch(one) for one in (*topics, data)):
        raise ValueError(f"a log {topic} must be hexadecimal digits after 0x")


def _word(data: str, index: int) -> str:
    start = 2 + index * WORD
    return "0x" + data[start : start + WORD].lower()


def _number(data: str, index: int, bits: int) -> int:
    start = 2 + index * WORD
    value = int(data[start : start + WORD], 16)
    if value >> bits:
        raise ValueError(f"word {index} of a log does not fit into {bits} bits")
    return value


def _address(topic: str) -> str:
    if topic[2:26].strip("0"):
        raise ValueError(f"not an address in a log: {topic}")
    return "0x" + topic[26:].lower()
