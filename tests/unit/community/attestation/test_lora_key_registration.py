"""A key by radio fits every data rate and comes back whole; nothing else is one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from community.attestation.lora_frame import OVERHEAD
from community.attestation.lora_key_registration import (
    SIZE,
    MalformedRegistration,
    encode_registration,
    parse_registration,
)
from tests.support.sending_device import SendingDevice

KEY = SendingDevice().public_key


@pytest.mark.parametrize("insecure", [True, False])
def test_what_is_sent_comes_back(insecure: bool) -> None:
    for key in (KEY, SendingDevice().public_key):
        plaintext = encode_registration(key, insecure=insecure)
        assert len(plaintext) == SIZE and SIZE + OVERHEAD <= 51
        assert parse_registration(plaintext) == (key, insecure)


@settings(max_examples=60)
@given(st.binary(min_size=SIZE, max_size=SIZE))
def test_any_34_bytes_are_a_key_or_malformed(content: bytes) -> None:
    try:
        key, insecure = parse_registration(content)
    except MalformedRegistration:
        return
    assert encode_registration(key, insecure=insecure) == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(SIZE),
        b"\x02" + encode_registration(KEY, insecure=False)[1:],
        b"\0\x04" + bytes(32),
        b"\0\x02" + b"\xff" * 32,
    ],
    ids=["nothing", "no_point", "unknown_flag", "unknown_form", "beyond_the_field"],
)
def test_what_registers_no_key(content: bytes) -> None:
    with pytest.raises(MalformedRegistration):
        parse_registration(content)


def test_no_point_is_not_sent() -> None:
    with pytest.raises(ValueError, match="65 bytes"):
        encode_registration(KEY[:-1], insecure=False)
