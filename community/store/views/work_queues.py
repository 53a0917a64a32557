"""What waits for an operator: how much of each, and the lists that no other view has."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlmodel import col

from community.attestation.evidence_gaps import GapState
from community.store.inbox import INBOX_KEPT, REGISTRY_BEHIND
from community.store.tables.identity import DeviceKeyRow, DeviceRow, IdentityRow
from community.store.tables.measuring import FrameRow, GapRow, QuarantineRow
from community.store.tables.metering import InstallationRow
from community.store.tables.minting import IssuanceRow, ObjectionAnswerRow, ObjectionRow, ProposalRow
from community.store.tables.reconciling import BreakRow
from community.store.tables.repairing import EvidenceGapRow
from community.store.unit_of_work import Work
from community.store.views.identities import DeviceView, device_view
from community.store.views.issuances import IssuanceView, issuance_page
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows
from community.store.views.measurements import MeasurementView, suspect_page
from community.store.views.scope import Scope

SILENT_AFTER = timedelta(hours=1)
STUCK_AFTER = timedelta(hours=1)
_UNDER_WAY = ("requested", "signed", "broadcast")


@dataclass(frozen=True, slots=True)
class QueueLengths:
    """How many of each wait."""

    quarantine: int
    unknown_devices: int
    gaps: int
    evidence_gaps: int
    silent_devices: int
    devices_to_approve: int
    failed_transactions: int
    open_breaks: int
    open_objections: int


async def queue_lengths(work: Work, now: datetime) -> QueueLengths:
    """The lengths of all queues in one snapshot."""

    async def count(row: Any, *conditions: Any) -> int:
        statement = select(func.count()).select_from(row).where(*conditions)
        return (await work.session.execute(statement)).scalar_one()

    waiting = col(QuarantineRow.resolved_at).is_(None)
    unknown = (
        select(func.count(col(FrameRow.device_eui).distinct()))
        .join(QuarantineRow, col(QuarantineRow.frame_digest) == col(FrameRow.digest))
        .where(
            waiting,
            col(QuarantineRow.reason).in_([reason.value for reason in REGISTRY_BEHIND]),
            col(FrameRow.received_at) >= now - INBOX_KEPT,
        )
    )
    answered = select(col(ObjectionAnswerRow.objection_id)).where(
        col(ObjectionAnswerRow.objection_id) == col(ObjectionRow.id)
    )
    live = select(col(ProposalRow.id)).where(
        col(ProposalRow.id) == col(ObjectionRow.proposal_id), col(ProposalRow.superseded_at).is_(None)
    )
    ended = [state.value for state in GapState if state.ended]
    return QueueLengths(
        quarantine=await count(QuarantineRow, waiting),
        unknown_devices=(await work.session.execute(unknown)).scalar_one(),
        gaps=await count(GapRow, col(GapRow.state) == "open"),
        evidence_gaps=await count(EvidenceGapRow, col(EvidenceGapRow.state).not_in(ended)),
        silent_devices=await count(DeviceRow, *_silent(now, SILENT_AFTER)),
        devices_to_approve=await count(DeviceRow, col(DeviceRow.state) == "pending"),
        failed_transactions=await count(IssuanceRow, _failed(now)),
        open_breaks=await count(BreakRow, col(BreakRow.closed_at).is_(None)),
        open_objections=await count(ObjectionRow, ~answered.exists(), live.exists()),
    )


def _silent(now: datetime, after: timedelta) -> tuple[Any, ...]:
    """Active devices with a meter to read from which nothing came since `after` ago."""
    heard = select(col(FrameRow.digest)).where(
        col(FrameRow.device_eui) == col(DeviceRow.eui), col(FrameRow.received_at) >= now - after
    )
    installed = select(col(InstallationRow.id)).where(
        col(InstallationRow.device_id) == col(DeviceRow.identity_id),
        col(InstallationRow.valid_from) <= now - after,
        or_(col(InstallationRow.valid_to).is_(None), col(InstallationRow.valid_to) > now),
    )
    return col(DeviceRow.state) == "active", ~heard.exists(), installed.exists()


async def silent_devices(work: Work, now: datetime, after_s: int, first: int, after: str | None) -> Page[DeviceView]:
    """Devices that should have been heard within `after_s` seconds and were not, by id."""
    key = col(DeviceRow.identity_id)
    statement = (
        select_rows(IdentityRow, DeviceRow, key.label("key"))
        .join(DeviceRow, key == col(IdentityRow.id))
        .where(*_silent(now, timedelta(seconds=after_s)))
    )
    keyset = Keyset((key,), (str,), falling=False)
    return await fetch_page(work, statement, keyset, lambda row: device_view(row[0], row[1]), first, after)


def _failed(now: datetime) -> Any:
    """Stopped for a person, or under way for longer than a chain takes."""
    row = IssuanceRow
    stuck = and_(col(row.state).in_(_UNDER_WAY), col(row.planned_at) < now - STUCK_AFTER)
    return or_(col(row.state) == "stopped", stuck)


async def failed_transactions(work: Work, now: datetime, first: int, after: str | None) -> Page[IssuanceView]:
    """Issuances whose transaction stopped, or has been under way for more than an hour; newest first."""
    return await issuance_page(work, [_failed(now)], first, after)


async def suspect_measurements(work: Work, scope: Scope, first: int, after: str | None) -> Page[MeasurementView]:
    """Readings whose key is not believed from an instant at or before theirs, newest first."""
    revoked = select(col(DeviceKeyRow.id)).where(col(DeviceKeyRow.revoked_from).is_not(None)).limit(1)
    if (await work.session.execute(revoked)).first() is None:
        return Page((), (), more=False)
    return await suspect_page(work, scope, first, after)
