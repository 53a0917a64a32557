"""The inner encryption: keys from the device secret, slot salts, and the COSE_Encrypt0 envelope of MQTT (wire-format 2.1, 2.5).

It keeps the broker out of the trust base. The nonce is direction and counter, so a counter must never be used twice
with one generation's key: the sender keeps it on disk before it seals.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, Literal

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from community.attestation import cbor

SECRET_SIZE = 32
GENERATION_MAX = 3
KEYS_CACHED = 16384
"""Derived keys that are remembered; each is a hundred bytes."""
Transport = Literal["mqtt", "lorawan"]

_KEY_LABELS = {"mqtt": "mqtt", "lorawan": "aead"}
_ENCRYPT0_TAG = 16
_PROTECTED = cbor.encode({1: 1})  # alg = A128GCM, RFC 9053 4.1
_AAD = cbor.encode(["Encrypt0", _PROTECTED, b""])
_TAG_SIZE = 16
_HMAC_BLOCK = 64
_NONCE_ZEROES = bytes(7)
_USUAL_ENVELOPE = re.compile(
    rb"\xd0\x83\x43\xa1\x01\x01\xa2\x04\x49(.{8})([\x00-\x03])\x05\x4c(([\x00\x01])\x00{7}(.{4}))"
    rb"(?:[\x50-\x57]|\x58([\x18-\xff])|\x59([\x01-\xff].))",
    re.DOTALL,
)
"""The one deterministic encoding of an envelope, up to its ciphertext: read so, it costs a tenth of general CBOR."""


class SealBroken(ValueError):
    """A message that this device's key does not open, or that is no sealed message at all."""


class MalformedEnvelope(SealBroken):
    """Bytes that do not have the shape of a sealed message."""


class Direction(IntEnum):
    """First byte of the nonce: an uplink can never be played back as a downlink."""

    UP = 0
    DOWN = 1


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed message as anyone can see it, its claims not proven."""

    device_id: bytes
    generation: int
    direction: Direction
    counter: int
    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that the device's key opened: device, generation and counter are proven."""

    device_id: bytes
    generation: int
    counter: int
    plaintext: bytes


def derive_aead_key(secret: bytes, dev_eui: bytes, generation: int, transport: Transport = "mqtt") -> bytes:
    """The 16-byte AES key of one key generation (0 to 3) on one transport. Raises ValueError."""
    if not 0 <= generation <= GENERATION_MAX:
        raise ValueError(f"key generation {generation} is outside 0 to {GENERATION_MAX}")
    return _hkdf(secret, dev_eui, f"ecw1 {_KEY_LABELS[transport]} {generation}", 16)


def derive_salt_key(secret: bytes, dev_eui: bytes) -> bytes:
    """The 32-byte key that slot salts come from. Raises ValueError."""
    return _hkdf(secret, dev_eui, "ecw1 salt", 32)


def slot_salt(salt_key: bytes, slot: int) -> bytes:
    """16 bytes that keep a leaf's low-entropy reading from being guessed out of its hash."""
    return slot_salts(salt_key, (slot,))[0]


def slot_salts(salt_key: bytes, slots: Iterable[int]) -> list[bytes]:
    """The salt of each slot: HMAC-SHA256 (RFC 2104) of its number, cut to 16 bytes."""
    padded_in, padded_out = _hmac_states(salt_key)
    begin, close = padded_in.copy, padded_out.copy
    salts: list[bytes] = []
    for slot in slots:
        inner, outer = begin(), close()
        inner.update(slot.to_bytes(4))
        outer.update(inner.digest())
        salts.append(outer.digest()[:16])
    return salts


def seal_message(
    secret: bytes, dev_eui: bytes, generation: int, direction: Direction, counter: int, plaintext: bytes
) -> bytes:
    """`plaintext` as a COSE_Encrypt0 from (UP) or to (DOWN) the device. Raises ValueError.

    The same counter must never be sealed twice with other plaintext.
    """
    if not cbor.is_uint(counter, 32):
        raise ValueError(f"message counter {counter} is outside 0 to 2^32-1")
    nonce = _nonce(direction, counter)
    ciphertext = _cipher(secret, dev_eui, generation).encrypt(nonce, plaintext, _AAD)
    unprotected = {4: dev_eui + bytes((generation,)), 5: nonce}
    return cbor.encode(cbor2.CBORTag(_ENCRYPT0_TAG, [_PROTECTED, unprotected, ciphertext]))


def open_message(payload: bytes, secret: bytes, dev_eui: bytes, direction: Direction) -> Opened:
    """The message in `payload`. Raises MalformedEnvelope for a wrong shape, SealBroken if the key does not open it."""
    envelope = read_envelope(payload)
    if envelope.device_id != dev_eui:
        raise SealBroken(f"the message names device {envelope.device_id.hex()}, not {dev_eui.hex()}")
    if envelope.direction is not direction:
        raise SealBroken(f"the message goes {envelope.direction.name.lower()}, not {direction.name.lower()}")
    try:
        plaintext = _cipher(secret, dev_eui, envelope.generation).decrypt(envelope.nonce, envelope.ciphertext, _AAD)
    except InvalidTag:
        raise SealBroken(
            "the device's key does not open this message: altered, or sealed with another secret"
        ) from None
    return Opened(envelope.device_id, envelope.generation, envelope.counter, plaintext)


def peek_device(payload: bytes) -> tuple[bytes, int, int]:
    """(device id, generation, counter) that `payload` claims, without any key. Raises MalformedEnvelope."""
    envelope = read_envelope(payload)
    return envelope.device_id, envelope.generation, envelope.counter


def read_envelope(payload: bytes) -> Envelope:
    """The visible parts of a sealed message. Raises MalformedEnvelope."""
    usual = _USUAL_ENVELOPE.match(payload)
    if usual is not None:
        short, long = usual[6], usual[7]
        size = payload[usual.end() - 1] - 0x40 if short is None and long is None else int.from_bytes(short or long)
        if size == len(payload) - usual.end():
            direction = Direction.DOWN if usual[4] == b"\x01" else Direction.UP
            counter = int.from_bytes(usual[5])
            return Envelope(usual[1], usual[2][0], direction, counter, usual[3], payload[usual.end() :])
    return _envelope_of_fields(payload)


def _envelope_of_fields(payload: bytes) -> Envelope:
    protected, unprotected, ciphertext = _encrypt0_fields(payload)
    if protected != _PROTECTED:
        raise MalformedEnvelope("the protected header must say A128GCM, and nothing else")
    if type(unprotected) is not dict or set(unprotected) != {4, 5}:
        raise MalformedEnvelope("the unprotected header must hold key id (4) and nonce (5), and nothing else")
    key_id, nonce = unprotected[4], unprotected[5]
    if type(key_id) is not bytes or len(key_id) != 9 or key_id[8] > GENERATION_MAX:
        raise MalformedEnvelope("the key id must be the 8-byte device id and a generation of 0 to 3")
    if type(nonce) is not bytes or len(nonce) != 12 or nonce[0] > 1 or nonce[1:8] != _NONCE_ZEROES:
        raise MalformedEnvelope("the nonce must be direction 0 or 1, seven zero bytes and the counter")
    if type(ciphertext) is not bytes or len(ciphertext) < _TAG_SIZE:
        raise MalformedEnvelope("the ciphertext is shorter than its own tag")
    counter = int.from_bytes(nonce[8:], "big")
    return Envelope(key_id[:8], key_id[8], Direction(nonce[0]), counter, nonce, ciphertext)


def _encrypt0_fields(payload: bytes) -> list[Any]:
    try:
        tagged = cbor.decode(payload)
    except cbor.MalformedCbor as error:
        raise MalformedEnvelope(f"the message is malformed: {error}") from error
    if type(tagged) is not cbor2.CBORTag or tagged.tag != _ENCRYPT0_TAG:
        raise MalformedEnvelope("a sealed message is a COSE_Encrypt0: CBOR tag 16")
    if type(tagged.value) is not list or len(tagged.value) != 3:
        raise MalformedEnvelope("a COSE_Encrypt0 is an array of three fields")
    return tagged.value


def _nonce(direction: Direction, counter: int) -> bytes:
    return bytes((direction,)) + _NONCE_ZEROES + counter.to_bytes(4, "big")


@lru_cache(maxsize=KEYS_CACHED)
def _cipher(secret: bytes, dev_eui: bytes, generation: int) -> AESGCM:
    return AESGCM(derive_aead_key(secret, dev_eui, generation))


@lru_cache(maxsize=KEYS_CACHED)
def _hmac_states(key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """SHA-256 after the inner and outer pad of HMAC (RFC 2104 2): what is the same for every slot of a device."""
    block = (hashlib.sha256(key).digest() if len(key) > _HMAC_BLOCK else key).ljust(_HMAC_BLOCK, b"\x00")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in block)), hashlib.sha256(bytes(byte ^ 0x5C for byte in block))


@lru_cache(maxsize=KEYS_CACHED)
def _hkdf(secret: bytes, dev_eui: bytes, info: str, length: int) -> bytes:
    if len(secret) != SECRET_SIZE:
        raise ValueError(f"a device secret is 32 bytes, not {len(secret)}")
    if len(dev_eui) != 8:
        raise ValueError(f"a device EUI is 8 bytes, not {len(dev_eui)}")
    return HKDF(algorithm=SHA256(), length=length, salt=dev_eui, info=info.encode()).derive(secret)
