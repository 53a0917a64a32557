"""Extended public keys (BIP-32), read strictly, and their children by public derivation on secp256k1."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass

import coincurve

XPUB_VERSION = bytes.fromhex("0488b21e")
HARDENED = 1 << 31
ACCOUNT_DEPTH = 3

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PAYLOAD_SIZE = 78


class InvalidExtendedKey(ValueError):
    """A text that is no extended public key, or not one of the level asked for. The text says why."""


@dataclass(frozen=True, slots=True)
class ExtendedPublicKey:
    """A public key (33 bytes, compressed) with the chain code that its children need."""

    depth: int
    parent_fingerprint: bytes
    child_number: int
    chain_code: bytes
    public_key: bytes

    def __post_init__(self) -> None:
        if not (len(self.chain_code) == 32 and len(self.parent_fingerprint) == 4 and 0 <= self.depth < 256):
            raise InvalidExtendedKey("a part of this extended key has the wrong size")
        if self.depth == 0 and (self.parent_fingerprint != bytes(4) or self.child_number != 0):
            raise InvalidExtendedKey("a master key has neither a parent nor a number, but this one does")
        if len(self.public_key) != 33 or self.public_key[0] not in (2, 3):
            raise InvalidExtendedKey("the extended key does not hold a compressed public key")
        try:
            coincurve.PublicKey(self.public_key)
        except ValueError as error:
            raise InvalidExtendedKey("the extended key's public key is no point of secp256k1") from error

    def child(self, number: int) -> "ExtendedPublicKey":
        """CKDpub of BIP-32: child `number`, 0 to 2^31 - 1.

        Raises ValueError for a hardened number, which needs the private key, and for the one number in 2^127 that
        gives no key (take the next).
        """
        if not 0 <= number < HARDENED:
            raise ValueError(f"child {number} cannot be derived publicly; numbers are 0 to 2^31 - 1")
        digest = hmac.digest(self.chain_code, self.public_key + number.to_bytes(4, "big"), "sha512")
        point = coincurve.PublicKey(self.public_key).add(digest[:32]).format()
        return ExtendedPublicKey(self.depth + 1, hash160(self.public_key)[:4], number, digest[32:], point)

    def child_points(self, first: int, count: int) -> Iterator[coincurve.PublicKey]:
        """The keys of `count` children from number `first` on, as points: what `child` gives, without what only their own
        children would need. Raises ValueError as `child` does.
        """
        if not 0 <= first <= first + count <= HARDENED:
            raise ValueError(
                f"children {first} to {first + count} cannot be derived publicly; numbers are 0 to 2^31 - 1"
            )
        parent, chain_code, public_key = coincurve.PublicKey(self.public_key), self.chain_code, self.public_key
        for number in range(first, first + count):
            digest = hmac.digest(chain_code, public_key + number.to_bytes(4, "big"), "sha512")
            yield parent.add(digest[:32])

    def text(self) -> str:
        """The `xpub…` form."""
        number = self.child_number.to_bytes(4, "big")
        key = self.chain_code + self.public_key
        return base58check(XPUB_VERSION + bytes((self.depth,)) + self.parent_fingerprint + number + key)


def parse_xpub(text: str) -> ExtendedPublicKey:
    """The key that `text` (`xpub…`) holds. Raises InvalidExtendedKey; never repeats the text, which is confidential."""
    payload = _base58check_decoded(text)
    if payload[:4] != XPUB_VERSION:
        raise InvalidExtendedKey("this is no extended public key of the main network: it must start with xpub")
    return ExtendedPublicKey(
        payload[4], payload[5:9], int.from_bytes(payload[9:13], "big"), payload[13:45], payload[45:]
    )


def parse_account_xpub(text: str) -> ExtendedPublicKey:
    """As `parse_xpub`, for the account level m/purpose'/coin'/account', the only one that the signer exports."""
    key = parse_xpub(text)
    if key.depth != ACCOUNT_DEPTH or key.child_number < HARDENED:
        raise InvalidExtendedKey(
            f"this extended key is of depth {key.depth}; an account key m/purpose'/coin'/account' has depth 3"
        )
    return key


def hash160(data: bytes) -> bytes:
    """RIPEMD-160 of SHA-256. OpenSSL keeps RIPEMD-160 in its legacy provider, so it may be missing: then ours is used."""
    inner = hashlib.sha256(data).digest()
    try:
        return hashlib.new("ripemd160", inner).digest()
    except ValueError:
        from Crypto.Hash import RIPEMD160

        return RIPEMD160.new(inner).digest()


def base58check(payload: bytes) -> str:
    """`payload` with its checksum in base 58."""
    data = payload + _checksum(payload)
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _ALPHABET[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def _base58check_decoded(text: str) -> bytes:
    if not 100 <= len(text) <= 112 or any(letter not in _ALPHABET for letter in text):
        raise InvalidExtendedKey("this is no extended key: it must be about 111 letters and digits of base 58")
    number = 0
    for letter in text:
        number = number * 58 + _ALPHABET.index(letter)
    if number.bit_length() > 8 * (_PAYLOAD_SIZE + 4):
        raise InvalidExtendedKey("this extended key is too long")
    data = number.to_bytes(_PAYLOAD_SIZE + 4, "big")
    payload, checksum = data[:-4], data[-4:]
    if checksum != _checksum(payload) or base58check(payload) != text:
        raise InvalidExtendedKey("the extended key's checksum is wrong; was it copied completely?")
    return payload


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
