"""Why a telegram gives no reading. A telegram is read whole or not at all."""

from typing import Self


class UnreadableTelegram(ValueError):
    """Root of all reasons. The text says what to look at."""


class BadFrame(UnreadableTelegram):
    """The HDLC frame is cut, altered or no frame."""


class BadCiphering(UnreadableTelegram):
    """The ciphering header is not one this decoder knows, or the authentication tag does not fit."""


class UnknownLayout(UnreadableTelegram):
    """The deciphered bytes have no known structure: the key is wrong, or the layout is unknown."""

    @classmethod
    def because(cls, what: str) -> Self:
        """The one sentence with its remedy, whatever did not fit."""
        return cls(f"wrong meter key, or a layout not known here: {what}; compare the key with the operator's portal")


class EndsEarly(UnknownLayout):
    """The structure is right so far, and more bytes should follow."""


class UnreadableClock(UnreadableTelegram):
    """The meter's own time names no instant."""
