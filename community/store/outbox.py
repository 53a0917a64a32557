"""What changed, in order: written with the change itself, followed by whoever shows live data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, text
from sqlmodel import col

from community.store.bulk import insert_rows
from community.store.tables.access import OutboxRow
from community.store.unit_of_work import Work

CHANNEL = "community_outbox"
"""PostgreSQL's channel on which a commit that announced something is told; `outbox_signal` listens there."""
_OUTBOX_LOCK = 0x0EC0_0B0C


@dataclass(frozen=True, slots=True)
class Change:
    """One announced change. `id` rises with every change and is the cursor to resume from."""

    id: int
    topic: str
    subject: str


async def announce_all(work: Work, topic: str, subjects: Sequence[str], now: datetime) -> None:
    """As `announce`, of many subjects."""
    if not subjects:
        return
    await _take_turn(work)
    await insert_rows(work, OutboxRow, ("topic", "subject", "recorded_at"), [(topic, one, now) for one in subjects])


async def announce(work: Work, topic: str, subject: str, now: datetime) -> None:
    """Record that `subject` changed; visible to followers, and told to them, when this unit of work commits."""
    await _take_turn(work)
    await work.session.execute(insert(OutboxRow).values(topic=topic, subject=subject, recorded_at=now))


async def _take_turn(work: Work) -> None:
    if not work.is_sqlite:
        # Ids are drawn before commit: without the lock a follower could pass over a smaller id that commits later.
        # Equal notices of one unit of work are told once, at its commit, and never if it is rolled back.
        await work.session.execute(
            text("SELECT pg_advisory_xact_lock(:key), pg_notify(:channel, '')"),
            {"key": _OUTBOX_LOCK, "channel": CHANNEL},
        )


async def changes_after(work: Work, cursor: int, limit: int = 1000) -> list[Change]:
    """The next changes after `cursor`, oldest first."""
    columns = (col(OutboxRow.id), col(OutboxRow.topic), col(OutboxRow.subject))
    statement = select(*columns).where(columns[0] > cursor).order_by(columns[0]).limit(limit)
    rows = await work.session.execute(statement)
    return [Change(id=row.id, topic=row.topic, subject=row.subject) for row in rows]


async def latest_cursor(work: Work) -> int:
    """The id of the newest change, 0 when there is none."""
    newest = await work.session.execute(select(func.max(col(OutboxRow.id))))
    return newest.scalar_one() or 0
