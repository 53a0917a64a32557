"""Requests to the signer and its answers: what survives the trip, and what does not."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from community.chain.signature_requests import (
    FRESH_S,
    SIZE_MAX,
    MalformedRequest,
    RefusedReply,
    SignatureRequest,
    SignedReply,
    SignedRequest,
    encode_reply,
    parse_reply,
    parse_request,
    sign_request,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
NOW = 1_772_000_000
REQUEST = SignatureRequest(
    id="tx_1.1",
    requester="settlement",
    issuance_id="0x" + "11" * 32,
    chain_id=137,
    account="0x" + "aa" * 20,
    nonce=7,
    to="0x" + "bb" * 20,
    data=b"\x01\x02",
    gas=100_000,
    max_fee=2 * 10**11,
    tip=3 * 10**10,
)
CHANGES: dict[str, Any] = {
    "id": "tx_1.2",
    "requester": "other",
    "issuance_id": "0x" + "12" * 32,
    "chain_id": 138,
    "account": "0x" + "ab" * 20,
    "nonce": 8,
    "to": "0x" + "bc" * 20,
    "data": b"\x01\x03",
    "gas": 100_001,
    "max_fee": 2 * 10**11 + 1,
    "tip": 3 * 10**10 + 1,
    "evidence": b"\x01",
}


def test_a_request_arrives_as_it_was_sent() -> None:
    asked = parse_request(sign_request(REQUEST, KEY, NOW))
    assert (asked.request, asked.asked_at) == (REQUEST, NOW)
    assert asked.is_signed_by(PUBLIC)


@pytest.mark.parametrize("name", [field.name for field in fields(SignatureRequest)])
def test_the_signature_covers_every_field(name: str) -> None:
    asked = parse_request(sign_request(REQUEST, KEY, NOW))
    assert not replace(asked, request=replace(REQUEST, **{name: CHANGES[name]})).is_signed_by(PUBLIC)


def test_the_signature_covers_the_instant() -> None:
    asked = parse_request(sign_request(REQUEST, KEY, NOW))
    assert not replace(asked, asked_at=NOW + 1).is_signed_by(PUBLIC)


def test_a_request_is_fresh_for_a_while() -> None:
    asked = parse_request(sign_request(REQUEST, KEY, NOW))
    fresh = {shift: asked.is_fresh(NOW + shift) for shift in (-FRESH_S - 1, -FRESH_S, 0, FRESH_S, FRESH_S + 1)}
    assert list(fresh.values()) == [False, True, True, True, False]


@pytest.mark.parametrize("public_key", [bytes(32), b"short", PUBLIC[::-1]])
def test_other_keys_did_not_sign(public_key: bytes) -> None:
    assert not SignedRequest(REQUEST, NOW, KEY.sign(REQUEST.canonical(NOW))).is_signed_by(public_key)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", "a b"),
        ("requester", "../x"),
        ("issuance_id", "0x1"),
        ("account", "0x" + "AA" * 20),
        ("to", "bb" * 20),
        ("nonce", -1),
        ("nonce", 1 << 63),
        ("nonce", True),
        ("nonce", "7"),
        ("gas", 1.5),
        ("tip", 0),
        ("tip", 10**12),
        ("data", "0x0102"),
        ("data", None),
        ("evidence", "0x01"),
        ("evidence", None),
        ("asked_at", -1),
        ("asked_at", "1"),
        ("signature", "zz"),
        ("signature", 5),
        ("unknown", 1),
    ],
)
def test_malformed_requests_are_refused(name: str, value: Any) -> None:
    content = json.loads(sign_request(REQUEST, KEY, NOW))
    content[name] = value
    with pytest.raises(MalformedRequest):
        parse_request(json.dumps(content).encode())


@pytest.mark.parametrize(
    "message", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b" " * (SIZE_MAX + 1)]
)
def test_what_is_no_request_at_all(message: bytes) -> None:
    for parse in (parse_request, parse_reply):
        with pytest.raises(MalformedRequest):
            parse(message)


@pytest.mark.parametrize("reply", [SignedReply("a.1", b"\x02\x03", "0x" + "cd" * 32), RefusedReply("a.1", "Too dear.")])
def test_an_answer_arrives_as_it_was_sent(reply: SignedReply | RefusedReply) -> None:
    assert parse_reply(encode_reply(reply)) == reply


@pytest.mark.parametrize("change", [{"status": "maybe"}, {"raw": ""}, {"raw": "0x"}, {"tx_hash": "0x1"}, {"id": 4}])
def test_malformed_answers_are_refused(change: dict[str, Any]) -> None:
    content = json.loads(encode_reply(SignedReply("a.1", b"\x02", "0x" + "cd" * 32))) | change
    with pytest.raises(MalformedRequest):
        parse_reply(json.dumps(content).encode())
