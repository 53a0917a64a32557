"""Captures: what went over a meter's line, as JSON lines with timestamps. Written for a bug report, so it holds no key.

    {"capture": 1, "at": "2026-11-22T09:00:00.000Z", "agent": "0.1.0", "meter": "flat-12", "profile": "at-wiener-netze",
     "port": "/dev/ttyUSB0", "line": "9600 8N1"}
    {"at": "2026-11-22T09:00:00.123Z", "in": "7ea067..."}        bytes from the meter
    {"at": "...", "out": "..."}                                  bytes to the meter
    {"at": "...", "note": "the port went away: ..."}

A telegram in it is still ciphered. What could be a secret in a line to a modem is masked before it is written.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from community.errors import FatalError
from community.json_input import parse_json

VERSION = 1
LINE_MAX = 1 << 20
DEPTH_MAX = 1
"""Lines are flat objects."""
MASK = "*"

_MODEM_SECRET = re.compile(rb'(AT\+KEY\s*=[^,\r\n]*,\s*"?)([0-9A-Fa-f ]{8,})', re.IGNORECASE)
_NAMED_SECRET = re.compile(r"(key|secret|pin|password|token)$")


class NotACapture(FatalError):
    """A file that cannot be replayed. The text names the line."""


class Way(StrEnum):
    """Whose words they are."""

    IN = "in"
    """From the meter."""
    OUT = "out"
    """To the meter."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Bytes on the line."""

    at: datetime
    way: Way
    data: bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """A whole capture: what its first line says, and the bytes in order."""

    head: dict[str, str]
    pieces: tuple[Heard, ...]


def mask_bytes(data: bytes) -> bytes:
    """`data` with a key that is told to a modem replaced by stars of the same length."""
    return _MODEM_SECRET.sub(lambda found: found[1] + MASK.encode() * len(found[2]), data)


def mask_secrets(content: Any) -> Any:
    """`content` with every value whose name says that it is a secret replaced by a star."""
    if isinstance(content, dict):
        return {
            name: MASK if _NAMED_SECRET.search(str(name)) and isinstance(value, str | bytes) else mask_secrets(value)
            for name, value in content.items()
        }
    if isinstance(content, list | tuple):
        return [mask_secrets(each) for each in content]
    return content


class CaptureWriter:
    """Turns bytes into lines of a capture and hands them to `write`."""

    def __init__(self, write: Callable[[str], object], now: Callable[[], datetime]) -> None:
        self._write = write
        self._now = now
        self.size_in = 0
        self.size_out = 0

    def head(self, **facts: str) -> None:
        """The first line."""
        self._put({"capture": VERSION, "at": _stamp(self._now()), **mask_secrets(facts)})

    def piece(self, way: Way, data: bytes) -> None:
        """Bytes that went over the line just now."""
        if way is Way.IN:
            self.size_in += len(data)
        else:
            self.size_out += len(data)
        self._put({"at": _stamp(self._now()), way.value: mask_bytes(data).hex()})

    def note(self, text: str) -> None:
        """Something that happened."""
        self._put({"at": _stamp(self._now()), "note": text})

    def _put(self, content: dict[str, object]) -> None:
        self._write(json.dumps(content, separators=(", ", ": ")) + "\n")


def read_capture(text: str) -> Capture:
    """The capture in `text`. Raises NotACapture."""
    lines = text.splitlines()
    if not lines:
        raise NotACapture("the file is empty, no capture")
    head = _object(lines[0], 1)
    if head.get("capture") != VERSION:
        raise NotACapture(f"line 1: no capture of version {VERSION}; make one with `capture`")
    pieces = tuple(_pieces(lines[1:]))
    return Capture({name: str(value) for name, value in head.items()}, pieces)


def _pieces(lines: list[str]) -> Iterator[Heard]:
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        content = _object(line, number)
        try:
            at = datetime.fromisoformat(str(content["at"])).astimezone(UTC)
            for way in Way:
                if way.value in content:
                    yield Heard(at, way, bytes.fromhex(str(content[way.value])))
        except (KeyError, ValueError) as error:
            raise NotACapture(f"line {number}: {type(error).__name__}: {error}") from error


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        content = parse_json(line, size_max=LINE_MAX, depth_max=DEPTH_MAX)
    except ValueError as error:
        raise NotACapture(f"line {number} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise NotACapture(f"line {number} is no JSON object")
    return content


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
