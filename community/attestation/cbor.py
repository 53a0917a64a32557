"""Deterministic CBOR (RFC 8949 section 4.2.1), bounded, for bytes that strangers send."""

from typing import Any

import cbor2

LENGTH_MAX = 65536
DEPTH_MAX = 8
TAGS = (16, 18, 98)
"""COSE_Encrypt0, COSE_Sign1 and COSE_Sign, the only tags of the format."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
UINT32 = rb"(?:[\x00-\x17]|\x18[\x18-\xff]|\x19[\x01-\xff].|\x1a(?!\x00\x00).{4})"
"""A regular expression (DOTALL) for an unsigned integer of at most 32 bits in its one deterministic form."""
UINT64 = UINT32[:-1] + rb"|\x1b(?!\x00{4}).{8})"
"""The same for 64 bits."""
_KEYS = (_UNSIGNED, _NEGATIVE, _TEXT)
_FALSE_TRUE_NULL = (20, 21, 22)


class MalformedCbor(ValueError):
    """Bytes that are no CBOR, have something after it, or are not encoded deterministically."""


def encode(value: Any) -> bytes:
    """`value` in deterministic CBOR."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes) -> Any:
    """The one value that `data` encodes deterministically: integers, texts, bytes, lists, maps, the two tags. Raises MalformedCbor.

    Nothing else reaches the library: its tags for regular expressions, decimals and so on compute for seconds on a few
    kilobytes, and a float or truth value as a map's key equals an integer.
    Encoding again and comparing refuses trailing bytes, long forms, unsorted and doubled map keys at once: two
    different byte strings never mean the same, so a signature over a re-encoding is one over the bytes that came.
    """
    if len(data) > LENGTH_MAX:
        raise MalformedCbor(f"{len(data)} bytes are more than the {LENGTH_MAX} that any message may have")
    if _end_of_item(data, 0, 0) != len(data):
        raise MalformedCbor("the CBOR has bytes after its end")
    try:
        value = cbor2.loads(data)
        again = encode(value)
    except (cbor2.CBORError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError, MemoryError) as error:
        raise MalformedCbor(f"not readable as CBOR: {error or type(error).__name__}") from error
    if again != data:
        raise MalformedCbor("the CBOR is not in deterministic form")
    return value


def _end_of_item(data: bytes, at: int, depth: int) -> int:
    """Where the item that begins at `at` ends. Raises MalformedCbor for what is not of this format, or not whole."""
    if depth > DEPTH_MAX:
        raise MalformedCbor(f"not readable as CBOR: nested more than {DEPTH_MAX} levels deep")
    major, number, at = _head(data, at)
    if major in {_BYTES, _TEXT}:
        at += number
    elif major == _ARRAY:
        _expect_room(data, at, number)
        for _ in range(number):
            at = _end_of_item(data, at, depth + 1)
    elif major == _MAP:
        _expect_room(data, at, 2 * number)
        for _ in range(number):
            if at < len(data) and data[at] >> 5 not in _KEYS:
                raise MalformedCbor("not readable as CBOR: the key of a map must be an integer or a text")
            at = _end_of_item(data, _end_of_item(data, at, depth + 1), depth + 1)
    elif major == _TAG:
        if number not in TAGS:
            raise MalformedCbor(f"not readable as CBOR: tag {number} has no place in this format")
        at = _end_of_item(data, at, depth + 1)
    elif major == _SIMPLE and number not in _FALSE_TRUE_NULL:
        raise MalformedCbor(
            "not readable as CBOR: of floats and simple values only false, true and null are known here"
        )
    _expect_room(data, at, 0)
    return at


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """(major type, its number, where what follows begins); of type 7 the low five bits are the number."""
    _expect_room(data, at, 1)
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if low < 24 or major == _SIMPLE:
        return major, low, at
    if low > 27:
        raise MalformedCbor("not readable as CBOR: lengths must be given")
    size = 1 << (low - 24)
    _expect_room(data, at, size)
    return major, int.from_bytes(data[at : at + size], "big"), at + size


def _expect_room(data: bytes, at: int, size: int) -> None:
    if at + size > len(data):
        raise MalformedCbor("not readable as CBOR: it ends too early")


def head(major: int, number: int) -> bytes:
    """The first bytes of an item of major type `major` (RFC 8949 3), in their one deterministic form."""
    if number < 24:
        return bytes((major << 5 | number,))
    if number < 0x100:
        return bytes((major << 5 | 24, number))
    if number < 0x10000:
        return bytes((major << 5 | 25,)) + number.to_bytes(2)
    if number < 0x1_0000_0000:
        return bytes((major << 5 | 26,)) + number.to_bytes(4)
    return bytes((major << 5 | 27,)) + number.to_bytes(8)


def uint_of(item: bytes) -> int:
    """The number that the whole bytes of one unsigned integer encode."""
    return item[0] if len(item) == 1 else int.from_bytes(item[1:])


def is_uint(value: Any, bits: int) -> bool:
    """Whether `value` is an integer of at most `bits` bits and no bool (which Python counts as one)."""
    return type(value) is int and 0 <= value < 1 << bits
