"""Users, members, energy sources and energy consumption units in the books."""

from datetime import datetime

from sqlalchemy import insert, select
from sqlmodel import col

from community.identity.identities import (
    EnergyConsumptionUnit,
    EnergySource,
    EvidenceMode,
    IdentityKind,
    Member,
    SettlementPeriod,
    SettlementPolicy,
    User,
)
from community.store.settlement_policies import add_policy, founding_period, policies_of
from community.store.tables.identity import EnergyConsumptionUnitRow, EnergySourceRow, IdentityRow, MemberRow, UserRow
from community.store.unit_of_work import Work


async def add_identity(work: Work, identity_id: str, kind: IdentityKind, name: str, now: datetime) -> None:
    """Record an identity of any kind. Its own table holds the rest."""
    await work.session.execute(insert(IdentityRow).values(id=identity_id, kind=kind.value, name=name, created_at=now))


async def add_user(work: Work, user: User, now: datetime) -> None:
    """Record a user."""
    await add_identity(work, user.id, IdentityKind.USER, user.name, now)
    await work.session.execute(insert(UserRow).values(identity_id=user.id, subject=user.subject))


async def add_member(work: Work, member: Member, now: datetime) -> None:
    """Record a member, who joins now."""
    await add_identity(work, member.id, IdentityKind.MEMBER, member.name, now)
    await work.session.execute(
        insert(MemberRow).values(
            identity_id=member.id, user_id=member.user_id, is_treasury=member.is_treasury, joined_at=now
        )
    )


async def add_energy_source(work: Work, source: EnergySource, now: datetime) -> None:
    """Record an energy source. Its metering point must exist."""
    await add_identity(work, source.id, IdentityKind.ENERGY_SOURCE, source.name, now)
    await work.session.execute(
        insert(EnergySourceRow).values(
            identity_id=source.id,
            source_ref=source.source_ref,
            technology=source.technology,
            nameplate_w=source.nameplate_w,
            share_total=source.share_total,
            settlement_period=founding_period(source.settlement),
            evidence_mode=source.evidence_mode.value,
            metering_point_id=source.metering_point_id,
            opening_register_wh=source.opening_register_wh,
            opening_at=source.opening_at,
            approved_at=source.approved_at,
            trial=source.trial,
        )
    )
    if source.settlement != SettlementPolicy(SettlementPeriod(founding_period(source.settlement))):
        await add_policy(work, source.id, source.settlement, "founding", now)


async def add_consumption_unit(work: Work, unit: EnergyConsumptionUnit, now: datetime) -> None:
    """Record an energy consumption unit. Its member and metering point must exist."""
    await add_identity(work, unit.id, IdentityKind.ENERGY_CONSUMPTION_UNIT, unit.name, now)
    await work.session.execute(
        insert(EnergyConsumptionUnitRow).values(
            identity_id=unit.id, member_id=unit.member_id, metering_point_id=unit.metering_point_id
        )
    )


async def energy_sources(work: Work) -> list[EnergySource]:
    """All energy sources, by id."""
    rows = await work.session.execute(
        select(EnergySourceRow, IdentityRow)
        .join(IdentityRow, col(IdentityRow.id) == col(EnergySourceRow.identity_id))
        .order_by(col(EnergySourceRow.identity_id))
    )
    policies = await policies_of(work)
    return [_source(row, identity, policies.get(row.identity_id)) for row, identity in rows]


async def members(work: Work) -> list[Member]:
    """All members, by id."""
    rows = await work.session.execute(
        select(MemberRow, IdentityRow)
        .join(IdentityRow, col(IdentityRow.id) == col(MemberRow.identity_id))
        .order_by(col(MemberRow.identity_id))
    )
    return [Member(row.identity_id, identity.name, row.user_id, row.is_treasury) for row, identity in rows]


def _source(row: EnergySourceRow, identity: IdentityRow, policy: SettlementPolicy | None) -> EnergySource:
    return EnergySource(
        id=row.identity_id,
        name=identity.name,
        source_ref=row.source_ref,
        technology=row.technology,
        nameplate_w=row.nameplate_w,
        share_total=row.share_total,
        metering_point_id=row.metering_point_id,
        opening_register_wh=row.opening_register_wh,
        opening_at=row.opening_at,
        settlement=policy or SettlementPolicy(SettlementPeriod(row.settlement_period)),
        evidence_mode=EvidenceMode(row.evidence_mode),
        approved_at=row.approved_at,
        trial=row.trial,
    )
