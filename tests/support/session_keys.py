"""The key by which the API signs the sessions of those who come with a wallet."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def write_session_key(folder: Path) -> Path:
    """A fresh P-256 key as a PEM file in `folder`."""
    file = folder / "session.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file
