"""A device's change of keys, signed by both: a COSE_Sign (RFC 9052, 4.1) with two signatures over one payload.

    payload = CBOR [1, h'device id 8', keyno, new keyno, h'new public key 65', valid from slot, first ctr]
    body protected = {3: "application/ecw1-rotation"};  each signature's protected = {1: -7}, unprotected = {4: kid8}
    TBS = CBOR ["Signature", body protected, signature protected, h'', payload]

The old key says that the new one follows it, the new one that it is there. `first ctr` is the statement counter that
the new key begins with, so that nothing of either key is missed.
"""

from dataclasses import dataclass
from typing import Any

import cbor2

from community.attestation import cbor
from community.attestation.signatures import SIGNATURE_SIZE, check_public_key, kid_of, verify_p256

CONTENT_TYPE = "application/ecw1-rotation"
_VERSION = 1
_SIGN_TAG = 98
_BODY = cbor.encode({3: CONTENT_TYPE})
_ES256 = cbor.encode({1: -7})
_FIELDS = 7
_SIGNERS = 2


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """The claim: from `valid_from_slot` on the device signs with the new key. Raises ValueError."""

    device_id: bytes
    keyno: int
    new_keyno: int
    new_public_key: bytes
    valid_from_slot: int
    first_ctr: int

    def __post_init__(self) -> None:
        if type(self.device_id) is not bytes or len(self.device_id) != 8:
            raise ValueError("a device id has 8 bytes")
        for name, number in (
            ("key number", self.keyno),
            ("new key number", self.new_keyno),
            ("slot", self.valid_from_slot),
            ("counter", self.first_ctr),
        ):
            if not cbor.is_uint(number, 32):
                raise ValueError(f"the {name} must lie between 0 and 2^32-1")
        if self.new_keyno != self.keyno + 1:
            raise ValueError(f"key {self.keyno} is followed by key {self.keyno + 1}, not by {self.new_keyno}")
        if type(self.new_public_key) is not bytes:
            raise ValueError("a public key is bytes")
        check_public_key(self.new_public_key)

    def payload(self) -> bytes:
        """The claim as it is signed."""
        return cbor.encode(
            [
                _VERSION,
                self.device_id,
                self.keyno,
                self.new_keyno,
                self.new_public_key,
                self.valid_from_slot,
                self.first_ctr,
            ]
        )

    def to_be_signed(self) -> bytes:
        """What both keys sign: the same bytes, as both use the same algorithm."""
        return _sig_structure(self.payload())


@dataclass(frozen=True, slots=True)
class RotationRefused:
    """The rotation does not hold, and why."""

    reason: str


def encode_rotation(rotation: KeyRotation, old_public_key: bytes, old: bytes, new: bytes) -> bytes:
    """The COSE_Sign with the signatures (r | s) of the old and the new key over `to_be_signed`. Raises ValueError."""
    if len(old) != SIGNATURE_SIZE or len(new) != SIGNATURE_SIZE:
        raise ValueError(f"a signature is {SIGNATURE_SIZE} bytes, r | s")
    signatures = [
        [_ES256, {4: kid_of(old_public_key)}, old],
        [_ES256, {4: kid_of(rotation.new_public_key)}, new],
    ]
    return cbor.encode(cbor2.CBORTag(_SIGN_TAG, [_BODY, {}, rotation.payload(), signatures]))


def verify_rotation(content: bytes, old_public_key: bytes, *, device_id: bytes) -> KeyRotation | RotationRefused:
    """The rotation in `content` if both keys signed it for this device. Raises ValueError for an unusable old key."""
    try:
        tagged = cbor.decode(content)
    except cbor.MalformedCbor as error:
        return RotationRefused(f"the rotation is malformed: {error}")
    if type(tagged) is not cbor2.CBORTag or tagged.tag != _SIGN_TAG or type(tagged.value) is not list:
        return RotationRefused("a rotation is a COSE_Sign: CBOR tag 98")
    if len(tagged.value) != 4 or tagged.value[0] != _BODY or tagged.value[1] != {}:
        return RotationRefused(f"its headers must say {CONTENT_TYPE}, and nothing else")
    payload, signatures = tagged.value[2:]
    if type(payload) is not bytes or type(signatures) is not list or len(signatures) != _SIGNERS:
        return RotationRefused("a rotation has a payload and two signatures")
    rotation = _claim(payload)
    if isinstance(rotation, RotationRefused):
        return rotation
    if rotation.device_id != device_id:
        return RotationRefused(f"it is of device {rotation.device_id.hex()}, not {device_id.hex()}")
    if rotation.new_public_key == old_public_key:
        return RotationRefused("the new key is the old one")
    for name, key, signed in zip(("old", "new"), (old_public_key, rotation.new_public_key), signatures, strict=True):
        if not _signed_by(key, payload, signed):
            return RotationRefused(f"the signature of the {name} key {kid_of(key).hex()} is missing or does not verify")
    return rotation


def _signed_by(key: bytes, payload: bytes, signed: Any) -> bool:
    if type(signed) is not list or len(signed) != 3 or signed[0] != _ES256 or signed[1] != {4: kid_of(key)}:
        return False
    return type(signed[2]) is bytes and verify_p256(key, _sig_structure(payload), signed[2])


def _claim(payload: bytes) -> KeyRotation | RotationRefused:
    try:
        fields: Any = cbor.decode(payload)
    except cbor.MalformedCbor as error:
        return RotationRefused(f"the claim is malformed: {error}")
    if type(fields) is not list or len(fields) != _FIELDS or fields[0] != _VERSION:
        return RotationRefused(f"the claim must be an array of {_FIELDS} fields of version {_VERSION}")
    try:
        return KeyRotation(*fields[1:])
    except ValueError as error:
        return RotationRefused(str(error))


def _sig_structure(payload: bytes) -> bytes:
    return cbor.encode(["Signature", _BODY, _ES256, b"", payload])
