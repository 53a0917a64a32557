"""Breaks and the lines of their stories as values, the same for runs, for the command line and for the API."""

from dataclasses import dataclass
from datetime import datetime

from community.store.tables.reconciling import BreakEntryRow, BreakRow


@dataclass(frozen=True, slots=True)
class StoredBreak:
    """A break as it stands. `closed_by` is the person who closed it; None where both sides came to agree."""

    id: str
    kind: str
    severity: str
    subject: str
    source_id: str | None
    detail: str
    expected: str | None
    found: str | None
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    owner: str | None
    disposition: str | None


@dataclass(frozen=True, slots=True)
class BreakEntry:
    """One line of a break's story. `actor` is an API key's id, a name from the command line, or `reconciliation`."""

    at: datetime
    actor: str
    action: str
    text: str


def stored_break(row: BreakRow) -> StoredBreak:
    """The value of a row."""
    return StoredBreak(
        id=row.id,
        kind=row.kind,
        severity=row.severity,
        subject=row.subject,
        source_id=row.source_id,
        detail=row.detail,
        expected=row.expected,
        found=row.found,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        owner=row.owner,
        disposition=row.disposition,
    )


def break_entry(row: BreakEntryRow) -> BreakEntry:
    """The value of a row."""
    return BreakEntry(row.at, row.actor, row.action, row.text)
