"""The account whose transactions the signer signs: its key in a keystore, or in a PKCS#11 token that never gives it away."""

from dataclasses import dataclass
from typing import Protocol

from eth_account.signers.local import LocalAccount
from eth_typing import Hash32


@dataclass(frozen=True, slots=True)
class EcdsaSignature:
    """A recoverable secp256k1 signature with the lower s (EIP-2); `y_parity` is 0 or 1 (EIP-1559)."""

    y_parity: int
    r: int
    s: int


class SettlerAccount(Protocol):
    """A secp256k1 key and what it signs."""

    @property
    def address(self) -> str:
        """The account's address, lower-case 0x hex."""
        ...

    def sign_digest(self, digest: bytes) -> EcdsaSignature:
        """The signature over 32 bytes. Raises RetryableError while the key cannot be reached."""
        ...


class KeystoreAccount:
    """A key opened from a keystore. The same digest gives the same signature (RFC 6979)."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    @property
    def address(self) -> str:
        return str(self._account.address).lower()

    def sign_digest(self, digest: bytes) -> EcdsaSignature:
        signed = self._account.unsafe_sign_hash(Hash32(digest))
        return EcdsaSignature(int(signed.v) - 27, int(signed.r), int(signed.s))
