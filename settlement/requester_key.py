"""The key with which settlement signs its requests to the signer: an Ed25519 key in a PEM file of mode 600."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from community.errors import FatalError


def create_requester_key(path: Path) -> str:
    """Create the key file; returns the public key in hex, for the signer's registry. Raises FatalError if it exists."""
    key = Ed25519PrivateKey.generate()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise FatalError(f"{path} exists already; a key is never replaced.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return public_key_of(key)


def load_requester_key(path: Path) -> Ed25519PrivateKey:
    """The key in `path`. Raises FatalError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise FatalError(f"{path} holds no usable requester key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise FatalError(f"{path} must hold an Ed25519 key. Create one with `python -m settlement keygen`.")
    return key


def public_key_of(key: Ed25519PrivateKey) -> str:
    """Its public key, 32 bytes in hex."""
    return key.public_key().public_bytes_raw().hex()
