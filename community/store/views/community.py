"""The community as everybody may see it: sums over all its plants and members, nothing that is one person's."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import col

from community.metering.calendar import Span
from community.store.tables.identity import EnergyConsumptionUnitRow, EnergySourceRow, MemberRow
from community.store.tables.minting import CorrectionRow
from community.store.tables.reconciling import BreakRow
from community.store.unit_of_work import Work
from community.store.views import chain, reconciliation
from community.store.views.chain import SupplyView
from community.store.views.energy import Tally, tallies
from community.store.views.reconciliation import RunView
from community.store.views.scope import Scope

MEMBERS_MIN = 4
"""Fewer members with consumption than these: from their sum each could tell what the others consumed."""
POINTS_MAX = 500
_EVERYTHING = Scope(everything=True)


@dataclass(frozen=True, slots=True)
class CommunityView:
    """Counts and sums. `supply` is of one token, or of all where none is named; `run` is the latest comparison."""

    member_count: int
    source_count: int
    nameplate_w: int
    correction_count: int
    open_break_count: int
    supply: SupplyView | None
    run: RunView | None


async def community(work: Work, token: str | None) -> CommunityView:
    """The figures as of now."""
    members = select(func.count()).select_from(MemberRow).where(~col(MemberRow.is_treasury))
    plants = select(func.count(), func.coalesce(func.sum(col(EnergySourceRow.nameplate_w)), 0)).where(
        col(EnergySourceRow.approved_at).is_not(None)
    )
    breaks = select(func.count()).select_from(BreakRow).where(col(BreakRow.closed_at).is_(None))
    source_count, nameplate_w = (await work.session.execute(plants)).one()
    return CommunityView(
        member_count=(await work.session.execute(members)).scalar_one(),
        source_count=source_count,
        nameplate_w=int(nameplate_w),
        correction_count=(await work.session.execute(select(func.count()).select_from(CorrectionRow))).scalar_one(),
        open_break_count=(await work.session.execute(breaks)).scalar_one(),
        supply=next((one for one in await chain.supply(work) if token in (None, one.token)), None),
        run=await reconciliation.latest_run(work),
    )


@dataclass(frozen=True, slots=True)
class CommunityEnergy:
    """Tallies of each span: all plants together, and all units together where enough members stand behind them."""

    production: tuple[Tally, ...]
    consumption: tuple[Tally, ...] | None


async def community_energy(work: Work, spans: Sequence[Span]) -> CommunityEnergy:
    """What the community produced and consumed in each span."""
    sources = select(col(EnergySourceRow.metering_point_id)).order_by(col(EnergySourceRow.identity_id))
    production = await _together(work, list((await work.session.execute(sources.limit(POINTS_MAX))).scalars()), spans)
    unit = EnergyConsumptionUnitRow
    behind = select(func.count(col(unit.member_id).distinct()))
    if (await work.session.execute(behind)).scalar_one() < MEMBERS_MIN:
        return CommunityEnergy(production, None)
    units = select(col(unit.metering_point_id)).order_by(col(unit.identity_id)).limit(POINTS_MAX)
    consumption = await _together(work, list((await work.session.execute(units)).scalars()), spans)
    return CommunityEnergy(production, consumption)


async def _together(work: Work, points: Sequence[str], spans: Sequence[Span]) -> tuple[Tally, ...]:
    sums = [Tally(span.intervals * len(points)) for span in spans]
    for found in (await tallies(work, _EVERYTHING, points, spans)).values():
        for whole, part in zip(sums, found, strict=True):
            whole.energy_wh += part.energy_wh
            whole.qualities.update(part.qualities)
    return tuple(sums)
