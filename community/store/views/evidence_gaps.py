"""What devices are to send again: gaps of evidence as an operator looks at them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import col

from community.attestation.evidence_gaps import GapKind, GapState
from community.store.tables.identity import DeviceRow, IdentityRow
from community.store.tables.radio import DownlinkRow
from community.store.tables.repairing import EvidenceGapRow
from community.store.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class GapToRepair:
    """A gap with its device, its age, and when the device was last asked for anything."""

    id: str
    device_name: str
    device_eui: str
    kind: GapKind
    first: int
    last: int
    state: GapState
    since_at: datetime
    asked: int
    last_asked_at: datetime | None

    def age(self, now: datetime) -> timedelta:
        return now - self.since_at


async def gaps_to_repair(work: Work, *, ended: bool = False, limit: int = 1000) -> list[GapToRepair]:
    """The gaps that have not ended (with `ended` all), those handed over to a person first, then the oldest."""
    gap = EvidenceGapRow
    last_asked = (
        select(func.max(col(DownlinkRow.handed_at)))
        .where(col(DownlinkRow.device_id) == col(gap.device_id), col(DownlinkRow.asks))
        .correlate(gap)
        .scalar_subquery()
    )
    statement = (
        select(gap, col(IdentityRow.name), col(DeviceRow.eui), last_asked)
        .join(DeviceRow, col(DeviceRow.identity_id) == col(gap.device_id))
        .join(IdentityRow, col(IdentityRow.id) == col(gap.device_id))
        .order_by((col(gap.state) != GapState.HANDED_OVER.value), col(gap.since_at), col(gap.id))
        .limit(limit)
    )
    if not ended:
        statement = statement.where(col(gap.state).not_in([state.value for state in GapState if state.ended]))
    rows = await work.session.execute(statement)
    return [
        GapToRepair(
            row.id,
            name,
            eui,
            GapKind(row.kind),
            row.first,
            row.last,
            GapState(row.state),
            row.since_at,
            row.asked,
            asked_at,
        )
        for row, name, eui, asked_at in rows
    ]
