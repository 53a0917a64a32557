"""Proposed issuances with the objections to them, in the books."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from community.errors import FatalError, RetryableError
from community.minting.proposals import Objection, Proposal
from community.store.outbox import announce
from community.store.tables.minting import IssuanceRow, ObjectionAnswerRow, ObjectionRow, ProposalRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent
from community.units import WattHours


class ProposedMeanwhile(RetryableError):
    """Another process proposed the same energy first."""


async def add_proposal(work: Work, proposal: Proposal) -> None:
    """Announce an issuance. Raises ProposedMeanwhile if a live proposal begins at the same register value."""
    values = {
        "id": proposal.id,
        "issuance_id": proposal.issuance_id,
        "source_id": proposal.source_id,
        "from_wh": proposal.from_wh,
        "to_wh": proposal.to_wh,
        "period_start": proposal.period_start,
        "period_end": proposal.period_end,
        "measurement_id": proposal.measurement_id,
        "share_table_id": proposal.share_table_id,
        "proposed_at": proposal.proposed_at,
        "due_at": proposal.due_at,
        "epoch": proposal.epoch,
    }
    if not await insert_if_absent(work, ProposalRow, values):
        raise ProposedMeanwhile(
            f"The energy of {proposal.source_id} from {proposal.from_wh} Wh on is proposed already."
        )
    await announce(work, "proposal", proposal.id, proposal.proposed_at)


async def waiting_proposals(work: Work, source_ids: Sequence[str] | None = None) -> list[Proposal]:
    """Live proposals that are no issuance yet, of these sources or of all, in the order of their registers."""
    issued = select(col(IssuanceRow.id)).where(col(IssuanceRow.id) == col(ProposalRow.issuance_id)).exists()
    statement = select(ProposalRow).where(col(ProposalRow.superseded_at).is_(None), ~issued)
    if source_ids is not None:
        statement = statement.where(col(ProposalRow.source_id).in_(source_ids))
    rows = await work.session.execute(
        statement.order_by(col(ProposalRow.source_id), col(ProposalRow.epoch), col(ProposalRow.from_wh))
    )
    return [_proposal(row) for row in rows.scalars()]


async def supersede(work: Work, proposals: Sequence[Proposal], because: str, now: datetime) -> None:
    """Take proposals back because what they rest on has changed; the same energy is proposed anew with a new window."""
    ids = [proposal.id for proposal in proposals]
    await work.session.execute(
        update(ProposalRow)
        .where(col(ProposalRow.id).in_(ids), col(ProposalRow.superseded_at).is_(None))
        .values(superseded_at=now, superseded_because=because)
    )
    for proposal_id in ids:
        await announce(work, "proposal", proposal_id, now)


async def object_to(work: Work, objection: Objection) -> bool:
    """Record an objection. Says whether it is new. Raises FatalError if the proposal is gone or is minted already."""
    # Locked: an intent that is stored at the same moment comes before this objection or sees it.
    asked = select(ProposalRow).where(col(ProposalRow.id) == objection.proposal_id).with_for_update()
    row = (await work.session.execute(asked)).scalars().first()
    if row is None or row.superseded_at is not None:
        raise FatalError(
            f"There is no open proposal {objection.proposal_id}. `python -m settlement status` lists them."
        )
    issued = await work.session.execute(select(col(IssuanceRow.id)).where(col(IssuanceRow.id) == row.issuance_id))
    if issued.first() is not None:
        raise FatalError("This proposal is minted already: ask for a correction instead of an objection.")
    values = {
        "id": objection.id,
        "proposal_id": objection.proposal_id,
        "raised_by": objection.raised_by,
        "reason": objection.reason,
        "raised_at": objection.raised_at,
    }
    is_new = await insert_if_absent(work, ObjectionRow, values)
    if is_new:
        await announce(work, "proposal", objection.proposal_id, objection.raised_at)
    return is_new


async def answer_objection(work: Work, objection_id: str, answer: str, answered_by: str, now: datetime) -> None:
    """Answer an objection, once. Raises FatalError if there is none, or if it has an answer already."""
    row = (
        (await work.session.execute(select(ObjectionRow).where(col(ObjectionRow.id) == objection_id))).scalars().first()
    )
    if row is None:
        raise FatalError(f"There is no objection {objection_id}. `python -m settlement status` lists them.")
    values = {"objection_id": objection_id, "answer": answer, "answered_by": answered_by, "answered_at": now}
    if not await insert_if_absent(work, ObjectionAnswerRow, values):
        raise FatalError(f"Objection {objection_id} is answered already; an answer is never changed.")
    await announce(work, "proposal", row.proposal_id, now)


async def objections_to(work: Work, proposal_ids: Sequence[str]) -> list[Objection]:
    """The objections to these proposals, oldest first, each with its answer if it has one."""
    rows = await work.session.execute(
        select(ObjectionRow, col(ObjectionAnswerRow.answer))
        .outerjoin(ObjectionAnswerRow, col(ObjectionAnswerRow.objection_id) == col(ObjectionRow.id))
        .where(col(ObjectionRow.proposal_id).in_(proposal_ids))
        .order_by(col(ObjectionRow.raised_at), col(ObjectionRow.id))
    )
    return [Objection(row.proposal_id, row.raised_by, row.reason, row.raised_at, answer) for row, answer in rows]


async def is_proposal_live(work: Work, issuance_id: str) -> bool:
    """Whether an issuance rests on a proposal that nobody took back and to which no objection is open.

    Locks the proposal until this unit of work ends: an objection that comes at the same moment is before it or after it.
    """
    statement = (
        select(col(ProposalRow.id))
        .where(col(ProposalRow.issuance_id) == issuance_id, col(ProposalRow.superseded_at).is_(None))
        .with_for_update()
    )
    proposal_id = (await work.session.execute(statement)).scalar_one_or_none()
    if proposal_id is None:
        return False
    return all(one.answer is not None for one in await objections_to(work, [proposal_id]))


def _proposal(row: ProposalRow) -> Proposal:
    return Proposal(
        issuance_id=row.issuance_id,
        source_id=row.source_id,
        from_wh=WattHours(row.from_wh),
        to_wh=WattHours(row.to_wh),
        period_start=row.period_start,
        period_end=row.period_end,
        measurement_id=row.measurement_id,
        share_table_id=row.share_table_id,
        proposed_at=row.proposed_at,
        due_at=row.due_at,
        epoch=row.epoch,
    )


async def proposals_of_objections(work: Work, objection_ids: Sequence[str]) -> list[str]:
    """The ids of the proposals that these objections are to."""
    statement = select(col(ObjectionRow.proposal_id)).where(col(ObjectionRow.id).in_(objection_ids)).distinct()
    return list((await work.session.execute(statement)).scalars())
