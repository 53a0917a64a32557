"""Where in a TOML text each setting stands. The parser of the standard library gives values but no lines.

Only for messages: the values come from `tomllib`, and a text that it refuses never gets here.
"""

import re
from collections.abc import Mapping

Key = tuple[str | int, ...]
"""Names from the root down; an element of an array of tables adds its number, from 0: ("meter", 0, "profile")."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$"""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_INLINE = re.compile(r"""[{,]\s*([A-Za-z0-9_-]+|"[^"]*"|'[^']*')\s*=""")
_STRINGS = re.compile(r'"""|\'\'\'')


def lines_of(text: str) -> dict[Key, int]:
    """The line (from 1) of every table and every key in `text`, which must be TOML."""
    found: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    inside: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if inside is not None:  # a text over several lines holds no keys
            inside = None if inside in line else inside
            continue
        if header := _HEADER.match(line):
            table = _table_of(header[1] == "[[", _parts(header[2]), counts)
            found.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            key = (*table, *_parts(assignment[1]))
            found.setdefault(key, number)
            for name in _INLINE.findall(assignment[2]):
                found.setdefault((*key, name.strip("\"'")), number)
            marks = _STRINGS.findall(assignment[2])
            if len(marks) % 2:
                inside = marks[-1]
    return found


def line_of(key: Key, lines: Mapping[Key, int]) -> int | None:
    """The line of `key`; of the nearest table around it if it is not there; None for what is missing at the root."""
    for size in range(len(key), 0, -1):
        if key[:size] in lines:
            return lines[key[:size]]
    return None


def _parts(dotted: str) -> Key:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _table_of(is_array: bool, names: Key, counts: dict[Key, int]) -> Key:
    """The full key of a header: `[meter.transport]` after a second `[[meter]]` is ("meter", 1, "transport")."""
    path: Key = ()
    for name in names[:-1]:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    path = (*path, names[-1])
    if not is_array:
        return path
    counts[path] = counts.get(path, -1) + 1
    return (*path, counts[path])
