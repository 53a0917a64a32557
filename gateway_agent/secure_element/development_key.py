"""A private key in a file, for systems without a secure element that hold nothing of value. Its records are marked."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from community.attestation.signatures import normalise_low_s
from gateway_agent.secure_element.signer import SignerAttributes, SignerUnusable, checked_digest


class DevelopmentKeySigner:
    """Signs with the PKCS#8 PEM key in `key_file`. Raises SignerUnusable if there is none."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        try:
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        except OSError as error:
            raise SignerUnusable(
                f"The development key {key_file} cannot be read ({error.strerror}); make it with `key init`."
            ) from error
        except ValueError as error:
            raise SignerUnusable(f"{key_file} is no private key in PEM form: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise SignerUnusable(f"{key_file} holds a key that is not of the curve P-256.")
        self._key = key

    @classmethod
    def create(cls, key_file: Path) -> "DevelopmentKeySigner":
        """Make a key in a new file that only its owner can read. Raises SignerUnusable if the file exists."""
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            key_file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise SignerUnusable(f"{key_file} exists already; a key is never overwritten.") from None
        except OSError as error:
            raise SignerUnusable(f"{key_file} cannot be written: {error.strerror}") from error
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        return cls(key_file)

    def public_key(self) -> bytes:
        """The 65-byte uncompressed point."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    def sign_digest(self, digest: bytes) -> bytes:
        """r | s with a low s over `digest`."""
        der = self._key.sign(checked_digest(digest), ec.ECDSA(Prehashed(SHA256())))
        r, s = decode_dss_signature(der)
        return normalise_low_s(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def attributes(self) -> SignerAttributes:
        """A file can be copied, and this says so."""
        return SignerAttributes("development", str(self._key_file.name), True, False, "")
