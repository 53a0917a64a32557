"""What happened that concerns a member, newest first: told from the facts themselves, so that none can be forgotten or told twice.

A notification is known by the fact it tells: a correction of a source he held shares of, a supplement that was minted, a share
register in which he stands differently than before, the revocation of a key that measured for him.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import String, and_, cast, func, literal, or_, select, tuple_, union, union_all
from sqlalchemy.orm import aliased
from sqlmodel import col

from community.store.tables.identity import (
    DeviceKeyRow,
    EnergyConsumptionUnitRow,
    EnergySourceRow,
    KeyRevocationRow,
    ShareRow,
    ShareTableRow,
)
from community.store.tables.metering import InstallationRow
from community.store.tables.minting import CorrectionRow, IssuancePartRow, IssuanceRow, SupplementIssuanceRow
from community.store.tables.telling import NotificationMarkRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page
from community.store.views.scope import Scope


class NotificationKind(StrEnum):
    """What happened."""

    CORRECTION_RECORDED = "correction_recorded"
    SUPPLEMENT_MINTED = "supplement_minted"
    SHARES_CHANGED = "shares_changed"
    KEY_REVOKED = "key_revoked"


@dataclass(frozen=True, slots=True)
class NotificationView:
    """`fact` is the id of what it tells of: a correction, an issuance, a share table, or a revocation's number."""

    id: str
    kind: NotificationKind
    at: datetime
    member_id: str
    source_id: str | None
    fact: str
    read_at: datetime | None = None


async def page(
    work: Work, scope: Scope, member_id: str, *, unread_only: bool, first: int, after: str | None
) -> Page[NotificationView]:
    """Of a member whom the asker may see, newest first."""
    told = _told()
    statement = (
        select(told.c.kind, told.c.member_id, told.c.source_id, told.c.fact, told.c.at, told.c.id)
        .where(told.c.member_id == member_id, scope.holders(told.c.member_id))
        .distinct()
    )
    mark = await _mark(work, member_id)
    if unread_only and mark is not None:
        upto = tuple_(literal(mark.upto_at, told.c.at.type), literal(mark.upto_id))
        statement = statement.where(tuple_(told.c.at, told.c.id) > upto)
    keyset = Keyset((told.c.at, told.c.id), (datetime, str))
    found = await fetch_page(work, statement, keyset, _view, first, after)
    return replace(found, items=tuple(_read(one, mark) for one in found.items))


async def unread_counts(work: Work, scope: Scope, member_ids: Sequence[str]) -> dict[str, int]:
    """How many notifications each member has not read."""
    told, mark = _told(), NotificationMarkRow
    statement = (
        select(told.c.member_id, func.count(func.distinct(told.c.id)))
        .select_from(told.outerjoin(mark, col(mark.member_id) == told.c.member_id))
        .where(
            told.c.member_id.in_(member_ids),
            scope.holders(told.c.member_id),
            or_(
                col(mark.member_id).is_(None),
                told.c.at > col(mark.upto_at),
                and_(told.c.at == col(mark.upto_at), told.c.id > col(mark.upto_id)),
            ),
        )
        .group_by(told.c.member_id)
    )
    return {row[0]: row[1] for row in await work.session.execute(statement)}


async def by_id(work: Work, scope: Scope, member_id: str, notification_id: str) -> NotificationView | None:
    """One notification of a member."""
    told = _told()
    statement = select(told.c.kind, told.c.member_id, told.c.source_id, told.c.fact, told.c.at, told.c.id).where(
        told.c.member_id == member_id, told.c.id == notification_id, scope.holders(told.c.member_id)
    )
    found = (await work.session.execute(statement.limit(1))).first()
    return None if found is None else _view(found)


def _view(row: Any) -> NotificationView:
    kind, member_id, source_id, fact, at, identity = row
    return NotificationView(identity, NotificationKind(kind), at, member_id, source_id, fact)


async def _mark(work: Work, member_id: str) -> NotificationMarkRow | None:
    return await work.session.get(NotificationMarkRow, member_id)


def _read(view: NotificationView, mark: NotificationMarkRow | None) -> NotificationView:
    if mark is None or (view.at, view.id) > (mark.upto_at, mark.upto_id):
        return view
    return replace(view, read_at=mark.read_at)


def _told() -> Any:
    """Every notification there is, each with whom it concerns."""
    return union_all(_corrections(), _supplements(), _changed_shares(), _left_shares(), _revocations()).subquery("told")


def _columns(kind: NotificationKind, fact: Any, at: Any, member_id: Any, source_id: Any) -> list[Any]:
    text = cast(fact, String)
    return [
        (literal(f"{kind}.") + text).label("id"),
        literal(kind.value).label("kind"),
        at.label("at"),
        member_id.label("member_id"),
        source_id.label("source_id"),
        text.label("fact"),
    ]


def _corrections() -> Any:
    """Of sources that he held shares of when it was recorded."""
    row, table, share = CorrectionRow, ShareTableRow, ShareRow
    return (
        select(
            *_columns(
                NotificationKind.CORRECTION_RECORDED, col(row.id), col(row.recorded_at), col(share.holder_id),
                col(row.source_id),
            )
        )
        .join(table, and_(col(table.source_id) == col(row.source_id), _holds(table, col(row.recorded_at))))
        .join(share, col(share.share_table_id) == col(table.id))
    )  # fmt: skip


def _holds(table: Any, at: Any) -> Any:
    return and_(col(table.valid_from) <= at, or_(col(table.valid_to).is_(None), col(table.valid_to) > at))


def _supplements() -> Any:
    """Minted for good, with a part for him."""
    row, issuance, part = SupplementIssuanceRow, IssuanceRow, IssuancePartRow
    return (
        select(
            *_columns(
                NotificationKind.SUPPLEMENT_MINTED, col(row.issuance_id), col(issuance.final_at), col(part.holder_id),
                col(issuance.source_id),
            )
        )
        .join(issuance, col(issuance.id) == col(row.issuance_id))
        .join(part, col(part.issuance_id) == col(issuance.id))
        .where(col(issuance.final_at).is_not(None))
    )  # fmt: skip


def _revisions() -> tuple[Any, Any, Any, Any]:
    """A share table and the one before it, and a share of either."""
    return aliased(ShareTableRow), aliased(ShareTableRow), aliased(ShareRow), aliased(ShareRow)


def _follows(now: Any, before: Any) -> Any:
    return and_(col(before.source_id) == col(now.source_id), col(before.revision) == col(now.revision) - 1)


def _changed_shares() -> Any:
    """He stands in a revision with another count than in the one before, or had none there."""
    now, before, share, had = _revisions()
    same = and_(col(had.share_table_id) == col(before.id), col(had.holder_id) == col(share.holder_id))
    return (
        select(
            *_columns(
                NotificationKind.SHARES_CHANGED, col(now.id), col(now.recorded_at), col(share.holder_id),
                col(now.source_id),
            )
        )
        .select_from(now)
        .join(before, _follows(now, before))
        .join(share, col(share.share_table_id) == col(now.id))
        .outerjoin(had, same)
        .where(or_(col(had.holder_id).is_(None), col(had.share_count) != col(share.share_count)))
    )  # fmt: skip


def _left_shares() -> Any:
    """He stood in the revision before, and no longer does."""
    now, before, share, had = _revisions()
    same = and_(col(share.share_table_id) == col(now.id), col(share.holder_id) == col(had.holder_id))
    return (
        select(
            *_columns(
                NotificationKind.SHARES_CHANGED, col(now.id), col(now.recorded_at), col(had.holder_id),
                col(now.source_id),
            )
        )
        .select_from(now)
        .join(before, _follows(now, before))
        .join(had, col(had.share_table_id) == col(before.id))
        .outerjoin(share, same)
        .where(col(share.holder_id).is_(None))
    )  # fmt: skip


def _revocations() -> Any:
    """Of a key of a device that measured one of his units, or a source that he held shares of since it is not believed."""
    row, key, place = KeyRevocationRow, DeviceKeyRow, InstallationRow
    unit, source, table, share = EnergyConsumptionUnitRow, EnergySourceRow, ShareTableRow, ShareRow
    since = col(row.revoked_from)
    measured = and_(
        col(place.device_id) == col(key.device_id), or_(col(place.valid_to).is_(None), col(place.valid_to) > since)
    )

    def columns(member_id: Any, source_id: Any) -> Any:
        chosen = _columns(NotificationKind.KEY_REVOKED, col(row.id), col(row.recorded_at), member_id, source_id)
        return select(*chosen).join(key, col(key.id) == col(row.device_key_id)).join(place, measured)

    own = columns(col(unit.member_id), literal(None, String)).join(
        unit, col(unit.metering_point_id) == col(place.metering_point_id)
    )
    shared = (
        columns(col(share.holder_id), col(source.identity_id))
        .join(source, col(source.metering_point_id) == col(place.metering_point_id))
        .join(
            table,
            and_(
                col(table.source_id) == col(source.identity_id),
                or_(col(table.valid_to).is_(None), col(table.valid_to) > since),
            ),
        )
        .join(share, col(share.share_table_id) == col(table.id))
    )
    both = union(own, shared).subquery("revoked")
    return select(*both.c)
