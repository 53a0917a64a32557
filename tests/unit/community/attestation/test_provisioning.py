"""Messages about a device's keys: what is encoded comes back, and nothing else is taken for one."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from community.attestation import cbor
from community.attestation.provisioning import (
    Answered,
    KeyChanged,
    KeyOffered,
    KeyProven,
    MalformedProvisioning,
    NonceGiven,
    Reply,
    Request,
    encode_reply,
    encode_request,
    parse_reply,
    parse_request,
)
from tests.support.sending_device import SendingDevice

KEY = SendingDevice().public_key
octets = st.binary(max_size=300)
requests = st.one_of(
    st.builds(KeyOffered, st.just(KEY), st.booleans()),
    st.builds(KeyProven, st.just(KEY), octets, st.booleans()),
    st.builds(KeyChanged, octets, st.booleans()),
)
replies = st.one_of(
    st.builds(NonceGiven, st.binary(min_size=8, max_size=64)), st.builds(Answered, st.booleans(), st.text(max_size=50))
)


@settings(max_examples=50)
@given(requests, replies)
def test_what_is_said_is_heard(request: Request, reply: Reply) -> None:
    assert parse_request(encode_request(request)) == request
    assert parse_reply(encode_reply(reply)) == reply


@settings(max_examples=80)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_message_or_malformed(content: bytes) -> None:
    for parse in (parse_request, parse_reply):
        with contextlib.suppress(MalformedProvisioning):
            parse(content)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([1], "is a map"),
        ({1: KEY}, "kept insecurely"),
        ({1: KEY, 3: 0}, "kept insecurely"),
        ({1: KEY[:-1], 3: False}, "65 bytes"),
        ({1: 5, 3: False}, "at most"),
        ({1: KEY, 2: bytes(1025), 3: False}, "at most 1024"),
        ({3: True}, "offers one"),
        ({1: KEY, 3: True, 4: b""}, "offers one"),
    ],
)
def test_what_is_no_request(fields: object, said: str) -> None:
    with pytest.raises(MalformedProvisioning, match=said):
        parse_request(cbor.encode(fields))


@pytest.mark.parametrize("fields", [{1: bytes(7)}, {1: bytes(65)}, {2: 1, 3: "x"}, {2: True}, {2: True, 3: b""}, {}])
def test_what_is_no_reply(fields: object) -> None:
    with pytest.raises(MalformedProvisioning, match=r"nonce|says whether"):
        parse_reply(cbor.encode(fields))
