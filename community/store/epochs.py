"""Epochs of sources in the books: recorded once, never changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col

from community.errors import RetryableError
from community.minting.epochs import SourceEpoch
from community.store.tables.identity import EnergySourceRow
from community.store.tables.minting import SourceEpochRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_if_absent


class EpochClosed(RetryableError):
    """A source's register began anew while an issuance of the one before was prepared: it is planned anew."""


async def epochs_of(work: Work, source_id: str) -> list[SourceEpoch]:
    """The epochs of a source after its founding one, oldest first."""
    row = SourceEpochRow
    found = await work.session.execute(select(row).where(col(row.source_id) == source_id).order_by(col(row.number)))
    return [_epoch(one) for one in found.scalars()]


async def newest_epoch(work: Work, source_id: str) -> SourceEpoch | None:
    """The epoch that counts now; None for the founding one."""
    return (await newest_epochs(work, [source_id])).get(source_id)


async def newest_epochs(work: Work, source_ids: Sequence[str]) -> dict[str, SourceEpoch]:
    """The epoch that counts now for each of these sources that is not in its founding one."""
    row = SourceEpochRow
    found = await work.session.execute(select(row).where(col(row.source_id).in_(source_ids)).order_by(col(row.number)))
    return {one.source_id: _epoch(one) for one in found.scalars()}


async def epoch_at(work: Work, source_id: str, read_at: datetime) -> SourceEpoch | None:
    """The epoch that a reading of this instant belongs to; None for the founding one."""
    return next((one for one in reversed(await epochs_of(work, source_id)) if one.opening_at < read_at), None)


async def hold_epochs(work: Work, numbers: Mapping[str, int]) -> None:
    """Keep these epochs, by source, the ones that count until this unit of work ends. Raises EpochClosed if one is not.

    The rows of the sources are the lock, taken in one order: who opens an epoch waits, or is seen here.
    """
    source, row = EnergySourceRow, SourceEpochRow
    held = select(col(source.identity_id)).where(col(source.identity_id).in_(numbers))
    await work.session.execute(held.order_by(col(source.identity_id)).with_for_update())
    newest = select(col(row.source_id), func.max(col(row.number))).where(col(row.source_id).in_(numbers))
    counts = await work.session.execute(newest.group_by(col(row.source_id)))
    count = {str(source_id): int(number) for source_id, number in counts}
    for source_id, number in numbers.items():
        if number != count.get(source_id, 0):
            raise EpochClosed(f"The register of {source_id} began anew while an issuance was prepared: plan it anew.")


async def add_epoch(work: Work, epoch: SourceEpoch, recorded_by: str, now: datetime) -> bool:
    """Record an epoch. Says whether it is new. Call `hold_epochs` first in the same unit of work."""
    values = {
        "source_id": epoch.source_id,
        "number": epoch.number,
        "register_id": epoch.register_id,
        "opening_register_wh": epoch.opening_register_wh,
        "opening_at": epoch.opening_at,
        "begins_at": epoch.begins_at,
        "closing_register_wh": epoch.closing_register_wh,
        "rest_wh": epoch.rest_wh,
        "evidence": epoch.evidence,
        "recorded_by": recorded_by,
        "recorded_at": now,
    }
    return await insert_if_absent(work, SourceEpochRow, values)


def _epoch(row: SourceEpochRow) -> SourceEpoch:
    return SourceEpoch(
        source_id=row.source_id,
        number=row.number,
        register_id=row.register_id,
        opening_register_wh=row.opening_register_wh,
        opening_at=row.opening_at,
        begins_at=row.begins_at,
        closing_register_wh=row.closing_register_wh,
        rest_wh=row.rest_wh,
        evidence=row.evidence,
    )
