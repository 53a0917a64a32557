"""Breaks and their story: opened and closed by runs, owned, noted on, disposed of and closed by people.

A person closes a break with a reason. The same finding, to the letter, then stays closed; one that changed is opened
anew. What agrees again closes by itself. Nothing of the story is ever rewritten.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import col

from community.ids import named_id
from community.reconciliation.breaks import Break
from community.reconciliation.results import Outcome
from community.store import outbox
from community.store.stored_breaks import BreakEntry, StoredBreak, break_entry, stored_break
from community.store.tables.reconciling import BreakEntryRow, BreakItemRow, BreakRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all

RECONCILIATION = "reconciliation"
"""The actor of what a run does itself."""


async def open_breaks(work: Work, limit: int = 1000) -> list[StoredBreak]:
    """Breaks that are open, oldest first."""
    statement = select(BreakRow).where(col(BreakRow.closed_at).is_(None)).order_by(col(BreakRow.opened_at)).limit(limit)
    return [stored_break(row) for row in (await work.session.execute(statement)).scalars()]


async def break_by_id(work: Work, break_id: str) -> StoredBreak | None:
    """One break, open or closed."""
    row = await work.session.get(BreakRow, break_id)
    return None if row is None else stored_break(row)


async def history_of(work: Work, kind: str, subject: str) -> list[StoredBreak]:
    """Every time this finding was open, oldest first."""
    statement = (
        select(BreakRow)
        .where(col(BreakRow.kind) == kind, col(BreakRow.subject) == subject)
        .order_by(col(BreakRow.opened_at))
    )
    return [stored_break(row) for row in (await work.session.execute(statement)).scalars()]


async def story_of(work: Work, break_id: str) -> list[BreakEntry]:
    """What happened to a break, oldest first."""
    row = BreakEntryRow
    statement = select(row).where(col(row.break_id) == break_id).order_by(col(row.id))
    return [break_entry(one) for one in (await work.session.execute(statement)).scalars()]


async def items_of(work: Work, break_id: str) -> list[tuple[str, str]]:
    """(kind, key) of the issuances, events and intervals that stand in a break."""
    row = BreakItemRow
    statement = (
        select(col(row.kind), col(row.key)).where(col(row.break_id) == break_id).order_by(col(row.kind), col(row.key))
    )
    return [(kind, key) for kind, key in await work.session.execute(statement)]


async def assign(work: Work, break_id: str, owner: str, actor: str, now: datetime) -> bool:
    """Give a break an owner. False if there is no such break."""
    return await _change(work, break_id, {"owner": owner}, BreakEntry(now, actor, "assigned", f"to {owner}"))


async def note(work: Work, break_id: str, text: str, actor: str, now: datetime) -> bool:
    """Add a comment. False if there is no such break."""
    return await _change(work, break_id, {}, BreakEntry(now, actor, "noted", text))


async def dispose(work: Work, break_id: str, owner: str, disposition: str, actor: str, now: datetime) -> bool:
    """Give a break an owner and say what is done about it. False if there is no such break."""
    changes = {"owner": owner, "disposition": disposition}
    return await _change(work, break_id, changes, BreakEntry(now, actor, "disposed", f"{disposition} (owner: {owner})"))


async def close(work: Work, break_id: str, reason: str, actor: str, now: datetime) -> bool:
    """Close an open break for a reason, though both sides still differ. False if there is no open one of that id.

    Raises ValueError without a reason: what is closed must say why to whoever audits it.
    """
    if not reason.strip():
        raise ValueError("a break is closed for a reason: say what was found and why it may stay so")
    row = await work.session.get(BreakRow, break_id, with_for_update=True)
    if row is None or row.closed_at is not None:
        return False
    changes = {"closed_at": now, "closed_by": actor, "disposition": reason}
    return await _change(work, break_id, changes, BreakEntry(now, actor, "closed", reason))


async def store_findings(
    work: Work, still_open: dict[tuple[str, str], BreakRow], result: Outcome, run_id: str, now: datetime
) -> int:
    """Open, change and close breaks as a run found them. Returns how many findings a person has closed before.

    A break of a kind that the run could not decide about stays as it is.
    """
    accepted = await _accepted(work)
    accepted_count = 0
    for one in result.breaks:
        row = still_open.pop((one.kind.value, one.subject), None)
        if row is not None:
            await _keep_open(work, row, one, now)
            continue
        before = accepted.get((one.kind.value, one.subject))
        if before is not None and (before.expected, before.found) == (one.expected, one.found):
            accepted_count += 1
            continue
        break_id = named_id("brk", one.kind.value, one.subject, run_id)
        await insert_all(work, BreakRow, [_values(one, break_id, run_id, now)])
        await _write_items(work, break_id, one)
        again = before is not None
        text = f"came back changed after {before.id} was closed" if before is not None else one.what
        await _tell(work, break_id, BreakEntry(now, RECONCILIATION, "reopened" if again else "opened", text))
    for row in still_open.values():
        if row.kind in result.undecided:
            continue
        row.closed_at = now
        row.disposition = row.disposition or "agreed by itself"
        await work.session.flush()
        await _tell(work, row.id, BreakEntry(now, RECONCILIATION, "closed", "Both sides agree."))
    return accepted_count


async def locked_open_breaks(work: Work) -> dict[tuple[str, str], BreakRow]:
    """The open breaks by name, held until the unit of work ends."""
    statement = select(BreakRow).where(col(BreakRow.closed_at).is_(None)).order_by(col(BreakRow.id)).with_for_update()
    return {(row.kind, row.subject): row for row in (await work.session.execute(statement)).scalars()}


async def subjects_open(work: Work, kind: str) -> list[str]:
    """Subjects of the open breaks of a kind."""
    statement = select(col(BreakRow.subject)).where(col(BreakRow.closed_at).is_(None), col(BreakRow.kind) == kind)
    return list((await work.session.execute(statement)).scalars())


async def _keep_open(work: Work, row: BreakRow, one: Break, now: datetime) -> None:
    if (row.detail, row.expected, row.found) == (one.detail, one.expected, one.found):
        return
    text = f"expected {row.expected}, found {row.found}; is now: expected {one.expected}, found {one.found}"
    row.detail, row.expected, row.found, row.severity = one.detail, one.expected, one.found, one.severity.value
    await work.session.flush()
    await work.session.execute(delete(BreakItemRow).where(col(BreakItemRow.break_id) == row.id))
    await _write_items(work, row.id, one)
    await _tell(work, row.id, BreakEntry(now, RECONCILIATION, "changed", text))


async def _accepted(work: Work) -> dict[tuple[str, str], BreakRow]:
    """The newest closing by a person of each finding."""
    statement = select(BreakRow).where(col(BreakRow.closed_by).is_not(None)).order_by(col(BreakRow.closed_at))
    return {(row.kind, row.subject): row for row in (await work.session.execute(statement)).scalars()}


async def _change(work: Work, break_id: str, changes: Mapping[str, Any], entry: BreakEntry) -> bool:
    row = await work.session.get(BreakRow, break_id)
    if row is None:
        return False
    for name, value in changes.items():
        setattr(row, name, value)
    await work.session.flush()
    await _tell(work, break_id, entry)
    return True


async def _tell(work: Work, break_id: str, entry: BreakEntry) -> None:
    values = {"break_id": break_id, "at": entry.at, "actor": entry.actor, "action": entry.action, "text": entry.text}
    await insert_all(work, BreakEntryRow, [values])
    await outbox.announce(work, "break", break_id, entry.at)


async def _write_items(work: Work, break_id: str, one: Break) -> None:
    keys: list[tuple[str, Iterable[str]]] = [
        ("issuance", one.issuances),
        ("event", (f"{block}:{index}" for block, index in one.events)),
        ("interval", one.intervals),
    ]
    rows = [{"break_id": break_id, "kind": kind, "key": key} for kind, listed in keys for key in listed]
    await insert_all(work, BreakItemRow, rows)


def _values(one: Break, break_id: str, run_id: str, now: datetime) -> dict[str, object]:
    return {
        "id": break_id,
        "kind": one.kind.value,
        "severity": one.severity.value,
        "subject": one.subject,
        "source_id": one.source_id,
        "detail": one.detail,
        "expected": one.expected,
        "found": one.found,
        "opened_run_id": run_id,
        "opened_at": now,
    }
