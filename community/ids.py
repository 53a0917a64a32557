"""Ids made from what they name, so that asking twice gives the same id and a repeat is recognised."""

import hashlib
import re

_PREFIXED = re.compile(r"^[a-z]{2,6}_[A-Za-z0-9_-]{1,64}$")


def digest_of(content: bytes) -> str:
    """SHA-256 of `content` in lower-case hex: the key of a frame."""
    return hashlib.sha256(content).hexdigest()


def named_id(prefix: str, *parts: str | int) -> str:
    """A short id `prefix_…` (128 bits) that is the same whenever its parts are the same."""
    text = "\x1f".join(str(part) for part in parts)
    return checked_id(f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:32]}")


def checked_id(text: str) -> str:
    """`text` if it has the shape of an id. Raises ValueError."""
    if not _PREFIXED.match(text):
        raise ValueError("not an id of this system: expected a prefix, an underscore and letters or digits")
    return text
