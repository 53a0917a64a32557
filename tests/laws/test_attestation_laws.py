"""Laws of the evidence: proofs prove exactly what is there, and every codec gives back what it was given."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from community.attestation import merkle
from community.attestation.device_message import encode_up, parse_up
from community.attestation.sealing import Direction, derive_salt_key, open_message, seal_message
from community.attestation.signatures import verify_p256
from community.attestation.statement import SlotReading, parse_cose_sign1, parse_leaf_input
from tests.unit.community.attestation.builders import EUI, SECRET, DeviceKey, message_of

KEY = DeviceKey()
HASHES = st.lists(st.binary(max_size=4).map(merkle.leaf_hash), min_size=1, max_size=70)


def _rfc_root(leaves: list[bytes]) -> bytes:
    """RFC 9162 2.1.1 as it is written: split at the largest power of two below the number of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _rfc_root(leaves[:k]) + _rfc_root(leaves[k:])).digest()


@given(HASHES)
def test_the_root_is_that_of_the_recursive_definition(leaves: list[bytes]) -> None:
    assert merkle.root(leaves) == _rfc_root(leaves)


def test_the_root_of_nothing() -> None:
    assert merkle.root([]) == hashlib.sha256(b"").digest()


@given(HASHES, st.data())
def test_a_path_proves_its_leaf_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = merkle.inclusion_path(leaves, index), merkle.root(leaves)
    count = len(leaves)
    assert merkle.verify_inclusion(leaves[index], index, count, path, root)
    stranger = merkle.leaf_hash(b"stranger")
    assert not merkle.verify_inclusion(stranger, index, count, path, root)
    assert not merkle.verify_inclusion(leaves[index], index, count, path, stranger)
    assert not merkle.verify_inclusion(leaves[index], index, count, (*path, stranger), root)
    assert not merkle.verify_inclusion(leaves[index], index, count, [*path[:-1], b"short"], root)
    assert not merkle.verify_inclusion(leaves[index], count, count, path, root)
    longer = merkle.node_hash(stranger, root)
    assert not merkle.verify_inclusion(leaves[index], index, count, (*path, stranger), longer)
    if path:
        assert not merkle.verify_inclusion(leaves[index], index, count, path[:-1], root)


@st.composite
def slots_with_readings(draw: st.DrawFn) -> tuple[int, int, int, tuple[SlotReading, ...]]:
    profile = draw(st.integers(1, 3))
    first, span = draw(st.integers(0, 2**32 - 256)), draw(st.integers(1, 256))
    slots = draw(st.sets(st.integers(first, first + span - 1), min_size=1, max_size=12))
    register = st.integers(0, 2**64 - 1)
    registers = st.tuples(register, register) if profile == 2 else st.tuples(register)
    byte = st.integers(0, 255)
    readings = tuple(SlotReading(slot, draw(byte), draw(byte), draw(registers)) for slot in sorted(slots))
    return profile, first, span, readings


@settings(max_examples=60, deadline=None)
@given(slots_with_readings(), st.integers(0, 2**32 - 1))
def test_a_message_survives_the_way_and_proves_its_readings(
    drawn: tuple[int, int, int, tuple[SlotReading, ...]], counter: int
) -> None:
    profile, first, span, readings = drawn
    message = message_of(KEY, readings, profile=profile, first_slot=first, span=span, ctr=counter)
    sealed = seal_message(SECRET, EUI, counter % 4, Direction.UP, counter, encode_up(message))
    opened = open_message(sealed, SECRET, EUI, Direction.UP)
    arrived = parse_up(opened.plaintext)
    salt_key = derive_salt_key(SECRET, EUI)
    assert (opened.counter, opened.generation, arrived) == (counter, counter % 4, message)
    assert arrived.matches_root(salt_key)
    assert verify_p256(KEY.public_key, arrived.signed.to_be_signed(), arrived.signed.signature)
    assert parse_cose_sign1(arrived.signed.cose_sign1()) == message.signed
    assert tuple(parse_leaf_input(leaf)[1] for leaf in arrived.leaf_inputs(salt_key)) == readings


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_but_the_declared_error(data: bytes) -> None:
    for parse in (parse_cose_sign1, parse_up, lambda raw: open_message(raw, SECRET, EUI, Direction.UP)):
        with pytest.raises(ValueError, match=r"\w"):
            parse(data)
