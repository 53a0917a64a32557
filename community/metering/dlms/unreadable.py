"""Why a telegram gives no reading. A telegram is read whole or not at all."""


class UnreadableTelegram(ValueError):
    """Root of all reasons. The text says what to look at."""


class BadFrame(UnreadableTelegram):
    """The HDLC frame is cut, altered or no frame."""


class BadCiphering(UnreadableTelegram):
    """The ciphering header is not one this decoder knows, or the authentication tag does not fit."""


class UnknownLayout(UnreadableTelegram):
    """The deciphered bytes have no known structure: the key is wrong, or the layout is unknown."""


class UnreadableClock(UnreadableTelegram):
    """The meter's own time names no instant."""
