"""The audit log: who did what, when and why. It only grows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from community.store.tables.access import AuditEntryRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One command that was carried out."""

    id: int
    actor: str
    command: str
    subject: str
    reason: str
    recorded_at: datetime


class Recorded(StrEnum):
    """What became of an entry: new, the same command again, or its key taken by another command."""

    NEW = "new"
    REPEATED = "repeated"
    KEY_TAKEN = "key_taken"


async def record(
    work: Work, *, actor: str, command: str, subject: str, reason: str, idempotency_key: str, now: datetime
) -> Recorded:
    """Write an entry in the unit of work that carries the command out. Do nothing more unless it is NEW."""
    values = {
        "actor": actor,
        "command": command,
        "subject": subject,
        "reason": reason,
        "idempotency_key": idempotency_key,
        "recorded_at": now,
    }
    if await insert_if_absent(work, AuditEntryRow, values):
        return Recorded.NEW
    row = AuditEntryRow
    statement = select(col(row.actor), col(row.command), col(row.subject)).where(
        col(row.idempotency_key) == idempotency_key
    )
    before = (await work.session.execute(statement)).one()
    return Recorded.REPEATED if tuple(before) == (actor, command, subject) else Recorded.KEY_TAKEN


async def entry_with(work: Work, idempotency_key: str) -> AuditEntry | None:
    """The entry of the command that bore this key."""
    row = AuditEntryRow
    found = (await work.session.execute(select(row).where(col(row.idempotency_key) == idempotency_key))).first()
    return None if found is None else _entry(found)


async def entries(work: Work, first: int, after: str | None) -> Page[AuditEntry]:
    """Entries, newest first."""
    row = AuditEntryRow
    return await fetch_page(
        work, select_rows(row, col(row.id).label("key")), Keyset((col(row.id),), (int,)), _entry, first, after
    )


def _entry(row: Any) -> AuditEntry:
    each = row[0]
    return AuditEntry(each.id, each.actor, each.command, each.subject, each.reason, each.recorded_at)
