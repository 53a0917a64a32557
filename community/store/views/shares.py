"""The share register as it is shown: tables over time, newest first; each asker sees the shares he may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from community.store.tables.identity import ShareRow, ShareTableRow
from community.store.unit_of_work import Work
from community.store.views.scope import Scope

TABLES_MAX = 200
SHARES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class ShareView:
    source_id: str
    holder_id: str
    address: str
    share_count: int
    share_total: int


@dataclass(frozen=True, slots=True)
class ShareTableView:
    """One revision. `shares` may be fewer than all: a member sees his own, and the total."""

    id: str
    source_id: str
    revision: int
    share_total: int
    config_hash: str
    valid_from: datetime
    valid_to: datetime | None
    shares: tuple[ShareView, ...]


async def tables_of_sources(
    work: Work, scope: Scope, source_ids: Sequence[str], *, only_current: bool = False
) -> dict[str, list[ShareTableView]]:
    """Share tables by source, newest first."""
    table = ShareTableRow
    statement = select(table).where(col(table.source_id).in_(source_ids))
    if only_current:
        statement = statement.where(col(table.valid_to).is_(None))
    statement = statement.order_by(col(table.source_id), col(table.revision).desc()).limit(TABLES_MAX)
    tables = list((await work.session.execute(statement)).scalars())
    share = ShareRow
    query = (
        select(share)
        .where(col(share.share_table_id).in_([row.id for row in tables]), scope.holders(col(share.holder_id)))
        .order_by(col(share.share_table_id), col(share.position))
        .limit(SHARES_MAX)
    )
    by_table: dict[str, list[ShareRow]] = {}
    for row in (await work.session.execute(query)).scalars():
        by_table.setdefault(row.share_table_id, []).append(row)
    found: dict[str, list[ShareTableView]] = {}
    for each in tables:
        shares = tuple(
            ShareView(each.source_id, row.holder_id, row.address, row.share_count, each.share_total)
            for row in by_table.get(each.id, ())
        )
        view = ShareTableView(
            each.id,
            each.source_id,
            each.revision,
            each.share_total,
            each.config_hash,
            each.valid_from,
            each.valid_to,
            shares,
        )
        found.setdefault(each.source_id, []).append(view)
    return found


async def shares_of_members(work: Work, scope: Scope, member_ids: Sequence[str]) -> dict[str, list[ShareView]]:
    """The shares each member holds now."""
    statement = (
        select(ShareRow, ShareTableRow)
        .join(ShareTableRow, col(ShareTableRow.id) == col(ShareRow.share_table_id))
        .where(
            col(ShareRow.holder_id).in_(member_ids),
            scope.holders(col(ShareRow.holder_id)),
            col(ShareTableRow.valid_to).is_(None),
        )
        .order_by(col(ShareTableRow.source_id))
        .limit(SHARES_MAX)
    )
    found: dict[str, list[ShareView]] = {}
    for share, table in await work.session.execute(statement):
        view = ShareView(table.source_id, share.holder_id, share.address, share.share_count, table.share_total)
        found.setdefault(share.holder_id, []).append(view)
    return found
