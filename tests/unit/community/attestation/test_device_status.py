"""What a device says of itself, by JSON and by radio, and what is no such word."""

import pytest

from community.attestation import cbor
from community.attestation.device_status import DeviceStatus, MalformedStatus, parse_radio_status, parse_status


def test_a_status_is_what_the_gateway_publishes() -> None:
    said = b'{"online":true,"fw":"1.2.0","backlog":0,"ctr":78,"development_key":true,"later":[1]}'
    assert parse_status(said) == DeviceStatus(True, "1.2.0", 0, 78, True)
    assert parse_status(b'{"online":false}') == DeviceStatus(False)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"online":1}',
        b'{"online":true,"fw":""}',
        b'{"online":true,"fw":"a\\nb"}',
        b'{"online":true,"fw":"' + b"x" * 65 + b'"}',
        b'{"online":true,"fw":1}',
        b'{"online":true,"backlog":-1}',
        b'{"online":true,"backlog":true}',
        b'{"online":true,"ctr":4294967296}',
        b'{"online":true,"ctr":1.0}',
        b'{"online":true,"development_key":0}',
        b'{"online":true}' + b" " * 4096,
        b'{"online":true,"deep":[[[[]]]]}',
    ],
)
def test_what_is_no_status(payload: bytes) -> None:
    with pytest.raises(MalformedStatus):
        parse_status(payload)


def test_by_radio_it_is_a_map_with_numbers_for_names() -> None:
    assert parse_radio_status(cbor.encode({1: "2.0", 2: 3, 3: 9})) == DeviceStatus(True, "2.0", 3, 9)
    assert parse_radio_status(cbor.encode({})) == DeviceStatus(True)


@pytest.mark.parametrize("plaintext", [b"\xff", cbor.encode([]), cbor.encode({5: 1}), cbor.encode({2: "3"})])
def test_what_is_no_status_by_radio(plaintext: bytes) -> None:
    with pytest.raises(MalformedStatus):
        parse_radio_status(plaintext)
