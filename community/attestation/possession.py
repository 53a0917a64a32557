"""Proof that a device holds its key: an entity attestation token (EAT, RFC 9711) over the backend's nonce, as COSE_Sign1.

Claims: nonce (10), ueid (256) = 02 and the EUI-64, hardware version (260) and software version (271). ES256, one signature,
deterministic CBOR. The nonce is asked for once and accepted once; who keeps them is the one who asks.
"""

from dataclasses import dataclass
from typing import Any

import cbor2

from community.attestation import cbor
from community.attestation.signatures import SIGNATURE_SIZE, kid_of, verify_p256

CONTENT_TYPE = "application/eat+cwt"
NONCE_SIZES = range(8, 65)
"""Bytes of a nonce (RFC 9711, 4.1)."""
VERSION_MAX = 64
"""Characters of a version."""
_PROTECTED = cbor.encode({1: -7, 16: CONTENT_TYPE})
_SIGN1_TAG = 18
_NONCE, _UEID, _HARDWARE, _SOFTWARE = 10, 256, 260, 271
_UEID_OF_EUI = b"\x02"
_SIZE_MAX = 512


@dataclass(frozen=True, slots=True)
class PossessionClaims:
    """What the device says of itself, with the nonce it was given."""

    nonce: bytes
    eui: bytes
    firmware: str
    hardware: str

    def __post_init__(self) -> None:
        if type(self.nonce) is not bytes or len(self.nonce) not in NONCE_SIZES:
            raise ValueError("a nonce has 8 to 64 bytes")
        if type(self.eui) is not bytes or len(self.eui) != 8:
            raise ValueError("a device EUI has 8 bytes")
        for version in (self.firmware, self.hardware):
            if type(version) is not str or not 1 <= len(version) <= VERSION_MAX:
                raise ValueError(f"a version is a text of 1 to {VERSION_MAX} characters")

    def payload(self) -> bytes:
        """The claims as a CWT holds them."""
        ueid = _UEID_OF_EUI + self.eui
        return cbor.encode({_NONCE: self.nonce, _UEID: ueid, _HARDWARE: [self.hardware], _SOFTWARE: [self.firmware]})

    def to_be_signed(self) -> bytes:
        """The Sig_structure (RFC 9052, 4.4); ES256 signs its SHA-256."""
        return _sig_structure(self.payload())


@dataclass(frozen=True, slots=True)
class PossessionRefused:
    """The proof does not hold; the reason is for the person at the installation."""

    reason: str


def encode_possession(claims: PossessionClaims, public_key: bytes, signature: bytes) -> bytes:
    """The token with `signature` (r | s) over `claims.to_be_signed()`. Raises ValueError."""
    if len(signature) != SIGNATURE_SIZE:
        raise ValueError(f"a signature is {SIGNATURE_SIZE} bytes, r | s")
    fields = [_PROTECTED, {4: kid_of(public_key)}, claims.payload(), signature]
    return cbor.encode(cbor2.CBORTag(_SIGN1_TAG, fields))


def verify_possession(
    token: bytes, public_key: bytes, *, nonce: bytes, eui: bytes
) -> PossessionClaims | PossessionRefused:
    """Whether `token` proves that the device `eui` holds the key of `public_key` and answered to `nonce`.

    Raises ValueError only for an unusable public key.
    """
    kid = kid_of(public_key)
    if len(token) > _SIZE_MAX:
        return PossessionRefused(f"{len(token)} bytes are more than a proof of possession has")
    try:
        tagged = cbor.decode(token)
    except cbor.MalformedCbor as error:
        return PossessionRefused(f"the token is malformed: {error}")
    if type(tagged) is not cbor2.CBORTag or tagged.tag != _SIGN1_TAG or type(tagged.value) is not list:
        return PossessionRefused("a proof of possession is a COSE_Sign1: CBOR tag 18")
    if len(tagged.value) != 4 or tagged.value[0] != _PROTECTED or tagged.value[1] != {4: kid}:
        return PossessionRefused(f"its headers must say ES256, {CONTENT_TYPE} and the id of the key {kid.hex()}")
    payload, signature = tagged.value[2:]
    if type(payload) is not bytes or type(signature) is not bytes:
        return PossessionRefused("claims and signature must be byte strings")
    if not verify_p256(public_key, _sig_structure(payload), signature):
        return PossessionRefused("the signature is not by this key: another secure element, or an altered token")
    claims = _claims(payload)
    match claims:
        case PossessionRefused():
            return claims
        case PossessionClaims() if claims.eui != eui:
            return PossessionRefused(f"the token is of device {claims.eui.hex()}, not {eui.hex()}")
        case PossessionClaims() if claims.nonce != nonce:
            return PossessionRefused("the token answers another nonce: ask again and answer at once")
        case PossessionClaims():
            return claims


def _claims(payload: bytes) -> PossessionClaims | PossessionRefused:
    try:
        fields: Any = cbor.decode(payload)
    except cbor.MalformedCbor as error:
        return PossessionRefused(f"the claims are malformed: {error}")
    if type(fields) is not dict or set(fields) != {_NONCE, _UEID, _HARDWARE, _SOFTWARE}:
        return PossessionRefused("the claims must be nonce, ueid, hardware version and software version, and no other")
    ueid, versions = fields[_UEID], (fields[_SOFTWARE], fields[_HARDWARE])
    if type(ueid) is not bytes or ueid[:1] != _UEID_OF_EUI:
        return PossessionRefused("the ueid must be 02 and an EUI-64")
    if not all(type(each) is list and len(each) == 1 for each in versions):
        return PossessionRefused("a version is an array of one text")
    try:
        return PossessionClaims(fields[_NONCE], ueid[1:], versions[0][0], versions[1][0])
    except ValueError as error:
        return PossessionRefused(str(error))


def _sig_structure(payload: bytes) -> bytes:
    return cbor.encode(["Signature1", _PROTECTED, b"", payload])
