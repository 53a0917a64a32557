"""What a check found, in words: what agrees, what does not, what nobody could look at."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

SHOWN_MAX = 20


class Verdict(StrEnum):
    """Of one check, or of all together: the worst counts."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_CHECKED = "not checked"


@dataclass(slots=True)
class Check:
    """One claim of the bundle, how many things it was looked at on, and every disagreement."""

    claim: str
    count: int = 0
    problems: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    """What of it could not be looked at, and what it would take."""
    notes: list[str] = field(default_factory=list)
    """What is no disagreement, but a reader should know."""

    def expect(self, holds: bool, problem: str) -> bool:
        """Note `problem` unless `holds`, and say which."""
        if not holds:
            self.problems.append(problem)
        return holds

    @property
    def verdict(self) -> Verdict:
        if self.problems:
            return Verdict.DIFFERS
        return Verdict.NOT_CHECKED if self.unchecked and not self.count else Verdict.AGREES


@dataclass(slots=True)
class Report:
    """All checks of one bundle, and the figures it comes to."""

    subject: str
    checks: list[Check] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    believed: list[str] = field(default_factory=list)
    """What no file can prove, so that the reader knows what he takes on trust."""

    @property
    def verdict(self) -> Verdict:
        verdicts = {check.verdict for check in self.checks}
        if Verdict.DIFFERS in verdicts:
            return Verdict.DIFFERS
        incomplete = Verdict.NOT_CHECKED in verdicts or any(check.unchecked for check in self.checks)
        return Verdict.NOT_CHECKED if incomplete else Verdict.AGREES

    def lines(self) -> Iterator[str]:
        """The report for a person."""
        yield self.subject
        for check in self.checks:
            yield f"  {check.verdict.value.upper():<11} {check.claim} ({check.count})"
            yield from _some("DIFFERS", check.problems)
            yield from _some("not checked", check.unchecked)
            yield from _some("note", check.notes)
        yield from (f"  {name}: {value}" for name, value in self.figures.items())
        yield from (f"  Taken on trust: {sentence}" for sentence in self.believed)
        yield _CONCLUSIONS[self.verdict]

    def as_json(self) -> dict[str, object]:
        """The report for a program."""
        checks = [
            {
                "claim": check.claim,
                "verdict": check.verdict.value,
                "count": check.count,
                "problems": check.problems,
                "unchecked": check.unchecked,
                "notes": check.notes,
            }
            for check in self.checks
        ]
        return {
            "subject": self.subject,
            "verdict": self.verdict.value,
            "checks": checks,
            "figures": self.figures,
            "believed": self.believed,
        }


_CONCLUSIONS = {
    Verdict.AGREES: "Everything agrees.",
    Verdict.DIFFERS: "Something does NOT agree: see the lines with DIFFERS.",
    Verdict.NOT_CHECKED: "What could be looked at agrees; see the lines with 'not checked' for what could not.",
}


def _some(word: str, sentences: list[str]) -> Iterator[str]:
    for sentence in sentences[:SHOWN_MAX]:
        yield f"      {word}: {sentence}"
    if len(sentences) > SHOWN_MAX:
        yield f"      {word}: and {len(sentences) - SHOWN_MAX} more like these"
