"""`gaps`: what is missing of the devices' evidence, how old that is, and what was done about it."""

from typing import Any

from community.attestation.evidence_gaps import GapKind, GapState
from community.clock import slot_start
from community.runtime.system_clock import SystemClock
from community.runtime.terminal import Terminal, plural
from community.store.evidence_gaps import history_of
from community.store.views.evidence_gaps import GapToRepair, gaps_to_repair
from ingest.books import open_books
from ingest.cli import EXIT_FOUND_WRONG, Options, add_command

_NEXT = {
    GapState.OPEN: "is asked for when the device is heard next",
    GapState.ASKED: "waits for the device's answer; it is asked again",
    GapState.HANDED_OVER: "look at the device: its radio, its power, or its spool by the installer's console",
    GapState.CLOSED: "",
    GapState.LOST: "the register values around it hold the energy; its course is lost",
}


def add_to(commands: Any) -> None:
    """The parser of this command."""
    text = "list what devices are to send again, those that need a person first; exit code 3 if there are such"
    parser = add_command(commands, "gaps", text, _gaps)
    parser.add_argument("--all", action="store_true", help="also what came, or is lost")
    parser.add_argument("--limit", type=int, default=1000, metavar="N", help="at most so many (1000)")
    parser.add_argument("--history", metavar="GAP", help="what happened to one gap, by its id")


async def _gaps(options: Options, out: Terminal) -> int | None:
    now = SystemClock().now()
    async with open_books() as books, books.store.read() as work:
        if options.history is not None:
            history = await history_of(work, options.history)
            changes = [(at.isoformat(timespec="seconds"), state.value, cause) for at, state, cause in history]
            out.table(("when", "state", "why"), changes)
            out.document({"history": [dict(zip(("at", "state", "cause"), each, strict=True)) for each in changes]})
            return None
        found = await gaps_to_repair(work, ended=options.all, limit=options.limit)
    rows = [
        (
            f"{gap.device_name} ({gap.device_eui})",
            _what(gap),
            gap.state.value,
            _age(gap.age(now).total_seconds()),
            str(gap.asked),
            _NEXT[gap.state],
        )
        for gap in found
    ]
    out.table(("device", "missing", "state", "age", "asked", "what next"), rows, right=(3, 4))
    handed_over = sum(gap.state is GapState.HANDED_OVER for gap in found)
    out.line(f"{plural(len(found), 'gap')}, of which {handed_over} need a person")
    out.document({"gaps": [_document(gap) for gap in found], "handed_over": handed_over})
    return EXIT_FOUND_WRONG if handed_over else None


def _what(gap: GapToRepair) -> str:
    if gap.kind is GapKind.STATEMENTS:
        return f"statement {gap.first}" if gap.first == gap.last else f"statements {gap.first} to {gap.last}"
    count = gap.last - gap.first + 1
    return f"{plural(count, 'reading')} from {slot_start(gap.first).isoformat(timespec='minutes')}"


def _age(seconds: float) -> str:
    hours = int(seconds // 3600)
    return f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h {int(seconds // 60) % 60} min"


def _document(gap: GapToRepair) -> dict[str, Any]:
    return {
        "id": gap.id,
        "device": gap.device_eui,
        "kind": gap.kind.value,
        "first": gap.first,
        "last": gap.last,
        "state": gap.state.value,
        "since": gap.since_at.isoformat(),
        "asked": gap.asked,
        "last_asked": None if gap.last_asked_at is None else gap.last_asked_at.isoformat(),
    }
