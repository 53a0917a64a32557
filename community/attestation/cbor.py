"""Deterministic CBOR (RFC 8949 section 4.2.1), bounded, for bytes that strangers send."""

from typing import Any

import cbor2

LENGTH_MAX = 65536


class MalformedCbor(ValueError):
    """Bytes that are no CBOR, have something after it, or are not encoded deterministically."""


def encode(value: Any) -> bytes:
    """`value` in deterministic CBOR."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes) -> Any:
    """The one value that `data` encodes deterministically. Raises MalformedCbor.

    Encoding again and comparing refuses trailing bytes, long forms, unsorted and doubled map keys at once: two
    different byte strings never mean the same, so a signature over a re-encoding is one over the bytes that came.
    """
    if len(data) > LENGTH_MAX:
        raise MalformedCbor(f"{len(data)} bytes are more than the {LENGTH_MAX} that any message may have")
    try:
        value = cbor2.loads(data)
        again = encode(value)
    except (cbor2.CBORError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError, MemoryError) as error:
        raise MalformedCbor(f"not readable as CBOR: {error or type(error).__name__}") from error
    if again != data:
        raise MalformedCbor("the CBOR is not in deterministic form, or has bytes after its end")
    return value


def is_uint(value: Any, bits: int) -> bool:
    """Whether `value` is an integer of at most `bits` bits and no bool (which Python counts as one)."""
    return type(value) is int and 0 <= value < 1 << bits
