"""What was not taken in, and why. The bytes stay in the frame."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from community.ids import named_id
from community.store import outbox
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
    at = "" if refusal.at is None else refusal.at.isoformat()
    entry_id = named_id("quar", refusal.subject or frame_digest, str(refusal.reason), at, refusal.register)
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


async def quarantined(work: Work, limit: int = 1000) -> list[QuarantineEntry]:
    """The recorded refusals, oldest first."""
    rows = await work.session.execute(
        select(QuarantineRow).order_by(col(QuarantineRow.recorded_at), col(QuarantineRow.id)).limit(limit)
    )
    return [
        QuarantineEntry(row.id, row.frame_digest, row.device_id, row.reason, row.detail, row.at, row.resolved_at)
        for row in rows.scalars()
    ]
