"""A digest over everything indexed so far, so that two indexes can be compared by one line."""

import hashlib
import json
from dataclasses import astuple
from datetime import datetime

from indexer.decode import BlockRows

START = "00" * 32
"""The digest of an index without rows."""


def digest_after(previous: str, transfer_lines: bytes, rows: BlockRows) -> str:
    """The digest, hex SHA-256, once `rows` of the next block are added. A block without rows leaves it unchanged.

    So an index that skipped over empty blocks and one that visited each of them have the same digest. Transfers are
    hashed as their lines (`transfer_lines`, given because they are at hand), the rarer rows as JSON.
    """
    listed = [
        *(astuple(one) for one in rows.settled),
        *(astuple(one) for one in rows.others),
        *(astuple(one) for one in rows.shares),
    ]
    if not transfer_lines and not listed:
        return previous
    text = json.dumps(listed, separators=(",", ":"), sort_keys=True, default=_instant) if listed else "[]"
    digest = hashlib.sha256(bytes.fromhex(previous))
    digest.update(transfer_lines)
    digest.update(text.encode())
    return digest.hexdigest()


def _instant(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} has no place in a digest")
    return value.isoformat()
