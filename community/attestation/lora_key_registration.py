"""The plaintext of FPort 13: a device's public key, 34 bytes, so that its frame (45) fits every data rate.

    u8 flags: bit 0 = the key is held outside a secure element | compressed SEC1 point, 33 bytes

The seal shows the device's secret; that it holds the private key shows its first verified statement.
"""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from community.attestation.signatures import check_public_key

SIZE = 34
_INSECURE = 1


class MalformedRegistration(ValueError):
    """Bytes that register no key."""


def encode_registration(public_key: bytes, *, insecure: bool) -> bytes:
    """The plaintext for `public_key` (65 bytes). Raises ValueError for no P-256 point."""
    check_public_key(public_key)
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    compressed = point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return bytes((_INSECURE if insecure else 0,)) + compressed


def parse_registration(plaintext: bytes) -> tuple[bytes, bool]:
    """(public key, 65 bytes; whether it is held outside a secure element). Raises MalformedRegistration."""
    if len(plaintext) != SIZE or plaintext[0] & ~_INSECURE or plaintext[1] not in (2, 3):
        raise MalformedRegistration(f"a key is registered by {SIZE} bytes: flags, and a compressed point")
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), plaintext[1:])
    except ValueError as error:
        raise MalformedRegistration("the key is no point of P-256") from error
    return point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint), bool(plaintext[0])
