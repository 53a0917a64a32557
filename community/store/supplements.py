"""Supplementary sources: what documents prove beyond a plant's register is minted beside it, never on its register.

Each energy source may have one. On chain it is a source of its own in mode ATTESTED, whose register counts the Wh that
were supplemented; in the books it stands at a virtual metering point and its issuances follow from corrections.
"""

from datetime import datetime

from eth_utils.crypto import keccak
from sqlalchemy import insert, select
from sqlmodel import col

from community.identity.identities import EnergySource, EvidenceMode
from community.ids import named_id
from community.minting.corrections import Correction, CorrectionKind
from community.store.corrections import corrections
from community.store.devices import MeteringPoint, add_metering_point
from community.store.identities import add_energy_source, energy_sources
from community.store.tables.metering import MeteringPointRow
from community.store.tables.minting import SupplementIssuanceRow, SupplementSourceRow
from community.store.unit_of_work import Work


def supplement_ref(source_ref: str) -> str:
    """The id on chain of a source's supplements: keccak256("supplement" padded to 32 bytes, its own id), 0x hex."""
    return "0x" + keccak(b"supplement".ljust(32, b"\0") + bytes.fromhex(source_ref[2:])).hex()


async def supplement_source_of(work: Work, parent_id: str) -> EnergySource | None:
    """The source that a plant's supplements are minted under, None before the first."""
    statement = select(col(SupplementSourceRow.source_id)).where(col(SupplementSourceRow.parent_id) == parent_id)
    found = (await work.session.execute(statement)).scalar_one_or_none()
    return next((one for one in await energy_sources(work) if one.id == found), None)


async def parent_of(work: Work, source_id: str) -> EnergySource | None:
    """The plant whose supplements are minted under this source; None for an ordinary source."""
    statement = select(col(SupplementSourceRow.parent_id)).where(col(SupplementSourceRow.source_id) == source_id)
    found = (await work.session.execute(statement)).scalar_one_or_none()
    return next((one for one in await energy_sources(work) if one.id == found), None)


async def open_supplement_source(work: Work, parent: EnergySource, now: datetime) -> EnergySource:
    """The source for a plant's supplements; recorded if this is the first. Its register begins at 0 Wh."""
    known = await supplement_source_of(work, parent.id)
    if known is not None:
        return known
    statement = select(MeteringPointRow).where(col(MeteringPointRow.id) == parent.metering_point_id)
    place = (await work.session.execute(statement)).scalars().one()
    name = f"{parent.name}: supplements"
    point = MeteringPoint(f"{place.id}.supplements", f"{place.code}.virtual", name, "production", place.settled_obis)
    await add_metering_point(work, point)
    source = EnergySource(
        id=named_id("source", parent.id, "supplements"),
        name=name,
        source_ref=supplement_ref(parent.source_ref),
        technology=parent.technology,
        nameplate_w=parent.nameplate_w,
        share_total=parent.share_total,
        metering_point_id=point.id,
        opening_register_wh=0,
        opening_at=parent.opening_at,
        evidence_mode=EvidenceMode.ATTESTED,
        approved_at=parent.approved_at,
        trial=parent.trial,
    )
    await add_energy_source(work, source, now)
    await work.session.execute(insert(SupplementSourceRow).values(source_id=source.id, parent_id=parent.id))
    return source


async def supplements_of(work: Work, parent_id: str) -> list[Correction]:
    """Every supplement of a plant, oldest first."""
    found = [one.correction for one in await corrections(work, [parent_id])]
    return [one for one in found if one.kind is CorrectionKind.SUPPLEMENT]


async def issuances_of_supplements(work: Work) -> dict[str, str]:
    """The issuance that mints each supplement, by the correction's id."""
    columns = (col(SupplementIssuanceRow.correction_id), col(SupplementIssuanceRow.issuance_id))
    return {str(correction): str(issuance) for correction, issuance in await work.session.execute(select(*columns))}


async def link_supplement(work: Work, issuance_id: str, correction_id: str) -> None:
    """Record that an issuance mints a supplement. Raises IntegrityError if either is linked already."""
    await work.session.execute(
        insert(SupplementIssuanceRow).values(issuance_id=issuance_id, correction_id=correction_id)
    )
