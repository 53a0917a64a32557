"""Merkle tree hash and inclusion proofs of RFC 9162 section 2.1, over SHA-256.

One reading is provable by `inclusion_path` without showing the others of its statement. The same tree serves the
transparency log. A hash is 32 bytes; a path runs from the leaf's sibling up to the root's child.
"""

import hashlib
from collections.abc import Sequence

HASH_SIZE = 32
_LEAF = b"\x00"
_NODE = b"\x01"


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 | data): a leaf can never be mistaken for an inner node."""
    return hashlib.sha256(_LEAF + data).digest()


def leaf_hashes(leaves: Sequence[bytes]) -> list[bytes]:
    """As `leaf_hash`, of each."""
    sha256 = hashlib.sha256
    return [sha256(_LEAF + data).digest() for data in leaves]


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 | left | right)."""
    return hashlib.sha256(_NODE + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The tree's root; of no leaves SHA-256 of nothing (RFC 9162 2.1.1).

    Hashing neighbours level by level, with a lone last node moved up unchanged, gives the tree of the RFC, which
    splits at the largest power of two: both pair the same nodes.
    """
    if not leaf_hashes:
        return hashlib.sha256(b"").digest()
    return _levels(leaf_hashes)[-1][0]


def inclusion_path(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The hashes that lead from leaf `index` to the root (RFC 9162 2.1.3.1). Raises ValueError for no such leaf."""
    if not 0 <= index < len(leaf_hashes):
        raise ValueError(f"there is no leaf {index} in a tree of {len(leaf_hashes)}")
    path: list[bytes] = []
    for level in _levels(leaf_hashes)[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return tuple(path)


def joined_paths(leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """The inclusion path of every leaf, its hashes one after the other: as `inclusion_path`, the tree built once."""
    if not leaf_hashes:
        return []
    paths = [b""]
    for level in reversed(_levels(leaf_hashes)[:-1]):
        above, paths = paths, []
        for index in range(len(level)):
            sibling = index ^ 1
            step = level[sibling] if sibling < len(level) else b""
            paths.append(step + above[index >> 1])
    return paths


def verify_inclusion(leaf: bytes, index: int, count: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether `leaf` (its hash) stands at `index` of `count` under `expected_root` (RFC 9162 2.1.3.2)."""
    if not 0 <= index < count or any(len(step) != HASH_SIZE for step in path):
        return False
    position, last, node = index, count - 1, leaf
    for step in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            node = node_hash(step, node)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            node = node_hash(node, step)
        position >>= 1
        last >>= 1
    return last == 0 and node == expected_root


def _levels(leaf_hashes: Sequence[bytes]) -> list[list[bytes]]:
    """The tree from its leaves to its root, level by level."""
    sha256 = hashlib.sha256
    levels = [list(leaf_hashes)]
    while len(level := levels[-1]) > 1:
        above = [sha256(_NODE + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
        levels.append(above + level[len(level) - len(level) % 2 :])
    return levels
