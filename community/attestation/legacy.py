"""The payload of the original Trusted Gateway: meter frame | SHA-256 of it, 32 bytes | ECDSA P-256 r | s, 64 bytes.

The frame is as the meter sent it, still enciphered with the meter's key; the signature is over the digest. It says
nothing about when: the frame's own invocation counter, remembered by the backend, is the only protection from replay.
"""

import hashlib
from dataclasses import dataclass

from community.attestation.signatures import SIGNATURE_SIZE, verify_p256_digest
from community.metering.dlms.hdlc import length_field
from community.metering.dlms.telegram import PushTelegram, decode_frame
from community.metering.dlms.unreadable import BadFrame

_DIGEST_SIZE = 32
_EVIDENCE_SIZE = _DIGEST_SIZE + SIGNATURE_SIZE


class BadLegacyPayload(ValueError):
    """Root of the reasons why a payload is not genuine."""


class BadLength(BadLegacyPayload):
    """The payload is not a whole meter frame with 96 bytes after it."""


class BadDigest(BadLegacyPayload):
    """The digest is not that of the frame."""


class BadSignature(BadLegacyPayload):
    """The signature is not by the gateway's key."""


@dataclass(frozen=True, slots=True)
class LegacyPayload:
    """The three parts; constructing one with a wrong digest raises BadDigest."""

    frame: bytes
    digest: bytes
    signature: bytes

    def __post_init__(self) -> None:
        if hashlib.sha256(self.frame).digest() != self.digest:
            raise BadDigest(
                "the digest is not that of the meter frame: bytes were altered after the gateway hashed them"
            )
        if len(self.signature) != SIGNATURE_SIZE:
            raise BadLength(f"the signature must be {SIGNATURE_SIZE} bytes, not {len(self.signature)}")

    def signed_by(self, public_key: bytes) -> bool:
        """Whether the gateway that holds `public_key` (65 bytes) signed this frame."""
        return verify_p256_digest(public_key, self.digest, self.signature)


def split_legacy(payload: bytes) -> LegacyPayload:
    """The parts of `payload`, the digest checked, the signature not. Raises BadLength or BadDigest."""
    frame = payload[:-_EVIDENCE_SIZE]
    try:
        length = length_field(frame)
    except BadFrame as error:
        raise BadLength(f"{len(payload)} bytes are no meter frame with digest and signature: {error}") from error
    if len(frame) not in (length + 1, length + 2):
        raise BadLength(
            f"the meter frame says {length + 2} bytes with its flags, but {len(frame)} stand before digest and signature"
        )
    return LegacyPayload(frame, payload[-_EVIDENCE_SIZE:-SIGNATURE_SIZE], payload[-SIGNATURE_SIZE:])


def open_legacy(payload: bytes, public_key: bytes) -> LegacyPayload:
    """The parts of a genuine `payload`. Raises BadLength, BadDigest or BadSignature."""
    parts = split_legacy(payload)
    if not parts.signed_by(public_key):
        raise BadSignature("the signature over the frame's digest is not by this gateway's key")
    return parts


def legacy_readings(frame: bytes, meter_key: bytes, zone: str) -> PushTelegram:
    """Registers, meter time, invocation counter and system title of the meter's frame. Raises UnreadableTelegram."""
    return decode_frame(frame, meter_key, zone)
