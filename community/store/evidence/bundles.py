"""One evidence bundle as a stream of records, all of one snapshot."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col

from community.errors import CommunityError
from community.evidence import records
from community.store.evidence.registers import (
    corrections,
    device_keys,
    issuer_events,
    readings,
    share_tables,
    text_of,
)
from community.store.evidence.settlements import reading_ids, settlements
from community.store.evidence.subjects import Subject
from community.store.tables.chain import IndexCheckpointRow
from community.store.tables.identity import EnergySourceRow, IdentityRow
from community.store.tables.metering import MeteringPointRow
from community.store.tables.minting import SupplementSourceRow
from community.store.unit_of_work import Work


class NothingIndexed(CommunityError):
    """No block has been indexed yet: there is nothing that a bundle could say of the chain."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A source with its name; `measured` is where its energy is measured: itself, or the plant whose supplements it mints."""

    row: EnergySourceRow
    name: str
    measured: EnergySourceRow
    obis: str

    @property
    def is_supplement(self) -> bool:
        return self.measured is not self.row


async def stream(work: Work, subject: Subject, token: str | None) -> AsyncIterator[records.Head | records.Body]:
    """The records of a bundle in their order. Raises NothingIndexed. `token` is the community's token contract."""
    checkpoint = (
        await work.session.execute(select(IndexCheckpointRow).order_by(col(IndexCheckpointRow.chain_id)).limit(1))
    ).scalar()
    if checkpoint is None:
        raise NothingIndexed("No block of the chain has been indexed yet. Ask again when it is.")
    source, chain_id, upto = await _source(work, subject.source_id), checkpoint.chain_id, checkpoint.finalised_number
    own, measured = source.row, source.measured
    yield records.Head(
        format=records.FORMAT,
        subject="source" if subject.issuance_id is None else "issuance",
        chain_id=chain_id,
        token=None if token is None else token.lower(),
        finalised_block=upto,
        finalised_hash=checkpoint.finalised_hash,
        since=text_of(subject.since),
        until=text_of(subject.until),
        source_id=own.identity_id,
        source_name=source.name,
        source_ref=own.source_ref,
        mode=own.evidence_mode,
        obis=source.obis,
        nameplate_w=own.nameplate_w,
        opening_register_wh=own.opening_register_wh,
        opening_at=text_of(own.opening_at),
        supplements=measured.identity_id if source.is_supplement else None,
    )
    for record in (
        *await device_keys(work, measured.metering_point_id),
        *await share_tables(work, measured.identity_id, subject),
        *await issuer_events(work, chain_id, own.source_ref, upto),
        *await corrections(work, measured.identity_id),
    ):
        yield record
    beside = await reading_ids(work, subject)
    async for reading in readings(work, measured.metering_point_id, subject.since, subject.until, beside):
        yield reading
    async for settlement in settlements(work, chain_id, own.source_ref, subject):
        yield settlement


async def _source(work: Work, source_id: str) -> _Source:
    row, parent_row = EnergySourceRow, SupplementSourceRow
    statement = select(row, col(IdentityRow.name)).join(
        IdentityRow, col(IdentityRow.id) == col(row.identity_id)
    )  # fmt: skip
    found, name = (await work.session.execute(statement.where(col(row.identity_id) == source_id))).one()
    measured = (
        await work.session.execute(
            select(row)
            .join(parent_row, col(parent_row.parent_id) == col(row.identity_id))
            .where(col(parent_row.source_id) == source_id)
        )
    ).scalar_one_or_none() or found
    obis = (
        await work.session.execute(
            select(col(MeteringPointRow.settled_obis)).where(col(MeteringPointRow.id) == measured.metering_point_id)
        )
    ).scalar_one()
    return _Source(found, name, measured, obis)
