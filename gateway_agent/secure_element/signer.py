"""The port to a private key, and the check it must pass before anything is signed with it."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from community.attestation.signatures import SIGNATURE_SIZE, kid_of, normalise_low_s, verify_p256_digest
from community.errors import FatalError, RetryableError


class SignerUnavailable(RetryableError):
    """The secure element does not answer now; it may when it is plugged in again."""


class SignerUnusable(FatalError):
    """The key must not or cannot be used: a person has to act."""


@dataclass(frozen=True, slots=True)
class SignerAttributes:
    """What a secure element says of its key."""

    backend: str
    label: str
    extractable: bool
    never_extractable: bool
    serial: str

    @property
    def development_key(self) -> bool:
        """Whether the private key could have been copied: every record made with it is marked."""
        return self.extractable or not self.never_extractable


class Signer(Protocol):
    """A P-256 private key that does not leave its place."""

    def public_key(self) -> bytes:
        """The 65-byte uncompressed SEC1 point."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature r | s (64 bytes, low s) over a 32-byte digest. Raises SignerUnavailable, SignerUnusable."""
        ...

    def attributes(self) -> SignerAttributes:
        """Where the key is and how well it is kept."""
        ...


def key_id_of(public_key: bytes) -> str:
    """SHA-256(SPKI)[:8] in hex: the key's name in every record."""
    return kid_of(public_key).hex()


def checked_digest(digest: bytes) -> bytes:
    """`digest` if it is one. Raises ValueError."""
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError(f"only 32-byte digests are signed, not {len(digest)} bytes")
    return digest


def self_test(signer: Signer, challenge: bytes, *, allow_insecure_key: bool) -> None:
    """Sign SHA-256(`challenge`) and check the result. Raises SignerUnusable if the key is no good or badly kept."""
    attributes = signer.attributes()
    if attributes.development_key and not allow_insecure_key:
        raise SignerUnusable(
            f"The key {attributes.label!r} ({attributes.backend}) can be or could have been copied out of its place."
            " Make one that cannot (`key init`), or set gateway.allow_insecure_key = true for a test system."
        )
    digest = hashlib.sha256(challenge).digest()
    signature = signer.sign_digest(digest)
    if len(signature) != SIGNATURE_SIZE or normalise_low_s(signature) != signature:
        raise SignerUnusable(
            f"The secure element {attributes.backend} gave a signature that is not r | s with a low s."
        )
    if not verify_p256_digest(signer.public_key(), digest, signature):
        raise SignerUnusable(
            f"The signature of the key {attributes.label!r} does not verify with its own public key: the private and the"
            " public key of that label do not belong together."
        )
