"""Signed HTTP requests: HTTP Message Signatures (RFC 9421) with Ed25519 over method, path and Content-Digest (RFC 9530).

One fixed profile of them, which both ends share. `created` bounds how long a request may travel, `nonce` lets each be taken
once, `keyid` names the requester. Nothing else is understood: what deviates in a single character is refused.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FRESH_S = 120
"""How long a request may travel, and how far both clocks may be apart."""
_COVERED = '("@method" "@path" "content-digest")'
_INPUT = re.compile(
    r'sig1=(\("@method" "@path" "content-digest"\)'
    r';created=([1-9][0-9]{0,15});keyid="([A-Za-z0-9_.-]{1,96})";nonce="([A-Za-z0-9_-]{16,64})";alg="ed25519")'
)
_SIGNATURE = re.compile(r"sig1=:([A-Za-z0-9+/]{86}==):")


class UnsignedRequest(ValueError):
    """The request bears no signature of this profile. The text says what is wanted."""


@dataclass(frozen=True, slots=True)
class HttpSignature:
    """What a request says of its signature; nothing of it is checked yet."""

    keyid: str
    created: int
    nonce: str
    parameters: str
    signature: bytes

    def is_fresh(self, now_s: float) -> bool:
        """Whether it was made just now."""
        return abs(now_s - self.created) <= FRESH_S

    def is_by(self, public_key: bytes, method: str, path: str, body: bytes) -> bool:
        """Whether the Ed25519 key `public_key` (32 bytes) signed this request with this body."""
        try:
            key = Ed25519PublicKey.from_public_bytes(public_key)
            key.verify(self.signature, _signature_base(method, path, _content_digest(body), self.parameters))
        except (InvalidSignature, ValueError):
            return False
        return True


def signature_headers(
    key: Ed25519PrivateKey, keyid: str, method: str, path: str, body: bytes, *, created: int, nonce: str
) -> dict[str, str]:
    """The headers to send with a request. `nonce` is new for every request, 16 to 64 letters and digits."""
    digest = _content_digest(body)
    parameters = f'{_COVERED};created={created};keyid="{keyid}";nonce="{nonce}";alg="ed25519"'
    signature = base64.b64encode(key.sign(_signature_base(method, path, digest, parameters))).decode()
    headers = {"Signature-Input": f"sig1={parameters}", "Signature": f"sig1=:{signature}:"}
    if not _INPUT.fullmatch(headers["Signature-Input"]):
        raise ValueError("the key id is 1 to 96 letters, digits, . _ or -, and the nonce 16 to 64 of A-Z a-z 0-9 _ -")
    return {"Content-Digest": digest, **headers}


def read_signature(headers: Mapping[str, str], body: bytes) -> HttpSignature:
    """The signature in `headers` (names in lower case) of a request with `body`. Raises UnsignedRequest."""
    if headers.get("content-digest") != _content_digest(body):
        raise UnsignedRequest("Content-Digest must be sha-256=:…: of the body (RFC 9530)")
    read = _INPUT.fullmatch(headers.get("signature-input", ""))
    if read is None:
        raise UnsignedRequest(
            f'Signature-Input must be sig1={_COVERED};created=…;keyid="…";nonce="…";alg="ed25519" (RFC 9421)'
        )
    signature = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if signature is None:
        raise UnsignedRequest("Signature must be sig1=:…: with 64 bytes in base64 (RFC 9421)")
    parameters, created, keyid, nonce = read.groups()
    return HttpSignature(keyid, int(created), nonce, parameters, base64.b64decode(signature[1]))


def _content_digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _signature_base(method: str, path: str, digest: str, parameters: str) -> bytes:
    """RFC 9421, 2.5."""
    lines = [
        f'"@method": {method}',
        f'"@path": {path}',
        f'"content-digest": {digest}',
        f'"@signature-params": {parameters}',
    ]
    return "\n".join(lines).encode()
