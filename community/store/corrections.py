"""Corrections of sources in the books, and what the chain has of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col

from community.minting.corrections import Correction, CorrectionKind
from community.store import outbox
from community.store.tables.chain import IssuerEventRow
from community.store.tables.identity import EnergySourceRow
from community.store.tables.minting import CorrectionRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent
from community.units import WattHours


@dataclass(frozen=True, slots=True)
class BookedCorrection:
    """A correction; `on_chain` says whether the index has seen the issuer book it as a debt."""

    correction: Correction
    on_chain: bool


async def add_correction(work: Work, correction: Correction) -> bool:
    """Record a correction. Says whether it is new: one document corrects a source once."""
    values = {
        "id": correction.id,
        "source_id": correction.source_id,
        "kind": correction.kind.value,
        "energy_wh": correction.energy_wh,
        "evidence": correction.evidence,
        "reason": correction.reason,
        "recorded_by": correction.recorded_by,
        "recorded_at": correction.recorded_at,
    }
    if not await insert_if_absent(work, CorrectionRow, values):
        return False
    await outbox.announce(work, "correction", correction.source_id, correction.recorded_at)
    return True


async def correction_with(work: Work, source_id: str, evidence: str) -> Correction | None:
    """The correction of a source that rests on this document."""
    statement = select(CorrectionRow).where(
        col(CorrectionRow.source_id) == source_id, col(CorrectionRow.evidence) == evidence
    )
    row = (await work.session.execute(statement)).scalars().first()
    return None if row is None else _correction(row)


async def corrections(work: Work, source_ids: Sequence[str]) -> list[BookedCorrection]:
    """Every correction of these sources, oldest first."""
    rows = await work.session.execute(
        select(CorrectionRow, col(EnergySourceRow.source_ref))
        .join(EnergySourceRow, col(EnergySourceRow.identity_id) == col(CorrectionRow.source_id))
        .where(col(CorrectionRow.source_id).in_(source_ids))
        .order_by(col(CorrectionRow.recorded_at), col(CorrectionRow.id))
    )
    found = [(_correction(row), ref) for row, ref in rows]
    booked = await _booked(work)
    return [BookedCorrection(one, (ref, one.evidence) in booked) for one, ref in found]


async def _booked(work: Work) -> set[tuple[str | None, str]]:
    """(source reference, evidence) of each Corrected event in the index."""
    events = await work.session.execute(
        select(col(IssuerEventRow.source_ref), col(IssuerEventRow.fields)).where(
            col(IssuerEventRow.name) == "Corrected"
        )
    )
    return {(ref, str(json.loads(fields).get("evidence"))) for ref, fields in events}


def _correction(row: CorrectionRow) -> Correction:
    return Correction(
        source_id=row.source_id,
        kind=CorrectionKind(row.kind),
        energy_wh=WattHours(row.energy_wh),
        evidence=row.evidence,
        reason=row.reason,
        recorded_by=row.recorded_by,
        recorded_at=row.recorded_at,
    )
