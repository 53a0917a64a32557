"""What every transport hands on, and how each is fed."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReceivedApdu:
    """One whole application message, ciphered or not."""

    apdu: bytes
    raw: bytes
    """Everything received for it, frames with their flags and checks, in order."""


class TelegramDeframer(Protocol):
    """Cuts a stream that may begin anywhere and lose anything. Bounded, never raises, the same whatever the pieces."""

    @property
    def dropped_bytes(self) -> int:
        """Bytes that belonged to no whole message."""
        ...

    def feed(self, data: bytes) -> list[ReceivedApdu]:
        """The messages that `data` completes, oldest first."""
        ...

    def line_quiet(self) -> list[ReceivedApdu]:
        """To be called when no byte came for a while: whatever still waits for bytes is given up or handed on."""
        ...
