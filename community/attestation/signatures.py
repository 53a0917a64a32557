"""ECDSA P-256 over SHA-256 with raw r | s signatures (ES256, RFC 9053 2.1), and the id of a public key.

A public key is the 65-byte uncompressed SEC1 point throughout.
"""

import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

SIGNATURE_SIZE = 64
KEY_ID_SIZE = 8
KEYS_CACHED = 65536
"""Key objects that are remembered: a community of communities. Each has about 3 kB."""
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_ON_MESSAGE = ec.ECDSA(SHA256())
_ON_DIGEST = ec.ECDSA(Prehashed(SHA256()))


def check_public_key(public_key: bytes) -> bytes:
    """`public_key` if it is an uncompressed P-256 point. Raises ValueError."""
    _key_object(public_key)
    return public_key


def spki_der(public_key: bytes) -> bytes:
    """The SubjectPublicKeyInfo (RFC 5480) of `public_key`, 91 bytes of DER. Raises ValueError for no P-256 point."""
    return _SPKI_HEAD + check_public_key(public_key)


def kid_of(public_key: bytes) -> bytes:
    """The first 8 bytes of the SHA-256 of the key's SubjectPublicKeyInfo. Raises ValueError for no P-256 point."""
    return hashlib.sha256(spki_der(public_key)).digest()[:KEY_ID_SIZE]


def verify_p256(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (r | s) over SHA-256(`message`) is by `public_key`; s may be high or low.

    Raises ValueError only for an unusable public key: that is a fault of the registry, not of the sender.
    """
    return _verify(public_key, message, signature, _ON_MESSAGE)


def verify_p256_digest(public_key: bytes, digest: bytes, signature: bytes) -> bool:
    """As `verify_p256`, for a message whose 32-byte SHA-256 is at hand."""
    if len(digest) != 32:
        raise ValueError(f"a SHA-256 digest is 32 bytes, not {len(digest)}")
    return _verify(public_key, digest, signature, _ON_DIGEST)


def normalise_low_s(signature: bytes) -> bytes:
    """The same signature with s at most half the order: one form per signature, as chains ask. Raises ValueError."""
    if len(signature) != SIGNATURE_SIZE:
        raise ValueError(f"a P-256 signature is 64 bytes, r | s, not {len(signature)}")
    s = int.from_bytes(signature[32:], "big")
    if not 0 < s < P256_ORDER:
        raise ValueError("the s of this signature is outside 1 to the order of the curve")
    return signature[:32] + min(s, P256_ORDER - s).to_bytes(32, "big")


def _verify(public_key: bytes, content: bytes, signature: bytes, algorithm: ec.ECDSA) -> bool:
    key = _key_object(public_key)
    if len(signature) != SIGNATURE_SIZE:
        return False
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        key.verify(der, content, algorithm)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=KEYS_CACHED)
def _key_object(public_key: bytes) -> ec.EllipticCurvePublicKey:
    """Parsing a point costs about as much as verifying with it, hence the cache."""
    if len(public_key) != 65 or public_key[0] != 4:
        raise ValueError("a public key must be the 65 bytes of an uncompressed SEC1 point: 04, x, y")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    except ValueError as error:
        raise ValueError(f"this public key is not a point of P-256; {_what_else(public_key)}") from error


def _what_else(public_key: bytes) -> str:
    """What is probably wrong with 65 bytes that are no point of P-256."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), public_key)
    except ValueError:
        return "was it copied completely?"
    return (
        "it is one of secp256k1 (ES256K): have the device make a P-256 key, the curve that the issuer contract checks"
    )
