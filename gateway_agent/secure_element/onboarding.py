"""What a new device shows of its key: a certificate request (PKCS#10, RFC 2986) and a proof of possession.

Both are signed by digest, so that any secure element can make them: the key never has to be in this process.
"""

import base64
import hashlib
import textwrap

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from community.attestation.possession import PossessionClaims, encode_possession
from community.attestation.signatures import spki_der
from gateway_agent import FIRMWARE_VERSION
from gateway_agent.secure_element.signer import Signer

_SEQUENCE, _SET, _INTEGER, _BIT_STRING, _OID, _UTF8, _ATTRIBUTES = 0x30, 0x31, 0x02, 0x03, 0x06, 0x0C, 0xA0
_COMMON_NAME = bytes.fromhex("550403")
_ECDSA_WITH_SHA256 = bytes.fromhex("2a8648ce3d040302")
COMMON_NAME_MAX = 64
"""ub-common-name of RFC 5280."""


def certificate_request(signer: Signer, common_name: str) -> str:
    """A request for a certificate of the device's key, in PEM. Its common name is the device EUI, which brokers ask for.

    Raises ValueError, SignerUnavailable, SignerUnusable.
    """
    if not 1 <= len(common_name) <= COMMON_NAME_MAX:
        raise ValueError(f"a common name has 1 to {COMMON_NAME_MAX} characters")
    attribute = _der(_SEQUENCE, _der(_OID, _COMMON_NAME), _der(_UTF8, common_name.encode()))
    subject = _der(_SEQUENCE, _der(_SET, attribute))
    info = _der(_SEQUENCE, _der(_INTEGER, b"\0"), subject, spki_der(signer.public_key()), _der(_ATTRIBUTES))
    raw = signer.sign_digest(hashlib.sha256(info).digest())
    signature = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    request = _der(
        _SEQUENCE, info, _der(_SEQUENCE, _der(_OID, _ECDSA_WITH_SHA256)), _der(_BIT_STRING, b"\0" + signature)
    )
    body = "\n".join(textwrap.wrap(base64.b64encode(request).decode(), 64))
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"


def prove_possession(signer: Signer, nonce: bytes, eui: bytes, hardware: str) -> bytes:
    """The answer to the backend's `nonce`: the device, its firmware, its hardware, signed by its key.

    Raises ValueError, SignerUnavailable, SignerUnusable.
    """
    claims = PossessionClaims(nonce, eui, FIRMWARE_VERSION, hardware)
    return encode_possession(claims, signer.public_key(), sign_message(signer, claims.to_be_signed()))


def sign_message(signer: Signer, message: bytes) -> bytes:
    """r | s over SHA-256 of `message` (ES256). Raises SignerUnavailable, SignerUnusable."""
    return signer.sign_digest(hashlib.sha256(message).digest())


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content
