"""What may stand in a cell of an import: each reader gives the value, or raises BadCell with what to write instead."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from community.attestation.profiles import PROFILES
from community.attestation.signatures import check_public_key
from community.clock import as_utc, is_boundary

TEXT_MAX = 200
_NUMBER_MAX = 2**63 - 1
_OBIS = re.compile(r"\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}")
_EUI = re.compile(r"[0-9a-f]{16}")
_SOURCE_REF = re.compile(r"0x[0-9a-f]{64}")


class BadCell(ValueError):
    """The cell cannot be read. `remedy` says what to write."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


Read = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file: how its cells are read, whether a row must fill it, what an empty cell means."""

    name: str
    read: Read
    required: bool = True
    default: Any = None
    secret: bool = False


def text(cell: str) -> str:
    """Words without control characters."""
    if len(cell) > TEXT_MAX or not cell.isprintable():
        raise BadCell(
            f"it has {len(cell)} characters or characters that cannot be shown",
            f"write up to {TEXT_MAX} letters, digits and signs",
        )
    return cell


def metering_point_code(cell: str) -> str:
    """33 letters and digits in Austria and Germany; other countries have other lengths."""
    if not 8 <= len(cell) <= 33 or not cell.isascii() or not cell.isalnum() or cell != cell.upper():
        raise BadCell(
            "this is no metering point code", "copy the 33 capital letters and digits from the operator's contract"
        )
    return cell


def yes_or_no(cell: str) -> bool:
    """yes or no."""
    if cell.lower() not in {"yes", "no"}:
        raise BadCell("this is neither yes nor no", "write yes or no")
    return cell.lower() == "yes"


def one_of(*choices: str) -> Read:
    """One of a few words."""

    def read(cell: str) -> str:
        if cell not in choices:
            raise BadCell("this is none of the known words", f"write {' or '.join(choices)}")
        return cell

    return read


def whole(low: int, high: int = _NUMBER_MAX) -> Read:
    """A whole number between two others, in plain digits."""

    def read(cell: str) -> int:
        if not cell.isascii() or not cell.isdecimal() or len(cell) > 19 or not low <= int(cell) <= high:
            bound = f"between {low} and {high}" if high < _NUMBER_MAX else f"of {low} or more"
            raise BadCell("this is no such number", f"write a whole number {bound}, digits only")
        return int(cell)

    return read


def obis(cell: str) -> str:
    """An OBIS code with medium, channel and three groups."""
    if not _OBIS.fullmatch(cell):
        raise BadCell("this is no OBIS code", "write it as 1-0:2.8.0")
    return cell


def registers(cell: str) -> dict[str, int | None]:
    """`1-0:1.8.0+1-0:2.8.0=100000000`: OBIS codes, each with the count at which it wraps, in Wh, if that is known."""
    found: dict[str, int | None] = {}
    for part in cell.replace(" ", "").split("+"):
        code, _, modulus = part.partition("=")
        if obis(code) in found:
            raise BadCell(f"register {code} stands twice", "name each register once")
        found[code] = whole(1)(modulus) if modulus else None
    return found


def eui(cell: str) -> str:
    """A device EUI: 16 hexadecimal digits, in any case."""
    if not _EUI.fullmatch(cell.lower()):
        raise BadCell("this is no device EUI", "write its 16 hexadecimal digits without dashes")
    return cell.lower()


def source_ref(cell: str) -> str:
    """The name of a source on chain."""
    if not _SOURCE_REF.fullmatch(cell):
        raise BadCell("this is no reference of a source on chain", "write 0x and 64 lower-case hexadecimal digits")
    return cell


def profile(cell: str) -> int:
    """A register profile of ECW1."""
    if cell not in {str(number) for number in PROFILES}:
        raise BadCell("this register profile is not known", f"write one of {', '.join(map(str, PROFILES))}")
    return int(cell)


def hexadecimal(size: int) -> Read:
    """`size` bytes in hexadecimal digits."""

    def read(cell: str) -> bytes:
        try:
            value = bytes.fromhex(cell)
        except ValueError:
            value = b""
        if len(value) != size or len(cell) != 2 * size:
            # never with what stands there: it may be a secret with one digit too many
            raise BadCell(f"these are not {2 * size} hexadecimal digits", f"write {2 * size} hexadecimal digits")
        return value

    return read


def public_key(cell: str) -> bytes:
    """A P-256 point as `key show` gives it."""
    value: bytes = hexadecimal(65)(cell)
    try:
        return check_public_key(value)
    except ValueError as error:
        raise BadCell(str(error), "copy it from `python -m gateway_agent key show`") from error


def instant(cell: str) -> datetime:
    """An instant with its zone."""
    try:
        return as_utc(datetime.fromisoformat(cell))
    except ValueError as error:
        raise BadCell("this is no instant with a time zone", "write it as 2026-01-31T23:00:00Z") from error


def boundary(cell: str) -> datetime:
    """An instant on the quarter-hour."""
    found = instant(cell)
    if not is_boundary(found):
        raise BadCell("this is not on the quarter-hour", "write an instant such as 2026-01-31T23:15:00Z")
    return found
