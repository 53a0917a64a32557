"""An operator's own key, on his own machine: with it he approves registries. Ed25519 in a PEM file under a passphrase."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from community.errors import FatalError
from signer.sealed_file import WrongPassphrase, write_new


def create_operator_key(path: Path, passphrase: str) -> str:
    """Create the key file; returns the public key in hex, for the registry. Raises FatalError if it exists."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))
    try:
        write_new(path, pem.decode())
    except FileExistsError:
        raise FatalError(f"{path} exists already; a key is never replaced. Name another file.") from None
    except OSError as error:
        raise FatalError(f"{path} cannot be written: {error.strerror}.") from error
    return key.public_key().public_bytes_raw().hex()


def load_operator_key(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """The key in `path`. Raises WrongPassphrase, FatalError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=passphrase.encode())
    except OSError as error:
        raise FatalError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise WrongPassphrase(f"The passphrase does not open {path}, or it is no key under a passphrase.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise FatalError(f"{path} must hold an Ed25519 key. Create one with `python -m signer operator-key`.")
    return key
