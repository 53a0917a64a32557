"""What a command line shows: labelled rows and tables for people, JSON for machines. Decides no content."""

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from community.runtime.settings import process_environment

Write = Callable[[str], None]
WIDTH_MIN, WIDTH_MAX = 60, 120
_LABEL = 14


@dataclass(slots=True)
class Terminal:
    """Where a command's words go. In JSON mode only `document` and `event` write."""

    write: Write
    as_json: bool = False
    colour: bool = False
    width: int = 100

    def __call__(self, line: str) -> None:
        """A terminal is a place for lines."""
        self.line(line)

    def line(self, text: str = "") -> None:
        """One line for people."""
        if not self.as_json:
            self.write(text)

    def rows(self, rows: Sequence[tuple[str, str]]) -> None:
        """Label and value, one a line; long values go on below themselves."""
        for label, value in rows:
            for number, piece in enumerate(self.wrapped(value, _LABEL + 1)):
                self.line(f"{label if number == 0 else '':<{_LABEL}} {piece}".rstrip())

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
        """Columns as wide as they must be; those in `right` are flush right; the last one is wrapped."""
        widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
        indent = sum(widths[:-1]) + 2 * len(widths[:-1])
        for number, row in enumerate((head, *rows)):
            cells = [
                cell.rjust(width) if at in right else cell.ljust(width)
                for at, (cell, width) in enumerate(zip(row[:-1], widths[:-1], strict=True))
            ]
            for piece_number, piece in enumerate(self.wrapped(row[-1], indent)):
                text = ("  ".join([*cells, piece]) if piece_number == 0 else " " * indent + piece).rstrip()
                self.line(self.painted(text, "1") if number == 0 else text)

    def document(self, content: Any) -> None:
        """The whole answer for a machine."""
        if self.as_json:
            self.write(json.dumps(content, indent=1, ensure_ascii=False, default=str))

    def event(self, content: Any) -> None:
        """One of many answers for a machine, on a line of its own."""
        if self.as_json:
            self.write(json.dumps(content, ensure_ascii=False, default=str))

    def painted(self, text: str, code: str) -> str:
        """`text` in an ANSI colour, where there is colour."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def wrapped(self, text: str, indent: int) -> list[str]:
        """`text` in lines that fit beside `indent` columns."""
        width = max(30, min(max(self.width, WIDTH_MIN), WIDTH_MAX) - indent)
        return [
            piece
            for paragraph in (text.splitlines() or [""])
            for piece in (textwrap.wrap(paragraph, width, break_long_words=False, break_on_hyphens=False) or [""])
        ]


def standard_output(*, as_json: bool) -> Terminal:
    """The terminal that a process was started in: colour and width as the person's screen has them."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in process_environment()  # https://no-color.org
    return Terminal(print, as_json, colour and not as_json, shutil.get_terminal_size((100, 24)).columns)


def grouped(number: int, unit: str = "") -> str:
    """12 345 678 Wh."""
    return f"{number:,}".replace(",", " ") + (f" {unit}" if unit else "")


def plural(count: int, one: str, many: str | None = None) -> str:
    """1 reading, 2 readings."""
    return f"{grouped(count)} {one if count == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """The two largest parts of a span: 3 d 4 h, 12 min, 8 s."""
    left = int(abs(seconds))
    parts = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or "0 s"
