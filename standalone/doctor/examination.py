"""The whole examination, and how it is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from community.runtime.terminal import Terminal
from gateway_agent.diagnosis import Finding, Verdict
from standalone.doctor import books, chain, host, servers
from standalone.doctor.subject import read_subject

_MARKS = {Verdict.OK: "ok", Verdict.NOTE: "note", Verdict.WRONG: "WRONG", Verdict.UNKNOWN: "-"}


async def examine(environment: Mapping[str, str], now: datetime) -> list[Finding]:
    """Look at everything that this environment names, one after the other: each looks whatever the others found."""
    subject, findings = read_subject(environment)
    return [
        *findings,
        *host.permissions(subject),
        *host.disk(subject),
        *await host.clock(),
        *host.certificates(subject, now),
        *await servers.database(subject),
        *await servers.brokers(subject),
        *await servers.nodes(subject, now),
        *await chain.issuer(subject),
        *await chain.signer(subject),
        *await servers.sign_in(subject, now),
        *await servers.processes(subject),
        *await books.books(subject, now),
    ]


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing has to be put right."""
    return all(each.verdict is not Verdict.WRONG for each in findings)


def tell(findings: Sequence[Finding], out: Terminal) -> None:
    """A line for each finding, with what to do below it; the wrong ones once more at the end."""
    wrong = [each for each in findings if each.verdict is Verdict.WRONG]
    for each in findings:
        out.line(f"{_MARKS[each.verdict]:<6} {each.topic}: {each.what}")
        if each.next_step:
            out.line(f"         -> {each.next_step}")
    out.line()
    out.line(
        "Everything that could be looked at is well."
        if not wrong
        else f"{len(wrong)} to put right: {', '.join(dict.fromkeys(each.topic for each in wrong))}"
    )
    out.document({"ok": not wrong, "findings": [each.as_dict() for each in findings]})
