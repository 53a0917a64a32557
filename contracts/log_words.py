"""Logs cut into words: what JSON-RPC answers, `0x` and hexadecimal digits. Everything here raises ValueError."""

import re
from collections.abc import Sequence
from typing import Final

from eth_utils.crypto import keccak

WORD: Final = 64
"""Hexadecimal digits of one 32-byte word."""
_HEX: Final = re.compile(r"0x[0-9a-fA-F]*")
"""int() alone would take signs, spaces and underscores for part of a number."""


def topic(signature: str) -> str:
    """The first topic of an event, such as `Transfer(address,address,uint256)`."""
    return "0x" + keccak(text=signature).hex()


def expect(topics: Sequence[str], data: str, wanted: str, *, topics_count: int, words: int) -> None:
    """Refuse a log that is not named `wanted` or has not this many topics and 32-byte words of data."""
    if not topics or topics[0].lower() != wanted:
        raise ValueError(f"not the expected log: topic {topics[0] if topics else 'missing'} instead of {wanted}")
    if len(topics) != topics_count or any(len(one) != 2 + WORD for one in topics):
        raise ValueError(f"a log {wanted} has {topics_count} topics of 32 bytes")
    if len(data) != 2 + words * WORD:
        raise ValueError(f"a log {wanted} has {words} words of data, got {len(data)} characters")
    if not all(_HEX.fullmatch(one) for one in (*topics, data)):
        raise ValueError(f"a log {wanted} must be hexadecimal digits after 0x")


def word(data: str, index: int) -> str:
    """Word number `index` of the data, as it stands."""
    start = 2 + index * WORD
    return "0x" + data[start : start + WORD].lower()


def number(data: str, index: int, bits: int) -> int:
    """Word number `index` of the data as an unsigned integer of `bits` bits."""
    start = 2 + index * WORD
    value = int(data[start : start + WORD], 16)
    if value >> bits:
        raise ValueError(f"word {index} of a log does not fit into {bits} bits")
    return value


def address(indexed: str) -> str:
    """The address in a topic."""
    if indexed[2:26].strip("0"):
        raise ValueError(f"not an address in a log: {indexed}")
    return "0x" + indexed[26:].lower()
