"""Drawing what an auditor looks at: by a public seed, so that nobody can choose and everybody can draw again."""

import hashlib
from collections.abc import Iterable

SEED_MIN = 16
"""Characters; a block's hash has 66."""


def draw(seed: str, keys: Iterable[str], count: int) -> list[str]:
    """`count` of `keys`: those with the smallest SHA-256(seed | 0x1f | key), in that order. The order of `keys` is nothing.

    Take as seed what nobody knew when the books were closed, such as the hash of a later block. Raises ValueError for a
    seed that is too short to be one, or a count below 1.
    """
    if len(seed) < SEED_MIN:
        raise ValueError(f"a seed has at least {SEED_MIN} characters: take the hash of a block after the period")
    if count < 1:
        raise ValueError("a sample has at least one item")
    return sorted(set(keys), key=lambda key: hashlib.sha256(f"{seed}\x1f{key}".encode()).digest())[:count]
