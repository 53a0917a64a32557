"""Secrets at rest: AES-256-GCM under a key that Argon2id (RFC 9106) makes from a passphrase, in a small JSON file."""

import json
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from community.errors import FatalError

VERSION = 1
MEMORY_KIB = 64 * 1024
ITERATIONS = 3
LANES = 4


class WrongPassphrase(FatalError):
    """The passphrase does not open the file, or the file was changed."""


def seal(path: Path, secret: bytes, passphrase: str) -> None:
    """Write `secret` to the new file `path`, readable by its owner only. Raises FileExistsError: no secret is replaced."""
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    header = {"version": VERSION, "kdf": "argon2id", "memory_kib": MEMORY_KIB, "iterations": ITERATIONS, "lanes": LANES}
    header |= {"salt": salt.hex(), "cipher": "aes-256-gcm", "nonce": nonce.hex()}
    key = _key(passphrase, salt, MEMORY_KIB, ITERATIONS, LANES)
    sealed = AESGCM(key).encrypt(nonce, secret, _canonical(header))
    write_new(path, json.dumps({**header, "sealed": sealed.hex()}, indent=2) + "\n")


def unseal(path: Path, passphrase: str) -> bytes:
    """The secret in `path`. Raises WrongPassphrase, and FatalError for a file that is missing or no sealed file."""
    try:
        content = json.loads(path.read_text())
        sealed = bytes.fromhex(content.pop("sealed"))
        salt, nonce = bytes.fromhex(content["salt"]), bytes.fromhex(content["nonce"])
        costs = content["memory_kib"], content["iterations"], content["lanes"]
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']} is not known")
        key = _key(passphrase, salt, *costs)
    except FileNotFoundError:
        raise FatalError(f"{path} does not exist. Create the signer's keys with `python -m signer init`.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FatalError(f"{path} cannot be read as a sealed file: {error}. Restore it from the backup.") from error
    try:
        return AESGCM(key).decrypt(nonce, sealed, _canonical(content))
    except InvalidTag:
        raise WrongPassphrase(f"The passphrase does not open {path}, or the file was changed.") from None


def write_new(path: Path, text: str) -> None:
    """Write a file that must not exist yet, mode 600, and have it on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _key(passphrase: str, salt: bytes, memory_kib: int, iterations: int, lanes: int) -> bytes:
    if not passphrase:
        raise FatalError("The passphrase is empty. Put one line with a passphrase into the passphrase file.")
    kdf = Argon2id(salt=salt, length=32, iterations=iterations, lanes=lanes, memory_cost=memory_kib)
    return kdf.derive(passphrase.encode())


def _canonical(header: dict[str, object]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
