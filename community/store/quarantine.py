"""What was not taken in, and why. The bytes stay in the frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from community.ids import named_id
from community.store import outbox
from community.store.bulk import insert_rows, rows_for
from community.store.tables.measuring import QuarantineRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a frame, or with `at` and `register` one reading in it, was not taken in. `reason` is a code for machines.

    `subject` names what is refused where that comes in ever new frames, so that it is recorded once.
    """

    reason: str
    detail: str
    at: datetime | None = None
    register: str = ""
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """One recorded refusal."""

    id: str
    frame_digest: str
    device_id: str | None
    reason: str
    detail: str
    at: datetime | None
    resolved_at: datetime | None


async def quarantine(work: Work, frame_digest: str, device_id: str | None, refusal: Refusal, now: datetime) -> str:
    """Record a refusal, once however often it is found, and announce it. Returns its id."""
    entry_id = _entry_id(frame_digest, refusal)
    inserted = await insert_if_absent(
        work,
        QuarantineRow,
        {
            "id": entry_id,
            "frame_digest": frame_digest,
            "device_id": device_id,
            "at": refusal.at,
            "reason": str(refusal.reason),
            "detail": refusal.detail,
            "recorded_at": now,
        },
    )
    if inserted:
        await outbox.announce(work, "quarantine", entry_id, now)
    return entry_id


async def quarantine_all(work: Work, refused: Sequence[tuple[str, str | None, Refusal]], now: datetime) -> None:
    """Record refusals by (frame digest, device id, refusal), each once however often it is found, and announce the new ones."""
    entries = {_entry_id(digest, refusal): (digest, device_id, refusal) for digest, device_id, refusal in refused}
    known = await rows_for(
        work,
        "SELECT id FROM quarantine WHERE id IN (SELECT json_extract(value, '$[0]') FROM json_each(?))",
        "SELECT id FROM quarantine WHERE id = ANY($1::text[])",
        [(entry_id,) for entry_id in entries],
    )
    for row in known:
        del entries[row[0]]
    await insert_rows(
        work,
        QuarantineRow,
        ("id", "frame_digest", "device_id", "at", "reason", "detail", "recorded_at"),
        [
            (entry_id, digest, device_id, refusal.at, str(refusal.reason), refusal.detail, now)
            for entry_id, (digest, device_id, refusal) in entries.items()
        ],
    )
    await outbox.announce_all(work, "quarantine", list(entries), now)


async def resolve_frame(work: Work, frame_digest: str, resolution: str, now: datetime) -> None:
    """Mark every open entry of a frame as resolved: it came again and was taken in."""
    await work.session.execute(
        update(QuarantineRow)
        .where(col(QuarantineRow.frame_digest) == frame_digest, col(QuarantineRow.resolved_at).is_(None))
        .values(resolved_at=now, resolution=resolution)
    )


async def resolve_reason(work: Work, device_id: str, reason: str, resolution: str, now: datetime) -> None:
    """Mark every open entry of a device with this reason as resolved: what it waited for has come."""
    await work.session.execute(
        update(QuarantineRow)
        .where(
            col(QuarantineRow.device_id) == device_id,
            col(QuarantineRow.reason) == str(reason),
            col(QuarantineRow.resolved_at).is_(None),
        )
        .values(resolved_at=now, resolution=resolution)
    )


async def resolve_subject(work: Work, refusal: Refusal, resolution: str, now: datetime) -> None:
    """Mark the open entry about a refusal's subject as resolved, whichever frame it was recorded with."""
    await work.session.execute(
        update(QuarantineRow)
        .where(col(QuarantineRow.id) == _entry_id("", refusal), col(QuarantineRow.resolved_at).is_(None))
        .values(resolved_at=now, resolution=resolution)
    )


def _entry_id(frame_digest: str, refusal: Refusal) -> str:
    at = "" if refusal.at is None else refusal.at.isoformat()
    return named_id("quar", refusal.subject or frame_digest, str(refusal.reason), at, refusal.register)


async def quarantined(work: Work, limit: int = 1000) -> list[QuarantineEntry]:
    """The recorded refusals, oldest first."""
    rows = await work.session.execute(
        select(QuarantineRow).order_by(col(QuarantineRow.recorded_at), col(QuarantineRow.id)).limit(limit)
    )
    return [
        QuarantineEntry(row.id, row.frame_digest, row.device_id, row.reason, row.detail, row.at, row.resolved_at)
        for row in rows.scalars()
    ]
