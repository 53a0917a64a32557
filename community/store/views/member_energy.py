"""A member's production, consumption and what of it his shares covered, over spans of time.

Each quarter-hour is looked at by itself: the lesser of two sums is not the sum of the lesser ones. A month is read at a
time, so that a year in one answer neither fills the memory nor holds up the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from community.clock import QUARTER_HOUR
from community.metering.calendar import Span
from community.minting.coverage import Account, Holding, IntervalEnergy, holdings_of, summed
from community.store.bulk import instant_for, instant_of, rows_for
from community.store.shares import share_tables
from community.store.tables.identity import (
    EnergyConsumptionUnitRow,
    EnergySourceRow,
    MemberRow,
    ShareRow,
    ShareTableRow,
)
from community.store.unit_of_work import Work
from community.store.views.scope import Scope
from community.units import TokenAmount, WattHours

READ_AT_ONCE = timedelta(days=31)
POINTS_MAX = 50
"""Units of a member, and sources that he has shares of, that are added up."""


@dataclass(frozen=True, slots=True)
class _Source:
    metering_point_id: str
    holdings: Sequence[Holding]


async def member_energy(work: Work, scope: Scope, member_id: str, spans: Sequence[Span]) -> list[Account] | None:
    """The account of each span, in their order; None for a member that the asker may not see."""
    seen = select(col(MemberRow.identity_id)).where(
        col(MemberRow.identity_id) == member_id, scope.holders(col(MemberRow.identity_id))
    )
    if (await work.session.execute(seen)).first() is None:
        return None
    units = await _units(work, member_id)
    sources = await _sources(work, member_id)
    accounts = [Account() for _ in spans]
    for first, last in _pieces(spans):
        within = spans[first:last]
        known = await _energies(
            work, [*units, *(each.metering_point_id for each in sources)], within[0].start, within[-1].end
        )
        for account, span in zip(accounts[first:last], within, strict=True):
            at = span.start
            while at < span.end:
                account.add(_interval(units, sources, known, at))
                at += QUARTER_HOUR
    return accounts


def _pieces(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """Runs of spans of about a month each, as (first, behind the last)."""
    pieces: list[tuple[int, int]] = []
    first = 0
    for number, span in enumerate(spans):
        if span.end - spans[first].start > READ_AT_ONCE and number > first:
            pieces.append((first, number))
            first = number
    if spans:
        pieces.append((first, len(spans)))
    return pieces


def _interval(
    units: Sequence[str], sources: Sequence[_Source], known: dict[tuple[str, datetime], int], at: datetime
) -> IntervalEnergy:
    consumption = summed(known.get((unit, at)) for unit in units)
    parts: list[int | None] = []
    for source in sources:
        held = next((each for each in source.holdings if each.is_valid_at(at)), None)
        if held is not None:
            energy = known.get((source.metering_point_id, at))
            parts.append(None if energy is None else held.part_of(WattHours(energy)))
    production = summed(parts) if parts else 0
    return IntervalEnergy(
        None if consumption is None else WattHours(consumption),
        None if production is None else TokenAmount(production),
    )


async def _units(work: Work, member_id: str) -> list[str]:
    unit = EnergyConsumptionUnitRow
    statement = (
        select(col(unit.metering_point_id))
        .where(col(unit.member_id) == member_id)
        .order_by(col(unit.identity_id))
        .limit(POINTS_MAX)
    )
    return list((await work.session.execute(statement)).scalars())


async def _sources(work: Work, member_id: str) -> list[_Source]:
    """Every source that the member has or had shares of, with what he has by each revision."""
    statement = (
        select(col(EnergySourceRow.identity_id), col(EnergySourceRow.metering_point_id))
        .join(ShareTableRow, col(ShareTableRow.source_id) == col(EnergySourceRow.identity_id))
        .join(ShareRow, col(ShareRow.share_table_id) == col(ShareTableRow.id))
        .where(col(ShareRow.holder_id) == member_id)
        .distinct()
        .order_by(col(EnergySourceRow.identity_id))
        .limit(POINTS_MAX)
    )
    found = []
    for source_id, point in list(await work.session.execute(statement)):
        found.append(_Source(point, holdings_of(member_id, await share_tables(work, source_id))))
    return found


async def _energies(
    work: Work, points: Sequence[str], since: datetime, until: datetime
) -> dict[tuple[str, datetime], int]:
    """Known energy by metering point and start of the quarter-hour, each at its newest revision."""
    keys = [(each, instant_for(work, since), instant_for(work, until)) for each in points]
    query = """SELECT i.metering_point_id, i.starts_at, i.energy_wh FROM asked JOIN interval_energy i
        ON i.metering_point_id = asked.p AND i.starts_at >= asked.lo AND i.starts_at < asked.hi
        WHERE i.quality <> 'missing' AND NOT EXISTS (SELECT 1 FROM interval_energy r
            WHERE r.metering_point_id = i.metering_point_id AND r.starts_at = i.starts_at AND r.revision > i.revision)"""
    columns = ", ".join(f"json_extract(value, '$[{number}]')" for number in range(3))
    rows = await rows_for(
        work,
        f"WITH asked(p, lo, hi) AS (SELECT {columns} FROM json_each(?)) {query}",
        f"WITH asked AS (SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS a(p, lo, hi)) {query}",
        keys,
    )
    return {(point, instant_of(at)): int(energy_wh) for point, at, energy_wh in rows}
