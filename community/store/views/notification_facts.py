"""What the facts behind a member's notifications come to for him: energy, shares before and after, base units."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from community.minting.apportionment import apportion
from community.store.shares import share_table_at
from community.store.tables.identity import KeyRevocationRow, ShareRow, ShareTableRow
from community.store.tables.minting import CorrectionRow, IssuancePartRow, IssuanceRow
from community.store.unit_of_work import Work
from community.store.views.notifications import NotificationKind, NotificationView
from community.units import TokenAmount, WattHours


@dataclass(frozen=True, slots=True)
class NotificationFacts:
    """Only what its kind has. `amount` is what he gets more, or less where `is_less`; `effective_at` since when it counts."""

    energy_wh: WattHours | None = None
    amount: TokenAmount | None = None
    is_less: bool = False
    share_count_before: int | None = None
    share_count_after: int | None = None
    effective_at: datetime | None = None
    reason: str | None = None


async def facts_of(work: Work, views: Sequence[NotificationView]) -> list[NotificationFacts]:
    """In the order of `views`."""
    by_kind: dict[NotificationKind, list[NotificationView]] = defaultdict(list)
    for view in views:
        by_kind[view.kind].append(view)
    found: dict[tuple[str, str], NotificationFacts] = {}
    for kind, read in (
        (NotificationKind.CORRECTION_RECORDED, _corrections),
        (NotificationKind.SUPPLEMENT_MINTED, _supplements),
        (NotificationKind.SHARES_CHANGED, _shares),
        (NotificationKind.KEY_REVOKED, _revocations),
    ):
        if by_kind[kind]:
            found |= await read(work, by_kind[kind])
    return [found.get((view.id, view.member_id), NotificationFacts()) for view in views]


_Found = dict[tuple[str, str], NotificationFacts]


async def _corrections(work: Work, views: Sequence[NotificationView]) -> _Found:
    rows = await work.session.execute(
        select(CorrectionRow).where(col(CorrectionRow.id).in_([view.fact for view in views]))
    )
    by_id = {row.id: row for row in rows.scalars()}
    found: _Found = {}
    for view in views:
        row = by_id[view.fact]
        table = await share_table_at(work, row.source_id, row.recorded_at)
        shares = () if table is None else table.shares
        parts = apportion(WattHours(row.energy_wh), [share.count for share in shares]) if shares else ()
        own = sum(part for share, part in zip(shares, parts, strict=True) if share.holder_id == view.member_id)
        found[view.id, view.member_id] = NotificationFacts(
            WattHours(row.energy_wh), TokenAmount(own), row.kind == "debt", effective_at=row.recorded_at,
            reason=row.reason,
        )  # fmt: skip
    return found


async def _supplements(work: Work, views: Sequence[NotificationView]) -> _Found:
    row, part = IssuanceRow, IssuancePartRow
    statement = (
        select(row, part)
        .join(part, col(part.issuance_id) == col(row.id))
        .where(
            col(row.id).in_([view.fact for view in views]), col(part.holder_id).in_({view.member_id for view in views})
        )
    )
    parts = {(each.id, mine.holder_id): (each, mine) for each, mine in await work.session.execute(statement)}
    found: _Found = {}
    for view in views:
        issuance, mine = parts[view.fact, view.member_id]
        found[view.id, view.member_id] = NotificationFacts(
            WattHours(issuance.to_wh - issuance.from_wh), TokenAmount(mine.amount), effective_at=issuance.final_at
        )
    return found


async def _shares(work: Work, views: Sequence[NotificationView]) -> _Found:
    table, share = ShareTableRow, ShareRow
    tables = {
        row.id: row
        for row in (
            await work.session.execute(select(table).where(col(table.id).in_([view.fact for view in views])))
        ).scalars()
    }
    counts: dict[tuple[str, int, str], int] = {}
    statement = (
        select(col(table.source_id), col(table.revision), col(share.holder_id), col(share.share_count))
        .join(share, col(share.share_table_id) == col(table.id))
        .where(
            col(table.source_id).in_({row.source_id for row in tables.values()}),
            col(share.holder_id).in_({view.member_id for view in views}),
        )
    )
    for source_id, revision, holder_id, count in await work.session.execute(statement):
        counts[source_id, revision, holder_id] = count
    found: _Found = {}
    for view in views:
        row = tables[view.fact]
        found[view.id, view.member_id] = NotificationFacts(
            share_count_before=counts.get((row.source_id, row.revision - 1, view.member_id), 0),
            share_count_after=counts.get((row.source_id, row.revision, view.member_id), 0),
            effective_at=row.valid_from,
        )
    return found


async def _revocations(work: Work, views: Sequence[NotificationView]) -> _Found:
    row = KeyRevocationRow
    statement = select(row).where(col(row.id).in_([int(view.fact) for view in views]))
    since = {str(each.id): each.revoked_from for each in (await work.session.execute(statement)).scalars()}
    return {(view.id, view.member_id): NotificationFacts(effective_at=since[view.fact]) for view in views}
