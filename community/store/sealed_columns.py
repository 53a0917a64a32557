"""Secrets in the database are ciphertext: AES-256-GCM under a key that lives in a file, never in the database."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from community.errors import FatalError

KEY_LENGTH = 32
_NONCE_LENGTH = 12
_VERSION = b"\x01"


@dataclass(frozen=True, slots=True)
class ColumnKey:
    """The key of the sealed columns. `purpose` binds a ciphertext to its row, so that rows cannot be swapped."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_LENGTH:
            raise FatalError(
                f"The column key has {len(self.key)} bytes; it must have {KEY_LENGTH} (64 hex digits in its file)."
            )

    @classmethod
    def load(cls, path: Path) -> "ColumnKey":
        """Read the key, 64 hex digits, from `path`. Raises FatalError with what to do."""
        try:
            return cls(bytes.fromhex(path.read_text().strip()))
        except (OSError, ValueError) as error:
            raise FatalError(
                f"The column key cannot be read from {path}: {error}. It must hold 64 hex digits."
            ) from error

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """Encrypt `secret` for the row named by `purpose`."""
        nonce = os.urandom(_NONCE_LENGTH)
        return _VERSION + nonce + AESGCM(self.key).encrypt(nonce, secret, purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt what `seal` made for the same `purpose`. Raises FatalError if the key or the row is another."""
        nonce, body = sealed[1 : 1 + _NONCE_LENGTH], sealed[1 + _NONCE_LENGTH :]
        try:
            if sealed[:1] != _VERSION:
                raise InvalidTag
            return AESGCM(self.key).decrypt(nonce, body, purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise FatalError(
                f"The secret of {purpose} does not open with this column key: is it the key of this database?"
            ) from error
