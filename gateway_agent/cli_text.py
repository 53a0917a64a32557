"""What the command line shows: labelled rows, tables and findings for people, JSON for machines. Decides no content."""

import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway_agent.diagnosis import Finding, Verdict

Write = Callable[[str], None]
WIDTH_MIN, WIDTH_MAX = 60, 120
_LABEL = 14
_COLOURS = {Verdict.OK: "32", Verdict.WRONG: "31;1", Verdict.NOTE: "33", Verdict.UNKNOWN: "2"}
_MARKS = {Verdict.OK: "ok", Verdict.WRONG: "WRONG", Verdict.NOTE: "note", Verdict.UNKNOWN: "?"}


@dataclass(slots=True)
class Terminal:
    """Where a command's words go. In JSON mode only `document` and `event` write."""

    write: Write
    as_json: bool = False
    colour: bool = False
    width: int = 100
    _findings: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def around(cls, write: "Write | Terminal") -> "Terminal":
        """`write` itself if it is a terminal, else plain text through it."""
        return write if isinstance(write, Terminal) else cls(write)

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
            for number, piece in enumerate(self._wrapped(value, _LABEL + 1)):
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
            for piece_number, piece in enumerate(self._wrapped(row[-1], indent)):
                text = ("  ".join([*cells, piece]) if piece_number == 0 else " " * indent + piece).rstrip()
                self.line(self._painted(text, "1") if number == 0 else text)

    def finding(self, finding: Finding) -> None:
        """One verdict: what was looked at, what was seen, what to do next."""
        self._findings.append(finding.as_dict())
        mark = _MARKS[finding.verdict]
        head = f"{self._painted(mark, _COLOURS[finding.verdict])}{' ' * (6 - len(mark))} {finding.topic:<10} "
        indent = 6 + 1 + 10 + 1
        for number, piece in enumerate(self._wrapped(finding.what, indent)):
            self.line((head if number == 0 else " " * indent) + piece)
        for number, piece in enumerate(self._wrapped(finding.next_step, indent + 3) if finding.next_step else ()):
            self.line(" " * indent + ("-> " if number == 0 else "   ") + piece)

    def document(self, content: Any) -> None:
        """The whole answer for a machine."""
        if self.as_json:
            self.write(json.dumps(content, indent=1, ensure_ascii=False, default=str))

    def event(self, content: Any) -> None:
        """One of many answers for a machine, on a line of its own."""
        if self.as_json:
            self.write(json.dumps(content, ensure_ascii=False, default=str))

    @property
    def findings(self) -> list[dict[str, str]]:
        """Every finding that was shown, for the machine's document."""
        return list(self._findings)

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def _wrapped(self, text: str, indent: int) -> list[str]:
        width = max(30, min(max(self.width, WIDTH_MIN), WIDTH_MAX) - indent)
        return [
            piece
            for paragraph in (text.splitlines() or [""])
            for piece in (textwrap.wrap(paragraph, width, break_long_words=False, break_on_hyphens=False) or [""])
        ]


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
