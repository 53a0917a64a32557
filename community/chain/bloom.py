"""The Bloom filter over a block's logs (Ethereum yellow paper, 4.3.1): it never misses what is there."""

from collections.abc import Iterable
from functools import lru_cache, reduce
from operator import or_

from eth_utils.crypto import keccak

from community.chain.blocks import BLOOM_SIZE

_BITS = 2047


@lru_cache(maxsize=65_536)
def _mask(item: bytes) -> int:
    digest = keccak(item)
    mask = 0
    for at in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[at : at + 2], "big") & _BITS)
    return mask


def may_contain(bloom: bytes, item: bytes) -> bool:
    """Whether logs with this address (20 bytes) or topic (32 bytes) may be in the block. False is certain."""
    mask = _mask(item)
    return int.from_bytes(bloom, "big") & mask == mask


class _Masks(dict[str, int]):
    """Masks by hexadecimal text, each made once: looking up is four times as fast as a cached function."""

    _COUNT_MAX = 1 << 17

    def __missing__(self, item: str) -> int:
        if len(self) >= self._COUNT_MAX:
            self.clear()
        mask = self[item] = _mask(bytes.fromhex(item[2:]))
        return mask


_masks = _Masks()


def bits_of(items: Iterable[str]) -> int:
    """The filter over addresses and topics in 0x hexadecimal, as one number. Raises ValueError for other text."""
    return reduce(or_, map(_masks.__getitem__, items), 0)


def bloom_of(items: Iterable[bytes]) -> bytes:
    """The filter, 256 bytes, over addresses and topics."""
    bits = 0
    for item in items:
        bits |= _mask(item)
    return bits.to_bytes(BLOOM_SIZE, "big")
