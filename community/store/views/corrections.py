"""Corrections as they are shown, and what one more would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from community.minting.apportionment import apportion
from community.minting.corrections import CorrectionKind, SourceAccount
from community.store.corrections import corrections
from community.store.issuances import settled_and_minted
from community.store.shares import share_table_at
from community.store.tables.identity import EnergySourceRow
from community.store.tables.minting import CorrectionRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows
from community.store.views.scope import Scope
from community.units import TokenAmount, WattHours


@dataclass(frozen=True, slots=True)
class CorrectionView:
    id: str
    source_id: str
    kind: str
    energy_wh: WattHours
    evidence: str
    reason: str
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class CorrectionEffect:
    """What one holder gets less (debt) or more (supplement), by the shares of now."""

    holder_id: str
    difference: TokenAmount


@dataclass(frozen=True, slots=True)
class CorrectionPreview:
    """A source's account before and after. Nothing is stored."""

    before: SourceAccount
    after: SourceAccount
    effects: tuple[CorrectionEffect, ...]


async def page(work: Work, source_id: str | None, first: int, after: str | None) -> Page[CorrectionView]:
    """Corrections, newest first. They concern everybody who holds shares: each viewer may see them."""
    row = CorrectionRow
    statement = select_rows(row, col(row.recorded_at).label("key_at"), col(row.id).label("key"))
    if source_id is not None:
        statement = statement.where(col(row.source_id) == source_id)
    keyset = Keyset((col(row.recorded_at), col(row.id)), (datetime, str))
    return await fetch_page(work, statement, keyset, _view, first, after)


async def by_ids(work: Work, ids: Sequence[str]) -> dict[str, CorrectionView]:
    """Corrections by id."""
    rows = await work.session.execute(select_rows(CorrectionRow).where(col(CorrectionRow.id).in_(ids)))
    return {row[0].id: _view(row) for row in rows}


def _view(row: Any) -> CorrectionView:
    each = row[0]
    return CorrectionView(
        each.id,
        each.source_id,
        each.kind,
        WattHours(each.energy_wh),
        each.evidence,
        each.reason,
        each.recorded_by,
        each.recorded_at,
    )


async def preview(
    work: Work, scope: Scope, source_id: str, kind: CorrectionKind, energy_wh: WattHours, now: datetime
) -> CorrectionPreview | None:
    """What a correction would do; None for an unknown source.

    From the books alone: a debt that is recorded counts as open until settlements were netted by it.
    """
    known = select(col(EnergySourceRow.identity_id)).where(col(EnergySourceRow.identity_id) == source_id)
    if (await work.session.execute(known)).first() is None:
        return None
    before = await source_account(work, source_id)
    table = await share_table_at(work, source_id, now)
    parts = () if table is None else apportion(energy_wh, [share.count for share in table.shares])
    holders = [] if table is None else [share.holder_id for share in table.shares]
    effects = tuple(
        CorrectionEffect(holder, part)
        for holder, part in zip(holders, parts, strict=True)
        if scope.everything or holder in scope.identity_ids
    )
    return CorrectionPreview(before, before.correct(kind, energy_wh), effects)


async def source_account(work: Work, source_id: str) -> SourceAccount:
    """A source's energy as the books have it: V = M + open supplement - open debt."""
    settled_wh, minted_wh = await settled_and_minted(work, source_id)
    booked = [one.correction for one in await corrections(work, [source_id])]
    recorded_wh = sum(one.energy_wh for one in booked if one.kind is CorrectionKind.DEBT)
    supplement_wh = sum(one.energy_wh for one in booked if one.kind is CorrectionKind.SUPPLEMENT)
    debt_wh = max(0, recorded_wh - (settled_wh - minted_wh))
    figures = (minted_wh + supplement_wh - debt_wh, minted_wh, supplement_wh, debt_wh)
    return SourceAccount(*(WattHours(value) for value in figures))
