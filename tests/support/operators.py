"""Two operators with their keys, and a registry pinned as they would: approved by both, following the one before."""

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signer.journal import Journal
from signer.pinning import approve, pin, registry_digest
from signer.registry import Registry
from tests.support.sending_device import NOON

OPERATORS = {
    "anna": Ed25519PrivateKey.from_private_bytes(b"anna" * 8),
    "bert": Ed25519PrivateKey.from_private_bytes(b"bert" * 8),
}
OPERATOR_KEYS = {name: key.public_key().public_bytes_raw().hex() for name, key in OPERATORS.items()}


def next_registry(journal: Journal, content: dict[str, Any]) -> str:
    """`content` as the text of the registry that follows the pinned one."""
    newest = journal.newest_pinned()
    revision, previous = (1, None) if newest is None else (newest[0] + 1, registry_digest(newest[1]))
    return json.dumps({"revision": revision, "previous": previous, "operators": OPERATOR_KEYS} | content)


def pin_approved(folder: Path, content: dict[str, Any]) -> Registry:
    """Approve `content` by both operators and pin it in the signer's folder."""
    journal = Journal(folder)
    try:
        text = next_registry(journal, content)
        return pin(journal, text, [approve(text, name, key) for name, key in OPERATORS.items()], NOON)
    finally:
        journal.close()
