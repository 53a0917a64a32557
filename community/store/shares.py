"""The share register in the books: revisions with half-open validity, never edited."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlmodel import col

from community.errors import CommunityError
from community.identity.shares import Share, ShareTable
from community.store import outbox
from community.store.tables.identity import ShareRow, ShareTableRow
from community.store.tables.minting import IssuanceRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all


class SharesIssued(CommunityError):
    """The shares of a time whose energy is issued already cannot change."""


async def add_share_table(work: Work, table: ShareTable, recorded_by: str, now: datetime) -> None:
    """Record a revision. The one before it, if still open, ends where this one begins.

    Raises SharesIssued where it would begin inside energy that is issued already. The database refuses overlapping
    validity; IntegrityError then says so.
    """
    await work.session.execute(
        update(ShareTableRow)
        .where(
            col(ShareTableRow.source_id) == table.source_id,
            col(ShareTableRow.valid_to).is_(None),
            col(ShareTableRow.valid_from) < table.valid_from,
        )
        .values(valid_to=table.valid_from)
    )
    # After the update: it waits for units of work that add an issuance under the table before, so this sees theirs.
    issued = select(func.max(col(IssuanceRow.period_end))).where(col(IssuanceRow.source_id) == table.source_id)
    issued_to: datetime | None = (await work.session.execute(issued)).scalar()
    if issued_to is not None and issued_to > table.valid_from:
        raise SharesIssued(
            f"The energy of {table.source_id} is issued up to {issued_to.isoformat()} by the shares that held then. Let "
            "the new ones begin there or later; what was issued wrongly is corrected, not split anew."
        )
    await work.session.execute(
        insert(ShareTableRow).values(
            id=table.id,
            source_id=table.source_id,
            revision=table.revision,
            share_total=table.share_total,
            config_hash=table.config_hash,
            valid_from=table.valid_from,
            valid_to=table.valid_to,
            recorded_at=now,
            recorded_by=recorded_by,
        )
    )
    await outbox.announce(work, "share_table", table.source_id, now)
    await insert_all(
        work,
        ShareRow,
        [
            {
                "share_table_id": table.id,
                "position": position,
                "holder_id": share.holder_id,
                "address": share.address,
                "share_count": share.count,
            }
            for position, share in enumerate(table.shares)
        ],
    )


async def share_tables(work: Work, source_id: str) -> list[ShareTable]:
    """Every revision of a source's share register, oldest validity first."""
    return (await tables_of(work, [source_id])).get(source_id, [])


async def tables_of(work: Work, source_ids: Sequence[str]) -> dict[str, list[ShareTable]]:
    """`share_tables` of each of these sources that has any."""
    tables = await work.session.execute(
        select(ShareTableRow)
        .where(col(ShareTableRow.source_id).in_(source_ids))
        .order_by(col(ShareTableRow.valid_from))
    )
    rows = list(tables.scalars())
    shares = await work.session.execute(
        select(ShareRow)
        .where(col(ShareRow.share_table_id).in_([row.id for row in rows]))
        .order_by(col(ShareRow.share_table_id), col(ShareRow.position))
    )
    held: dict[str, list[Share]] = {}
    for share in shares.scalars():
        held.setdefault(share.share_table_id, []).append(Share(share.holder_id, share.address, share.share_count))
    found: dict[str, list[ShareTable]] = {}
    for row in rows:
        table = ShareTable(
            id=row.id,
            source_id=row.source_id,
            revision=row.revision,
            share_total=row.share_total,
            shares=tuple(held.get(row.id, [])),
            config_hash=row.config_hash,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
        )
        found.setdefault(row.source_id, []).append(table)
    return found


async def share_table_at(work: Work, source_id: str, start: datetime) -> ShareTable | None:
    """The revision that holds for the interval starting at `start`."""
    return next((table for table in await share_tables(work, source_id) if table.is_valid_at(start)), None)
