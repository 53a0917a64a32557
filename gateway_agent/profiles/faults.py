"""Everything that is wrong with a profile file, told at once."""

from collections.abc import Mapping
from typing import Any, cast

from community.errors import FatalError

BAUD_MIN, BAUD_MAX = 300, 921_600


class ProfileError(FatalError):
    """A profile that cannot be used. Its text lists everything that is wrong with it."""


class Faults:
    """Collects what is wrong, so that a person corrects it in one go."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def note(self, fault: str) -> None:
        self._found.append(fault)

    def unknown_keys(self, where: str, table: Mapping[str, Any], known: set[str]) -> None:
        for key in sorted(table.keys() - known):
            self.note(f"{where}{key} is no key of a profile: is it misspelt?")

    def table(self, document: Mapping[str, Any], key: str) -> dict[str, Any]:
        """The table `key`; empty, and noted, if it is none."""
        table = document.get(key)
        if isinstance(table, dict):
            return cast(dict[str, Any], table)
        self.note(f"{key} must be a table")
        return {}

    def line(self, document: Mapping[str, Any], formats: tuple[str, ...]) -> tuple[int, str]:
        """(baud, format) of the table `line`."""
        line = self.table(document, "line")
        self.unknown_keys("line.", line, {"baud", "format"})
        baud, bits = line.get("baud"), line.get("format")
        if type(baud) is not int or not BAUD_MIN <= baud <= BAUD_MAX:
            self.note(f"line.baud {baud!r} is outside {BAUD_MIN} to {BAUD_MAX}")
        if bits not in formats:
            self.note(f"line.format {bits!r} is not known: {', '.join(formats)}")
        return (baud if type(baud) is int else 0), str(bits)

    def whole_number(self, where: str, table: Mapping[str, Any], key: str, default: int, largest: int) -> int:
        """The number `key` from 0 to `largest`, or `default` if it is not there."""
        value = table.get(key, default)
        if type(value) is int and 0 <= value <= largest:
            return value
        self.note(f"{where}{key} {value!r} is outside 0 to {largest}")
        return default

    def raise_any(self, name: str) -> None:
        if self._found:
            raise ProfileError(f"profile {name} cannot be used:\n" + "\n".join(f"  - {fault}" for fault in self._found))
