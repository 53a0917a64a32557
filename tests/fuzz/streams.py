"""Streams for readers that are fed piece by piece: the pieces make no difference, and what is held stays bounded."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from tests.fuzz.target import held_bytes

Found_co = TypeVar("Found_co", covariant=True)
PIECES = (1, 7, 64, 1000)
TIMES = 40
_OVER_AND_OVER, _PLAN = 0x0C, 0x3C
STREAM_MAX = 60_000
_LOOKED_AT = 16
"""Every so many pieces the reader's buffers are measured."""


class Reader(Protocol[Found_co]):
    """A reader of a stream."""

    def feed(self, data: bytes, /) -> Iterable[Found_co]: ...
    def line_quiet(self) -> Iterable[Found_co]: ...


def stream_of(data: bytes) -> tuple[int, bytes]:
    """(size of the pieces, stream): the first byte says how the rest is cut, and whether it comes over and over (that is slow, so seldom)."""
    plan, rest = data[0] if data else 0, data[1:]
    if plan & _PLAN != _OVER_AND_OVER:
        return PIECES[plan & 3], rest
    return max(64, PIECES[plan & 3]), (rest * TIMES)[:STREAM_MAX]


def found_in(data: bytes, new: Callable[[], Reader[Found_co]], *, held_max: int) -> list[Found_co]:
    """What readers find in the stream that `data` describes: all at once and in pieces, which must be the same.

    `held_max` bounds the bytes that a reader holds between two pieces.
    """
    size, stream = stream_of(data)
    whole = _fed(new(), [stream], held_max)
    cut = _fed(new(), [stream[at : at + size] for at in range(0, len(stream), size)], held_max)
    assert cut == whole, f"in pieces of {size}: {_brief(cut)}; at once: {_brief(whole)}"
    return whole


def _fed(reader: Reader[Found_co], pieces: list[bytes], held_max: int) -> list[Found_co]:
    found: list[Found_co] = []
    for number, piece in enumerate(pieces):
        found += reader.feed(piece)
        if number % _LOOKED_AT == 0 or number == len(pieces) - 1:
            assert held_bytes(reader) <= held_max, f"{held_bytes(reader)} bytes are held after {number + 1} pieces"
    found += reader.line_quiet()
    return found


def _brief(found: list[Any]) -> str:
    return f"{len(found)} found, {[str(each)[:300] for each in found[:3]]}"
