"""How a call is made into bytes and an answer is read back. Strict: what is accepted re-encodes to the same bytes."""

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.crypto import keccak


def selector(name: str, types: Sequence[str]) -> bytes:
    """The four bytes that name a function."""
    return keccak(text=f"{name}({','.join(types)})")[:4]


def call(name: str, types: Sequence[str] = (), values: Sequence[Any] = ()) -> bytes:
    """Selector and arguments. Raises ValueError if a value does not fit its type."""
    try:
        return selector(name, types) + encode(types, values)
    except EncodingError as error:
        raise ValueError(f"{name}: {error}") from error


def strictly(what: str, types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """The values, if `data` is their one canonical encoding. Raises ValueError."""
    try:
        values = decode(types, data)
        canonical = encode(types, values)
    except (DecodingError, EncodingError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"not {what}: {error}") from error
    if canonical != data:
        raise ValueError(f"not {what}: the encoding is not the canonical one")
    return values


def arguments(name: str, types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """The arguments of a call of this function. Raises ValueError for any other call."""
    if data[:4] != selector(name, types):
        raise ValueError(f"not a call of {name}: it starts with 0x{data[:4].hex()}")
    return strictly(f"a call of {name}", types, data[4:])
