"""Signed HTTP requests: RFC 9421's own example agrees, and a change in any covered part is noticed."""

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from community.chain.http_signatures import FRESH_S, UnsignedRequest, _signature_base, read_signature, signature_headers

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
NONCE = "0123456789abcdef"
BODY = b'{"jsonrpc":"2.0"}'


def headers(body: bytes = BODY, **changes: str) -> dict[str, str]:
    signed = signature_headers(KEY, "settlement", "POST", "/", body, created=1_772_000_000, nonce=NONCE)
    return {name.lower(): value for name, value in signed.items()} | {
        k.replace("_", "-"): v for k, v in changes.items()
    }


@given(body=st.binary(max_size=200))
def test_a_signed_request_is_recognised(body: bytes) -> None:
    read = read_signature(headers(body), body)
    assert (read.keyid, read.created, read.nonce) == ("settlement", 1_772_000_000, NONCE)
    assert read.is_by(PUBLIC, "POST", "/", body)


@pytest.mark.parametrize(
    ("key", "method", "path", "body"),
    [
        (bytes(32), "POST", "/", BODY),
        (b"short", "POST", "/", BODY),
        (PUBLIC, "GET", "/", BODY),
        (PUBLIC, "POST", "/other", BODY),
        (PUBLIC, "POST", "/", BODY + b" "),
    ],
)
def test_other_keys_and_other_requests_are_not_signed_by_it(key: bytes, method: str, path: str, body: bytes) -> None:
    assert not read_signature(headers(), BODY).is_by(key, method, path, body)


@pytest.mark.parametrize("name", ["settlement", NONCE, "1772000000"])
def test_every_parameter_is_covered(name: str) -> None:
    other = headers()["signature-input"].replace(name, {"1772000000": "1772000001"}.get(name, name[::-1]))
    assert not read_signature(headers(signature_input=other), BODY).is_by(PUBLIC, "POST", "/", BODY)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("content_digest", "", "Content-Digest must"),
        ("content_digest", headers(b"")["content-digest"], "Content-Digest must"),
        ("signature_input", "", "Signature-Input must"),
        ("signature_input", headers()["signature-input"].replace(' "content-digest"', ""), "Signature-Input must"),
        ("signature_input", headers()["signature-input"].replace("ed25519", "hmac-sha256"), "Signature-Input must"),
        ("signature_input", headers()["signature-input"] + ";tag=x", "Signature-Input must"),
        ("signature", "", "Signature must"),
        ("signature", "sig1=:AAAA:", "Signature must"),
    ],
)
def test_what_bears_no_signature_of_this_profile(name: str, value: str, sentence: str) -> None:
    with pytest.raises(UnsignedRequest, match=sentence):
        read_signature(headers(**{name: value}), BODY)


def test_a_signature_is_fresh_for_a_while() -> None:
    read = read_signature(headers(), BODY)
    shifts = (-FRESH_S - 1, -FRESH_S, FRESH_S, FRESH_S + 1)
    assert [read.is_fresh(read.created + shift) for shift in shifts] == [False, True, True, False]
    assert not replace(read, created=0).is_fresh(read.created)


@pytest.mark.parametrize(
    ("keyid", "nonce"), [("", NONCE), ('a"b', NONCE), ("a", "short"), ("a", "x" * 65), ("a", "a b" * 6)]
)
def test_what_cannot_be_sent_is_not_signed(keyid: str, nonce: str) -> None:
    with pytest.raises(ValueError, match="key id"):
        signature_headers(KEY, keyid, "POST", "/", BODY, created=1, nonce=nonce)


def test_the_signature_base_is_that_of_the_standard() -> None:
    """RFC 9421, B.2.6 (its key, its signature), with the components that this profile covers taken from its base."""
    public = Ed25519PublicKey.from_public_bytes(
        base64.urlsafe_b64decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs=")
    )
    parameters = '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"'
    base = (
        '"date": Tue, 20 Apr 2021 02:07:55 GMT\n"@method": POST\n"@path": /foo\n"@authority": example.com\n'
        '"content-type": application/json\n"content-length": 18\n'
        f'"@signature-params": {parameters}'
    )
    signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    public.verify(base64.b64decode(signature), base.encode())
    ours = _signature_base("POST", "/foo", "sha-256=:x:", parameters).decode().split("\n")
    theirs = base.split("\n")
    assert ours[0] == theirs[1] and ours[1] == theirs[2] and ours[3] == theirs[-1]
