"""The file of the column keys: one key a line, the newest first, each in hex or wrapped by a key service.

    # comments and empty lines are allowed
    wrapped:7b1c…      a key that only the key service can unwrap
    0123456789abcdef…  a key as it is, 64 hex digits

Two lines while secrets are sealed anew, one before and after.
"""

import os
from pathlib import Path
from typing import Protocol

from community.errors import FatalError
from community.store.sealed_columns import ColumnKey, ColumnKeys

_WRAPPED = "wrapped:"


class KeyWrapper(Protocol):
    """Holds a key that never leaves it, and wraps other keys with that."""

    def wrap(self, key: bytes) -> bytes:
        """`key` as only this service can unwrap it. Raises RetryableError, FatalError."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key that `wrap` was given. Raises RetryableError, FatalError."""
        ...


def load_column_keys(path: Path, service: KeyWrapper | None = None) -> ColumnKeys:
    """The keys in the file at `path`. Raises FatalError with what to do, and what `service` raises."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"The column keys cannot be read from {path}: {error}.") from error
    numbered = [(number, line.strip()) for number, line in enumerate(lines, start=1)]
    return ColumnKeys(
        tuple(
            _key(line, f"line {number} of {path}", service)
            for number, line in numbered
            if line and not line.startswith("#")
        )
    )


def add_column_key(path: Path, service: KeyWrapper | None = None) -> ColumnKey:
    """Put a new random key in front of those in the file, which is made if there is none; the others stay.

    The file is replaced whole, so that a crash leaves the one before. Raises FatalError, and what `service` raises.
    """
    before = ""
    if path.exists():
        load_column_keys(path, service)  # a file that cannot be used is not made longer
        before = path.read_text()
    key = ColumnKey(os.urandom(32))
    line = key.key.hex() if service is None else _WRAPPED + service.wrap(key.key).hex()
    beside = path.with_name(path.name + ".new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{line}\n{before}")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise FatalError(f"The column key file {path} cannot be written: {error.strerror or error}.") from error
    return key


def _key(line: str, place: str, service: KeyWrapper | None) -> ColumnKey:
    wrapped = line.startswith(_WRAPPED)
    try:
        content = bytes.fromhex(line.removeprefix(_WRAPPED))
    except ValueError:
        # without its cause: that would quote the line
        raise FatalError(
            f"There is no column key in {place}: it must be 64 hex digits, or {_WRAPPED} and hex digits."
        ) from None
    if not wrapped:
        return ColumnKey(content)
    if service is None:
        raise FatalError(
            f"The column key in {place} is wrapped by a key service, but none is set: give INGEST_KEY_SERVICE_MODULE, "
            "INGEST_KEY_SERVICE_TOKEN and INGEST_KEY_SERVICE_PIN_FILE."
        )
    return ColumnKey(service.unwrap(content))
