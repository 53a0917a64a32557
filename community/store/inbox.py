"""The inbox of frames that no registered device accounts for yet, and of poison that may be judged again.

A frame is kept for ever; it waits in the inbox while an entry of the quarantine about it is open, for 30 days if its
device is unknown. To be adopted it is judged again, from its own bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from community.attestation.reasons import Reason
from community.store.frames import Frame
from community.store.tables.identity import DeviceRow, IdentityRow
from community.store.tables.measuring import FrameRow, QuarantineRow
from community.store.unit_of_work import Work

INBOX_KEPT = timedelta(days=30)
"""How long the frames of a device that nobody knows can still be adopted."""

REGISTRY_BEHIND = (
    Reason.UNKNOWN_DEVICE,
    Reason.UNKNOWN_KEY,
    Reason.DEVICE_NOT_ACTIVE,
    Reason.NOT_INSTALLED,
    Reason.UNKNOWN_REGISTER,
    Reason.UNDECRYPTABLE,
    Reason.KEY_NOT_VALID,
    Reason.METER_FRAME_UNREADABLE,
)
"""Refusals that a corrected record can turn into admission."""


@dataclass(frozen=True, slots=True)
class InboxView:
    """What waits of one device; `device_name` is None for one that is not registered."""

    device_eui: str
    device_name: str | None
    reason: str
    frames: int
    first_at: datetime
    last_at: datetime
    bytes: int

    @property
    def adoptable_until(self) -> datetime:
        """When its oldest frame leaves the inbox."""
        return self.first_at + INBOX_KEPT


async def waiting(work: Work, now: datetime) -> list[InboxView]:
    """The inbox by device and reason, the newest first."""
    frame, entry = FrameRow, QuarantineRow
    last = func.max(col(frame.received_at))
    statement = (
        select(
            col(frame.device_eui),
            col(IdentityRow.name),
            col(entry.reason),
            func.count(col(frame.digest).distinct()),
            func.min(col(frame.received_at)),
            last,
            func.sum(func.length(col(frame.payload))),
        )
        .join(entry, col(entry.frame_digest) == col(frame.digest))
        .outerjoin(DeviceRow, col(DeviceRow.eui) == col(frame.device_eui))
        .outerjoin(IdentityRow, col(IdentityRow.id) == col(DeviceRow.identity_id))
        .where(
            col(frame.device_eui).is_not(None),
            col(frame.received_at) >= now - INBOX_KEPT,
            col(entry.resolved_at).is_(None),
            col(entry.reason).in_([reason.value for reason in REGISTRY_BEHIND]),
        )
        .group_by(col(frame.device_eui), col(IdentityRow.name), col(entry.reason))
        .order_by(last.desc(), col(frame.device_eui), col(entry.reason))
        .limit(1000)
    )
    return [InboxView(*row) for row in await work.session.execute(statement)]


@dataclass(frozen=True, slots=True)
class ReplayChoice:
    """Which kept frames are judged again. Only such with an open entry of the quarantine are."""

    device_eui: str | None = None
    reasons: tuple[str, ...] = ()
    digest: str | None = None
    received_since: datetime | None = None


async def frames_to_replay(work: Work, choice: ReplayChoice, after: Frame | None, limit: int) -> Sequence[Frame]:
    """The next frames of a choice in the order in which they came, behind `after`."""
    frame, entry = FrameRow, QuarantineRow
    open_entries = select(col(entry.frame_digest)).where(col(entry.resolved_at).is_(None))
    if choice.reasons:
        open_entries = open_entries.where(col(entry.reason).in_(choice.reasons))
    statement: Any = select(frame).where(col(frame.digest).in_(open_entries))
    if choice.device_eui is not None:
        statement = statement.where(col(frame.device_eui) == choice.device_eui)
    if choice.digest is not None:
        statement = statement.where(col(frame.digest) == choice.digest)
    if choice.received_since is not None:
        statement = statement.where(col(frame.received_at) >= choice.received_since)
    if after is not None:
        later = col(frame.received_at) > after.received_at
        same = (col(frame.received_at) == after.received_at) & (col(frame.digest) > after.digest)
        statement = statement.where(later | same)
    rows = await work.session.execute(statement.order_by(col(frame.received_at), col(frame.digest)).limit(limit))
    return [
        Frame(row.digest, row.source, row.device_eui, row.payload, row.envelope, row.received_at)
        for row in rows.scalars()
    ]
