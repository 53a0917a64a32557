"""What a device and the backend say to each other about the device's keys, inside the seal of wire-format 2.5.

Topics `ec/v1/{device}/prov` (from the device) and `ec/v1/{device}/prov/down` (to it), QoS 1. Plaintexts are CBOR maps:

    device:   {1: h'public key 65', 3: insecure}                     a key is offered: give a nonce
              {1: h'public key 65', 2: h'proof of possession', 3: insecure}
              {3: insecure, 4: h'rotation signed by both keys'}
    backend:  {1: h'nonce'}  or  {2: accepted, 3: "a sentence"}

The seal shows that the device's own secret was at hand; the proof and the rotation show the keys.
"""

from dataclasses import dataclass
from typing import Any

from community.attestation import cbor
from community.attestation.possession import NONCE_SIZES
from community.attestation.signatures import check_public_key

PROOF_MAX = 1024
SENTENCE_MAX = 1000


class MalformedProvisioning(ValueError):
    """A plaintext that is none of these messages."""


@dataclass(frozen=True, slots=True)
class KeyOffered:
    """The device has a key that is not bound: it asks for a nonce."""

    public_key: bytes
    development_key: bool = False


@dataclass(frozen=True, slots=True)
class KeyProven:
    """The answer to the nonce."""

    public_key: bytes
    proof: bytes
    development_key: bool = False


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """A rotation that both keys signed; `development_key` is said of the new one."""

    rotation: bytes
    development_key: bool = False


@dataclass(frozen=True, slots=True)
class NonceGiven:
    """What the device is to sign."""

    nonce: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """Whether it was accepted, and a sentence for the person at the device."""

    accepted: bool
    sentence: str


Request = KeyOffered | KeyProven | KeyChanged
Reply = NonceGiven | Answered


def encode_request(request: Request) -> bytes:
    """The plaintext of a message from the device."""
    match request:
        case KeyOffered(key, insecure):
            return cbor.encode({1: key, 3: insecure})
        case KeyProven(key, proof, insecure):
            return cbor.encode({1: key, 2: proof, 3: insecure})
        case KeyChanged(rotation, insecure):
            return cbor.encode({3: insecure, 4: rotation})


def parse_request(plaintext: bytes) -> Request:
    """The message in `plaintext`. Raises MalformedProvisioning."""
    fields = _map_of(plaintext)
    insecure = fields.get(3)
    if type(insecure) is not bool:
        raise MalformedProvisioning("a message about a key says whether it is kept insecurely")
    match set(fields):
        case keys if keys == {1, 3}:
            return KeyOffered(_key(fields[1]), insecure)
        case keys if keys == {1, 2, 3}:
            return KeyProven(_key(fields[1]), _octets(fields[2]), insecure)
        case keys if keys == {3, 4}:
            return KeyChanged(_octets(fields[4]), insecure)
        case _:
            raise MalformedProvisioning("a message about a key offers one, proves one or changes one")


def encode_reply(reply: Reply) -> bytes:
    """The plaintext of a message to the device."""
    match reply:
        case NonceGiven(nonce):
            return cbor.encode({1: nonce})
        case Answered(accepted, sentence):
            return cbor.encode({2: accepted, 3: sentence[:SENTENCE_MAX]})


def parse_reply(plaintext: bytes) -> Reply:
    """The message in `plaintext`. Raises MalformedProvisioning."""
    fields = _map_of(plaintext)
    if set(fields) == {1}:
        nonce = _octets(fields[1])
        if len(nonce) not in NONCE_SIZES:
            raise MalformedProvisioning("a nonce has 8 to 64 bytes")
        return NonceGiven(nonce)
    if set(fields) == {2, 3} and type(fields[2]) is bool and type(fields[3]) is str:
        return Answered(fields[2], fields[3][:SENTENCE_MAX])
    raise MalformedProvisioning("a reply gives a nonce, or says whether something was accepted")


def _map_of(plaintext: bytes) -> dict[Any, Any]:
    try:
        fields = cbor.decode(plaintext)
    except cbor.MalformedCbor as error:
        raise MalformedProvisioning(f"the message is malformed: {error}") from error
    if type(fields) is not dict:
        raise MalformedProvisioning("a message about a key is a map")
    return fields


def _octets(value: Any) -> bytes:
    if type(value) is not bytes or len(value) > PROOF_MAX:
        raise MalformedProvisioning(f"proofs, rotations and nonces are at most {PROOF_MAX} bytes")
    return value


def _key(value: Any) -> bytes:
    try:
        return check_public_key(_octets(value))
    except ValueError as error:
        raise MalformedProvisioning(str(error)) from error
