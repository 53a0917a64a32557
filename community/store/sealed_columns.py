"""Secrets in the database are ciphertext: AES-256-GCM under keys that live outside it, each ciphertext naming its key.

Layout: version 2 | key id, 8 bytes | nonce, 12 bytes | ciphertext with tag. The associated data are version, key id and
the purpose, which names the row: no ciphertext opens in another row, nor under another key's name. Version 1 (nonce and
ciphertext only, from before keys had ids) is still opened; a rotation replaces it.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from community.errors import FatalError

KEY_LENGTH = 32
KEY_ID_LENGTH = 8
_NONCE_LENGTH = 12
_WITHOUT_KEY_ID = b"\x01"
_VERSION = b"\x02"
_ID_LABEL = b"energy-community column key"


def device_purpose(eui: str) -> str:
    """What binds a device's secret to its row."""
    return f"device {eui}"


def meter_purpose(serial: str) -> str:
    """What binds a meter's own key to its row."""
    return f"meter {serial}"


def meter_key_purpose(change_id: str) -> str:
    """What binds a later key of a meter to its row."""
    return f"meter key {change_id}"


class ColumnSeal(Protocol):
    """What seals and opens the secrets of rows."""

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """Encrypt `secret` for the row named by `purpose`."""
        ...

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt what `seal` made for the same `purpose`. Raises FatalError if the key or the row is another."""
        ...


@dataclass(frozen=True, slots=True)
class ColumnKey:
    """One key of the sealed columns. Its id is a hash of it and may be seen by anyone."""

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
        except OSError as error:
            raise FatalError(
                f"The column key cannot be read from {path}: {error.strerror}. It must hold 64 hex digits."
            ) from error
        except ValueError:
            # without its cause: that would quote what stands in the file
            raise FatalError(f"The column key in {path} is no key: it must be 64 hex digits.") from None

    @property
    def id(self) -> bytes:
        """The 8 bytes under which ciphertexts name this key."""
        return hashlib.sha256(_ID_LABEL + self.key).digest()[:KEY_ID_LENGTH]

    @property
    def head(self) -> bytes:
        """How every ciphertext of this key begins."""
        return _VERSION + self.id

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """Encrypt `secret` for the row named by `purpose`."""
        nonce = os.urandom(_NONCE_LENGTH)
        return self.head + nonce + AESGCM(self.key).encrypt(nonce, secret, self.head + purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt what `seal` made for the same `purpose`. Raises FatalError if the key or the row is another."""
        return ColumnKeys((self,)).unseal(sealed, purpose)


@dataclass(frozen=True, slots=True)
class ColumnKeys:
    """The keys that are alive: the first one seals, all of them open. Raises FatalError for none or one twice."""

    keys: tuple[ColumnKey, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise FatalError("There is no column key: make one with `python -m ingest secrets new-key`.")
        if len(set(self.keys)) != len(self.keys):
            raise FatalError("A column key stands twice among the column keys: remove one of the two lines.")

    @property
    def current(self) -> ColumnKey:
        """The key that seals."""
        return self.keys[0]

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """Encrypt `secret` with the current key."""
        return self.current.seal(secret, purpose)

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt with the key that `sealed` names. Raises FatalError if none of the keys opens it for this row."""
        if key_id_of(sealed) is None:
            head, tried = _WITHOUT_KEY_ID, self.keys
        else:
            head = sealed[: len(_VERSION) + KEY_ID_LENGTH]
            tried = tuple(key for key in self.keys if key.head == head)
        associated = purpose.encode() if head == _WITHOUT_KEY_ID else head + purpose.encode()
        nonce, body = sealed[len(head) : len(head) + _NONCE_LENGTH], sealed[len(head) + _NONCE_LENGTH :]
        for key in tried:
            try:
                return AESGCM(key.key).decrypt(nonce, body, associated)
            except (InvalidTag, ValueError):
                continue
        raise FatalError(_not_opened(sealed, purpose, self.keys, known=bool(tried)))


def key_id_of(sealed: bytes) -> str | None:
    """The id, in hex, of the key that a ciphertext names; None for one of version 1. Raises FatalError for no ciphertext."""
    if sealed[:1] == _WITHOUT_KEY_ID:
        return None
    if sealed[:1] != _VERSION or len(sealed) < 1 + KEY_ID_LENGTH + _NONCE_LENGTH:
        raise FatalError("A sealed column holds no ciphertext of this system: was the database altered by hand?")
    return sealed[1 : 1 + KEY_ID_LENGTH].hex()


def _not_opened(sealed: bytes, purpose: str, keys: Sequence[ColumnKey], *, known: bool) -> str:
    if known:
        return f"The secret of {purpose} does not open with this column key: is it the key of this database?"
    alive = ", ".join(key.id.hex() for key in keys)
    return (
        f"The secret of {purpose} is sealed with column key {key_id_of(sealed)}, which is not among the keys that were "
        f"loaded ({alive}). Put it back into the column key file; `python -m ingest secrets status` says when it may go."
    )
