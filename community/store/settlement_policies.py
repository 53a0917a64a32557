"""When each source settles: revisions of which the newest counts, and the founding period of a source without one."""

from datetime import datetime, timedelta

from sqlalchemy import func, insert, select
from sqlmodel import col

from community.identity.identities import SettlementPeriod, SettlementPolicy
from community.store.tables.minting import SettlementPolicyRow
from community.store.unit_of_work import Work


def founding_period(policy: SettlementPolicy) -> str:
    """The period that stands with the source itself: what `base_fee` comes to when the chain never gets cheap is a day."""
    period = SettlementPeriod.DAY if policy.period is SettlementPeriod.BASE_FEE else policy.period
    return period.value


async def add_policy(work: Work, source_id: str, policy: SettlementPolicy, recorded_by: str, now: datetime) -> int:
    """Record a new revision; what was proposed or decided before stays as it is. Returns its number."""
    revision = col(SettlementPolicyRow.revision)
    newest = await work.session.execute(
        select(func.max(revision)).where(col(SettlementPolicyRow.source_id) == source_id)
    )
    number = (newest.scalar() or 0) + 1
    await work.session.execute(
        insert(SettlementPolicyRow).values(
            source_id=source_id,
            revision=number,
            period=policy.period.value,
            base_fee_wei_max=policy.base_fee_wei_max,
            proposal_window_s=int(policy.proposal_window.total_seconds()),
            recorded_at=now,
            recorded_by=recorded_by,
        )
    )
    return number


async def policies_of(work: Work) -> dict[str, SettlementPolicy]:
    """The newest policy of each source that has one."""
    rows = await work.session.execute(select(SettlementPolicyRow).order_by(col(SettlementPolicyRow.revision)))
    return {
        row.source_id: SettlementPolicy(
            SettlementPeriod(row.period), row.base_fee_wei_max, timedelta(seconds=row.proposal_window_s)
        )
        for row in rows.scalars()
    }
