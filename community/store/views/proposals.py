"""Proposed issuances as they are shown, with the objections to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from community.store.tables.minting import IssuanceRow, ObjectionAnswerRow, ObjectionRow, ProposalRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows
from community.units import WattHours

OBJECTIONS_MAX = 5000


@dataclass(frozen=True, slots=True)
class ProposalView:
    """`state` is waiting, superseded (something it rests on has changed) or issued."""

    id: str
    issuance_id: str
    source_id: str
    from_wh: WattHours
    to_wh: WattHours
    period_start: datetime
    period_end: datetime
    measurement_id: str
    share_table_id: str
    proposed_at: datetime
    due_at: datetime
    superseded_at: datetime | None
    superseded_because: str | None
    state: str


@dataclass(frozen=True, slots=True)
class ObjectionView:
    """`raised_by` is an API key's id or a login, or a name from the command line."""

    id: str
    proposal_id: str
    raised_by: str
    reason: str
    raised_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None


def _statement() -> Any:
    row = ProposalRow
    issued = select(col(IssuanceRow.id)).where(col(IssuanceRow.id) == col(row.issuance_id)).exists()
    return select_rows(row, issued.label("issued"), col(row.proposed_at).label("key_at"), col(row.id).label("key"))


def _view(found: Any) -> ProposalView:
    row, issued = found[0], bool(found[1])
    state = "superseded" if row.superseded_at is not None else "issued" if issued else "waiting"
    return ProposalView(
        row.id,
        row.issuance_id,
        row.source_id,
        WattHours(row.from_wh),
        WattHours(row.to_wh),
        row.period_start,
        row.period_end,
        row.measurement_id,
        row.share_table_id,
        row.proposed_at,
        row.due_at,
        row.superseded_at,
        row.superseded_because,
        state,
    )


async def page(work: Work, source_id: str | None, waiting: bool, first: int, after: str | None) -> Page[ProposalView]:
    """Proposals, newest first: those that wait, or all; of one source or of every one."""
    row = ProposalRow
    statement = _statement()
    if source_id is not None:
        statement = statement.where(col(row.source_id) == source_id)
    if waiting:
        issued = select(col(IssuanceRow.id)).where(col(IssuanceRow.id) == col(row.issuance_id)).exists()
        statement = statement.where(col(row.superseded_at).is_(None), ~issued)
    keyset = Keyset((col(row.proposed_at), col(row.id)), (datetime, str))
    return await fetch_page(work, statement, keyset, _view, first, after)


async def by_ids(work: Work, ids: Sequence[str]) -> dict[str, ProposalView]:
    """Proposals by id."""
    rows = await work.session.execute(_statement().where(col(ProposalRow.id).in_(ids)))
    return {row[0].id: _view(row) for row in rows}


async def by_issuances(work: Work, issuance_ids: Sequence[str]) -> dict[str, ProposalView]:
    """The newest proposal of each issuance."""
    statement = (
        _statement().where(col(ProposalRow.issuance_id).in_(issuance_ids)).order_by(col(ProposalRow.proposed_at))
    )
    return {row[0].issuance_id: _view(row) for row in await work.session.execute(statement)}


async def objections(work: Work, proposal_ids: Sequence[str]) -> dict[str, list[ObjectionView]]:
    """Objections by proposal, oldest first, each with its answer."""
    row, answer = ObjectionRow, ObjectionAnswerRow
    statement = (
        select(row, answer)
        .outerjoin(answer, col(answer.objection_id) == col(row.id))
        .where(col(row.proposal_id).in_(proposal_ids))
        .order_by(col(row.raised_at), col(row.id))
        .limit(OBJECTIONS_MAX)
    )
    found: dict[str, list[ObjectionView]] = {}
    for each, answered in await work.session.execute(statement):
        view = ObjectionView(
            id=each.id,
            proposal_id=each.proposal_id,
            raised_by=each.raised_by,
            reason=each.reason,
            raised_at=each.raised_at,
            answer=getattr(answered, "answer", None),
            answered_by=getattr(answered, "answered_by", None),
            answered_at=getattr(answered, "answered_at", None),
        )
        found.setdefault(each.proposal_id, []).append(view)
    return found
