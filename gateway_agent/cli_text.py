"""What the command line shows: besides rows, tables and documents the findings of `diagnose`. Decides no content."""

from dataclasses import dataclass, field

from community.runtime.terminal import Terminal as RowsAndTables
from community.runtime.terminal import Write, duration, grouped, plural
from gateway_agent.diagnosis import Finding, Verdict

__all__ = ["Terminal", "Write", "duration", "grouped", "plural"]

_COLOURS = {Verdict.OK: "32", Verdict.WRONG: "31;1", Verdict.NOTE: "33", Verdict.UNKNOWN: "2"}
_MARKS = {Verdict.OK: "ok", Verdict.WRONG: "WRONG", Verdict.NOTE: "note", Verdict.UNKNOWN: "?"}


@dataclass(slots=True)
class Terminal(RowsAndTables):
    """A terminal that remembers the findings it showed."""

    _findings: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def around(cls, write: "Write | Terminal") -> "Terminal":
        """`write` itself if it is a terminal, else plain text through it."""
        return write if isinstance(write, Terminal) else cls(write)

    def finding(self, finding: Finding) -> None:
        """One verdict: what was looked at, what was seen, what to do next."""
        self._findings.append(finding.as_dict())
        mark = _MARKS[finding.verdict]
        head = f"{self.painted(mark, _COLOURS[finding.verdict])}{' ' * (6 - len(mark))} {finding.topic:<10} "
        indent = 6 + 1 + 10 + 1
        for number, piece in enumerate(self.wrapped(finding.what, indent)):
            self.line((head if number == 0 else " " * indent) + piece)
        for number, piece in enumerate(self.wrapped(finding.next_step, indent + 3) if finding.next_step else ()):
            self.line(" " * indent + ("-> " if number == 0 else "   ") + piece)

    @property
    def findings(self) -> list[dict[str, str]]:
        """Every finding that was shown, for the machine's document."""
        return list(self._findings)
