"""Blocks as the index knows them: what a header says, and the short name of a block."""

import re
from dataclasses import dataclass
from datetime import datetime

from community.clock import as_utc

BLOOM_SIZE = 256
_HASH = re.compile(r"0x[0-9a-f]{64}")


def block_hash(text: str) -> str:
    """`text` in the one form used here, 0x and 64 lower-case digits. Raises ValueError."""
    lower = text.lower()
    if not _HASH.fullmatch(lower):
        raise ValueError(f"not a block hash: {text!r:.80}")
    return lower


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block's number and hash: what names it."""

    number: int
    hash: str

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(f"block number {self.number} is negative")
        if not _HASH.fullmatch(self.hash):
            raise ValueError(f"not a block hash: {self.hash!r:.80}")


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """What the index uses of a block besides its logs. `bloom` are the 256 bytes of the logs' Bloom filter."""

    ref: BlockRef
    parent_hash: str
    at: datetime
    bloom: bytes
    tx_hashes: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        as_utc(self.at)
        if not _HASH.fullmatch(self.parent_hash):
            raise ValueError(f"not a block hash: {self.parent_hash!r:.80}")
        if len(self.bloom) != BLOOM_SIZE:
            raise ValueError(f"a header's Bloom filter has {BLOOM_SIZE} bytes, not {len(self.bloom)}")

    @property
    def number(self) -> int:
        return self.ref.number

    @property
    def hash(self) -> str:
        return self.ref.hash
