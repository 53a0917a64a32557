"""The settler's key in a PKCS#11 token, where it can sign but not be copied."""

import coincurve
from eth_utils.crypto import keccak

from community.clients.pkcs11_signing import TokenKey, TokenRefuses
from signer.settler import EcdsaSignature

CURVE = "secp256k1"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Pkcs11Account:
    """A secp256k1 key pair in a token. `public_key` is its 65-byte point, as it was when the signer was set up.

    A token knows neither Ethereum's lower s nor its recovery number: the higher s is turned, and the number found by
    trying both. A token that was reset, or put in with another key, is noticed because neither number fits.
    """

    def __init__(self, key: TokenKey, public_key: bytes) -> None:
        self._key = key
        self._public_key = coincurve.PublicKey(public_key).format(compressed=False)

    @property
    def address(self) -> str:
        return address_of_point(self._public_key)

    def sign_digest(self, digest: bytes) -> EcdsaSignature:
        """The signature over `digest`, other bytes each time. Raises TokenAway (retryable) and TokenRefuses (fatal)."""
        signature = self._key.sign_digest(digest)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        s = min(s, ORDER - s)
        for y_parity in (0, 1):
            compact = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((y_parity,))
            try:
                found = coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None)
            except ValueError:
                continue
            if found.format(compressed=False) == self._public_key:
                return EcdsaSignature(y_parity, r, s)
        raise TokenRefuses(
            f"The key {self._key.key_label!r} in the token {self._key.token_label!r} is not that of {self.address}. Was the "
            "token reset, or is it another one? Restore its backup, or make a new settler (docs/signer.md)."
        )


def address_of_point(point: bytes) -> str:
    """The account of a 65-byte public key, lower-case 0x hex."""
    return "0x" + keccak(point[1:])[-20:].hex()
