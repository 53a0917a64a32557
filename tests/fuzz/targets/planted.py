"""A reader with a fault behind bytes that chance hardly writes: the engine must find it, or it finds nothing."""

from collections.abc import Iterator

from tests.fuzz.target import Target


def planted(data: bytes) -> None:
    """Raises for what begins with `B`, `U`, `G`, looked at one after the other."""
    for at, letter in enumerate(b"BUG"):
        if data[at : at + 1] != bytes((letter,)):
            return
    raise LookupError("the planted fault")


def seeds() -> Iterator[bytes]:
    """Two of the three."""
    yield b"BUx"


TARGETS = {"planted": Target(planted, seeds, size_max=4)}
