"""Asking the signer for a signature, and its answer: one JSON codec for both sides, and the bytes that are signed.

A request carries the requester's Ed25519 signature over `canonical()`, so the broker between the two cannot change or
invent one, nor keep one and deliver it when its nonce and fees mean something else. Answers prove themselves: the account is recovered from the transaction's bytes, or from
the proof of a refusal.
"""

import json
import re
from dataclasses import dataclass, fields
from typing import Any

import coincurve
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from eth_utils.crypto import keccak

from community.chain.transactions import Fees
from community.json_input import parse_json

SIZE_MAX = 262_144
DEPTH_MAX = 1
"""Requests and answers are flat objects."""
FRESH_S = 120
"""How long a request may travel, and how far both clocks may be apart."""
_DOMAIN = b"energy-community signature request 2\n"
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_HASH = re.compile(r"0x[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,96}")


class MalformedRequest(ValueError):
    """Bytes that are no request or answer of this protocol. The text says what is wrong."""


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """One attempt at one transaction, for the signer to judge. Addresses and hashes are lower-case 0x hex.

    `id` stays the same when the request is sent again, and is answered the same again.
    """

    id: str
    requester: str
    issuance_id: str
    chain_id: int
    account: str
    nonce: int
    to: str
    data: bytes
    gas: int
    max_fee: int
    tip: int
    evidence: bytes = b""
    """What a call of `settleAttested` names by its SHA-256: the device's signed payload, for the signer to verify."""

    def __post_init__(self) -> None:
        _check(bool(_NAME.fullmatch(self.id)), "the request's id must be 1 to 96 letters, digits, . _ or -")
        _check(bool(_NAME.fullmatch(self.requester)), "the requester's id must be 1 to 96 letters, digits, . _ or -")
        _check(bool(_HASH.fullmatch(self.issuance_id)), "the issuance id must be 0x and 64 lower-case hex digits")
        for what, text in (("account", self.account), ("receiver", self.to)):
            _check(bool(_ADDRESS.fullmatch(text)), f"the {what} must be 0x and 40 lower-case hex digits")
        for what, value in (("chain id", self.chain_id), ("nonce", self.nonce), ("gas limit", self.gas)):
            _check(0 <= value < 1 << 63, f"the {what} must lie between 0 and 2^63 - 1")
        try:
            self.fees()
        except ValueError as error:
            raise MalformedRequest(str(error)) from error

    def fees(self) -> Fees:
        """The fees of this attempt."""
        return Fees(self.max_fee, self.tip)

    def canonical(self, asked_at: int) -> bytes:
        """The bytes under the requester's signature."""
        return _DOMAIN + _dump({**_as_json(self), "asked_at": asked_at})


@dataclass(frozen=True, slots=True)
class SignedReply:
    """The signed transaction, to be broadcast as it is."""

    id: str
    raw: bytes
    tx_hash: str

    def __post_init__(self) -> None:
        _check(bool(self.raw), "a signed answer needs the transaction's bytes")
        _check(bool(_HASH.fullmatch(self.tx_hash)), "the transaction hash must be 0x and 64 lower-case hex digits")


@dataclass(frozen=True, slots=True)
class RefusedReply:
    """The signer does not sign this, and will not if asked the same again. `reason` is a sentence for people.

    `proof` is the account's own signature over `refusal_digest` (65 bytes, r | s | parity): a refused nonce is given
    back, so whoever holds the broker must not be able to refuse in the signer's name. Empty where the signer does not
    know who asks: that is no judgement of the request.
    """

    id: str
    reason: str
    proof: bytes = b""

    def is_by(self, account: str) -> bool:
        """Whether the key of `account` (lower-case 0x hex) refused exactly this."""
        try:
            point = coincurve.PublicKey.from_signature_and_message(
                self.proof, refusal_digest(self.id, self.reason), hasher=None
            )
        except (ValueError, TypeError):
            return False
        return "0x" + keccak(point.format(compressed=False)[1:])[-20:].hex() == account


SignatureReply = SignedReply | RefusedReply


def refusal_digest(request_id: str, reason: str) -> bytes:
    """The 32 bytes that the account signs to refuse a request: a message by ERC-191 (0x45), so never a transaction."""
    text = b"energy-community refusal 1\n" + _dump({"id": request_id, "reason": reason})
    return keccak(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)


def request_topic(signer: str) -> str:
    """Where `signer` listens."""
    return f"sign/v1/{signer}/request"


def reply_topic(requester: str) -> str:
    """Where `requester` listens."""
    return f"sign/v1/{requester}/reply"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it was asked: when (unix seconds), and the requester's signature over both, not yet checked."""

    request: SignatureRequest
    asked_at: int
    signature: bytes

    def is_fresh(self, now_s: float) -> bool:
        """Whether it was asked just now: what somebody kept and sends later is not judged any more."""
        return abs(now_s - self.asked_at) <= FRESH_S

    def is_signed_by(self, public_key: bytes) -> bool:
        """Whether the signature is by the Ed25519 key `public_key` (32 bytes)."""
        try:
            key = Ed25519PublicKey.from_public_bytes(public_key)
            key.verify(self.signature, self.request.canonical(self.asked_at))
        except (InvalidSignature, ValueError):
            return False
        return True


def sign_request(request: SignatureRequest, key: Ed25519PrivateKey, asked_at: int) -> bytes:
    """The message to send: the request with the instant (unix seconds) and the requester's signature over both."""
    signature = key.sign(request.canonical(asked_at)).hex()
    return _dump({**_as_json(request), "asked_at": asked_at, "signature": signature})


def parse_request(message: bytes) -> SignedRequest:
    """The request in `message` and its signature, which is *not* checked here. Raises MalformedRequest."""
    content = _load(message)
    names = [field.name for field in fields(SignatureRequest)]
    if set(content) != {*names, "asked_at", "signature"}:
        raise MalformedRequest(f"a request has exactly the fields {', '.join(names)}, asked_at and signature")
    kinds: dict[str, type] = dict.fromkeys(("id", "requester", "issuance_id", "account", "to", "data", "evidence"), str)
    for name in names:
        _typed(content, name, kinds.get(name, int))
    signature = _octets(_typed(content, "signature", str), "signature")
    asked_at: int = _typed(content, "asked_at", int)
    _check(0 <= asked_at < 1 << 63, "asked_at must be unix seconds")
    values: dict[str, Any] = {name: content[name] for name in names}
    for name in ("data", "evidence"):
        values[name] = _octets(content[name], name)
    return SignedRequest(SignatureRequest(**values), asked_at, signature)


def encode_reply(reply: SignatureReply) -> bytes:
    """The answer as a message."""
    match reply:
        case SignedReply():
            return _dump({"id": reply.id, "status": "signed", "raw": reply.raw.hex(), "tx_hash": reply.tx_hash})
        case RefusedReply():
            content = {"id": reply.id, "status": "refused", "reason": reply.reason, "proof": reply.proof.hex()}
            return _dump(content)


def parse_reply(message: bytes) -> SignatureReply:
    """The answer in `message`. Raises MalformedRequest."""
    content = _load(message)
    answered: str = _typed(content, "id", str)
    match _typed(content, "status", str):
        case "signed":
            raw = _octets(_typed(content, "raw", str), "raw")
            return SignedReply(answered, raw, _typed(content, "tx_hash", str))
        case "refused":
            proof = _octets(_typed(content, "proof", str), "proof")
            return RefusedReply(answered, _typed(content, "reason", str), proof)
        case other:
            raise MalformedRequest(f"{other!r:.40} is no status of an answer")


def _as_json(request: SignatureRequest) -> dict[str, Any]:
    content = {field.name: getattr(request, field.name) for field in fields(request)}
    return {**content, "data": request.data.hex(), "evidence": request.evidence.hex()}


def _dump(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _load(message: bytes) -> dict[str, Any]:
    try:
        content = parse_json(message, size_max=SIZE_MAX, depth_max=DEPTH_MAX)
    except ValueError as error:
        raise MalformedRequest(f"the message cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise MalformedRequest("the message is no JSON object")
    return content


def _typed(content: dict[str, Any], name: str, kind: type) -> Any:
    value = content.get(name)
    if type(value) is not kind:
        raise MalformedRequest(f"{name} must be {'a text' if kind is str else 'a whole number'}")
    return value


def _octets(text: str, name: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise MalformedRequest(f"{name} must be hex digits") from error


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise MalformedRequest(sentence)
