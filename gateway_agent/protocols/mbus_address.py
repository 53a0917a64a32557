"""Secondary addresses of M-Bus meters (EN 13757-3, 11): identification, manufacturer, version, medium, with wildcards."""

from dataclasses import dataclass
from typing import Self

from gateway_agent.protocols.mbus_link import PRIMARY_MAX, SELECTED, SND_UD, LongFrame

CI_SELECT = 0x52
_HEX = frozenset("0123456789ABCDEF")
_ID_DIGITS = 8
ANY_WORD, ANY_BYTE = 0xFFFF, 0xFF


@dataclass(frozen=True, slots=True)
class SecondaryAddress:
    """Which meter, or with wildcards which meters, are meant."""

    identification: str
    """Eight digits; F stands for any digit."""
    manufacturer: int = ANY_WORD
    version: int = ANY_BYTE
    medium: int = ANY_BYTE

    def __post_init__(self) -> None:
        if len(self.identification) != _ID_DIGITS or not set(self.identification) <= _HEX:
            raise ValueError(f"{self.identification!r} is no identification: eight digits, F for any")
        if not (0 <= self.manufacturer <= ANY_WORD and 0 <= self.version <= ANY_BYTE and 0 <= self.medium <= ANY_BYTE):
            raise ValueError("manufacturer is two bytes, version and medium are one byte each")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From 16 hexadecimal digits as in `12345678FFFFFFFF`: identification, manufacturer, version, medium.

        The manufacturer is written as on the wire (low byte first), as other M-Bus tools do. Raises ValueError.
        """
        digits = text.strip().upper()
        if len(digits) != 16 or not set(digits) <= _HEX:
            raise ValueError(f"{text!r} is no secondary address: 16 hexadecimal digits, F for any")
        maker = bytes.fromhex(digits[8:12])
        return cls(digits[:8], int.from_bytes(maker, "little"), int(digits[12:14], 16), int(digits[14:], 16))

    def encoded(self) -> bytes:
        """The eight bytes on the wire."""
        identification = bytes.fromhex(self.identification)[::-1]
        return identification + self.manufacturer.to_bytes(2, "little") + bytes((self.version, self.medium))

    def matches(self, other: "SecondaryAddress") -> bool:
        """Whether the meter `other` is meant."""
        digits = zip(self.identification, other.identification, strict=True)
        return (
            all(mine in ("F", theirs) for mine, theirs in digits)
            and self.manufacturer in (ANY_WORD, other.manufacturer)
            and self.version in (ANY_BYTE, other.version)
            and self.medium in (ANY_BYTE, other.medium)
        )

    def select_frame(self, *, count_bit: bool = False) -> LongFrame:
        """The SND_UD that makes the meant meter answer at address 253."""
        return LongFrame(SND_UD | (0x20 if count_bit else 0), SELECTED, CI_SELECT, self.encoded())

    def __str__(self) -> str:
        return self.encoded()[3::-1].hex().upper() + self.encoded()[4:].hex().upper()


def parse_address(text: str) -> int | SecondaryAddress:
    """A meter's address as a person writes it: `0` to `250`, or `sec:` and 16 hexadecimal digits. Raises ValueError."""
    if text.lower().startswith("sec:"):
        return SecondaryAddress.parse(text[4:])
    if not text.isdecimal() or not 0 <= int(text) <= PRIMARY_MAX:
        raise ValueError(f"{text!r} is no M-Bus address: 0 to {PRIMARY_MAX}, or sec: and 16 hexadecimal digits")
    return int(text)
