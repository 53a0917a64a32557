"""A member's three numbers: final on chain, minted but not final, earned and not yet minted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlmodel import col

from community.minting.apportionment import apportion
from community.store.tables.chain import SettledEventRow
from community.store.tables.identity import EnergySourceRow, MemberRow, ShareRow, ShareTableRow
from community.store.tables.measuring import MeasurementRow
from community.store.tables.metering import InstallationRegisterRow, InstallationRow, MeteringPointRow, RegisterRow
from community.store.tables.minting import IssuancePartRow, IssuanceRow, SourceEpochRow
from community.store.unit_of_work import Work
from community.store.views import chain
from community.store.views.among import among
from community.store.views.scope import Scope
from community.units import TokenAmount, WattHours

MEMBERS_MAX = 500
SOURCES_MAX = 500
UNMINTED_MAX = 5000


@dataclass(frozen=True, slots=True)
class BalanceView:
    """In base units. `verified_until` is the newest verified reading that `earned_not_yet_minted` rests on."""

    member_id: str
    final: TokenAmount
    minted_not_final: TokenAmount
    earned_not_yet_minted: TokenAmount
    verified_until: datetime | None


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far a source's verified production, its issuances and its settlements have come in its newest epoch."""

    source_id: str
    verified_wh: int
    verified_at: datetime
    minted_wh: int
    issued_wh: int
    epoch: int


async def balances(
    work: Work, scope: Scope, token: str | None, member_ids: Sequence[str] | None = None
) -> list[BalanceView]:
    """Balances of the members that the asker may see (all, or those among `member_ids`), by id.

    The chain's side is the index's in all three numbers, so that energy moves from one to the next and is never
    counted in none or in two of them.
    """
    statement = select(col(MemberRow.identity_id)).where(scope.holders(col(MemberRow.identity_id)))
    if member_ids is not None:
        statement = statement.where(among(work, col(MemberRow.identity_id), member_ids))
    statement = statement.order_by(col(MemberRow.identity_id)).limit(MEMBERS_MAX)
    members = list((await work.session.execute(statement)).scalars())
    amounts = await chain.amounts_of_holders(work, members, token)
    earned, until = await _earned(work, members)
    views = []
    for member_id in members:
        amount, final = amounts.get(member_id, (0, 0))
        views.append(
            BalanceView(
                member_id=member_id,
                final=TokenAmount(final),
                minted_not_final=TokenAmount(max(0, amount - final)),
                earned_not_yet_minted=TokenAmount(earned.get(member_id, 0)),
                verified_until=until,
            )
        )
    return views


async def _earned(work: Work, member_ids: Sequence[str]) -> tuple[dict[str, int], datetime | None]:
    """Base units earned and not yet minted by holder, over all sources: one query each, however many sources there are."""
    reaches = await _reaches(work)
    if not reaches:
        return {}, None
    unminted = or_(
        *[
            and_(
                col(IssuanceRow.source_id) == one.source_id,
                col(IssuanceRow.epoch) == one.epoch,
                col(IssuanceRow.from_wh) >= one.minted_wh,
            )
            for one in reaches
        ]
    )
    earned = await _unminted_parts(work, unminted, member_ids)
    rests = [(one, one.verified_wh - max(one.issued_wh, one.minted_wh)) for one in reaches]
    await _add_current_splits(work, [(one, rest_wh) for one, rest_wh in rests if rest_wh > 0], earned)
    return earned, max(one.verified_at for one in reaches)


async def _reaches(work: Work) -> list[_Reach]:
    """One entry per source that has a verified reading of its settled register."""
    newest: dict[str, _Reach] = {}
    for source_id, register_wh, at, minted_wh, issued_wh, epoch in await work.session.execute(reaches_statement()):
        known = newest.get(source_id)
        if at is not None and (known is None or known.verified_at < at):  # an exchanged meter leaves an older register
            newest[source_id] = _Reach(source_id, register_wh, at, minted_wh, issued_wh, epoch)
    return list(newest.values())


def reaches_statement() -> Any:
    """How far each register that counts for a source has come; the newest of a source is its own.

    An exchanged meter's register counts from the epoch on that opens it: before, nobody knows from where its energy is to be
    reckoned. Correlated look-ups by index: the cost does not grow with the number of measurements or settlements.
    """
    epoch, came = SourceEpochRow, InstallationRegisterRow
    by_exchange = exists().where(
        col(came.installation_id) == col(InstallationRow.id),
        col(came.obis) == col(RegisterRow.obis),
        col(came.moment) == "initial",
    )
    opened = _of_epoch(col(epoch.register_id))
    opening_wh = func.coalesce(_of_epoch(col(epoch.opening_register_wh)), col(EnergySourceRow.opening_register_wh))
    number = func.coalesce(_of_epoch(col(epoch.number)), 0)
    return (
        select(
            col(EnergySourceRow.identity_id).label("source_id"),
            _newest(col(MeasurementRow.register_wh)).label("verified_wh"),
            _newest(col(MeasurementRow.at)).label("at"),
            func.coalesce(_last_settled(), opening_wh).label("minted_wh"),
            func.coalesce(_last_issued(number), 0).label("issued_wh"),
            number.label("epoch"),
        )
        .join(MeteringPointRow, col(MeteringPointRow.id) == col(EnergySourceRow.metering_point_id))
        .join(InstallationRow, col(InstallationRow.metering_point_id) == col(MeteringPointRow.id))
        .join(
            RegisterRow,
            (col(RegisterRow.meter_id) == col(InstallationRow.meter_id))
            & (col(RegisterRow.obis) == col(MeteringPointRow.settled_obis)),
        )
        .where(or_(opened == col(RegisterRow.id), and_(opened.is_(None), ~by_exchange)))
        .limit(SOURCES_MAX)
    )


def _of_epoch(column: Any) -> Any:
    """`column` of the newest epoch of the source in the enclosing statement; NULL for the founding one."""
    row = SourceEpochRow
    newest = select(column).where(col(row.source_id) == col(EnergySourceRow.identity_id))
    return newest.order_by(col(row.number).desc()).limit(1).correlate(EnergySourceRow).scalar_subquery()


def _newest(column: Any) -> Any:
    """`column` of the newest measurement of the register in the enclosing statement."""
    row = MeasurementRow
    own = (col(row.register_id) == col(RegisterRow.id)) & (col(row.installation_id) == col(InstallationRow.id))
    latest = select(column).where(own).order_by(col(row.at).desc()).limit(1)
    return latest.correlate(RegisterRow, InstallationRow).scalar_subquery()


def _last_settled() -> Any:
    """The register value up to which the source in the enclosing statement is settled on the indexed chain in its epoch."""
    row, opened_at = SettledEventRow, _of_epoch(col(SourceEpochRow.opening_at))
    own = (col(row.chain_id) == chain.the_chain()) & (col(row.source_ref) == col(EnergySourceRow.source_ref))
    own &= or_(opened_at.is_(None), col(row.read_at) > opened_at)
    last = select(col(row.to_wh)).where(own).order_by(col(row.seq).desc()).limit(1)
    return last.correlate(EnergySourceRow).scalar_subquery()


def _last_issued(epoch: Any) -> Any:
    """The register value up to which the source in the enclosing statement has issuances of an epoch."""
    row = IssuanceRow
    newest = select(col(row.to_wh)).where(
        col(row.source_id) == col(EnergySourceRow.identity_id), col(row.epoch) == epoch
    )
    newest = newest.order_by(col(row.period_end).desc(), col(row.id).desc()).limit(1)
    return newest.correlate(EnergySourceRow).scalar_subquery()


async def _unminted_parts(work: Work, unminted: Any, member_ids: Sequence[str]) -> dict[str, int]:
    """The parts of those issuances by holder."""
    part = IssuancePartRow
    statement = (
        select(col(part.holder_id), col(part.amount))
        .join(IssuanceRow, col(IssuanceRow.id) == col(part.issuance_id))
        .where(unminted, among(work, col(part.holder_id), member_ids))
        .limit(UNMINTED_MAX)
    )
    earned: dict[str, int] = {}
    for holder_id, amount in await work.session.execute(statement):
        earned[holder_id] = earned.get(holder_id, 0) + amount
    return earned


async def _add_current_splits(work: Work, rests: Sequence[tuple[_Reach, int]], earned: dict[str, int]) -> None:
    """Split energy that no issuance covers over the shares valid at its end, as the contract will split it."""
    if not rests:
        return
    table = ShareTableRow
    valid = or_(
        *[
            and_(
                col(table.source_id) == reach.source_id,
                col(table.valid_from) < reach.verified_at,
                col(table.valid_to).is_(None) | (col(table.valid_to) >= reach.verified_at),
            )
            for reach, _ in rests
        ]
    )
    statement = (
        select(col(table.source_id), col(ShareRow.holder_id), col(ShareRow.share_count))
        .join(table, col(table.id) == col(ShareRow.share_table_id))
        .where(valid)
        .order_by(col(table.source_id), col(ShareRow.position))
    )
    shares: dict[str, list[tuple[str, int]]] = {}
    for source_id, holder_id, count in await work.session.execute(statement):
        shares.setdefault(source_id, []).append((holder_id, count))
    for reach, energy_wh in rests:
        held = shares.get(reach.source_id, [])  # before the first share table nobody has earned anything
        parts = apportion(WattHours(energy_wh), [count for _, count in held]) if held else ()
        for (holder_id, _), amount in zip(held, parts, strict=True):
            earned[holder_id] = earned.get(holder_id, 0) + amount
