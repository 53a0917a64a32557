"""Revisions of share registers, decided by two people: one proposes, another approves, then the register has it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, or_, select, update
from sqlmodel import col

from community.identity.shares import Share, ShareTable
from community.ids import named_id
from community.store import coin_addresses, outbox, shares
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.persons import why_not_another
from community.store.tables.deciding import ShareRevisionRow
from community.store.tables.identity import DeviceKeyRow, EnergySourceRow
from community.store.tables.metering import InstallationRow
from community.store.unit_of_work import Work
from community.store.views.keyset import Keyset, Page, fetch_page, select_rows

ConfigHash = Callable[[bytes, Sequence[str], Sequence[int]], str]
"""From a device's public key, the holders' addresses and their share counts to the hash that the contract commits to."""
Counts = Sequence[tuple[str, int]]
"""Members and their share counts, in the order of the table."""


@dataclass(frozen=True, slots=True)
class ShareRevision:
    """A proposed revision. `state` is proposed, approved or rejected."""

    id: str
    source_id: str
    valid_from: datetime
    counts: tuple[tuple[str, int], ...]
    reason: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    is_approved: bool | None
    share_table_id: str | None

    @property
    def state(self) -> str:
        return "proposed" if self.is_approved is None else "approved" if self.is_approved else "rejected"


async def prepared(
    work: Work, source_id: str, valid_from: datetime, counts: Counts, config_hash: ConfigHash, now: datetime
) -> ShareTable | NotFound | NotPossible:
    """The table that a revision would be, as the register and the contract take it; nothing is stored."""
    row = EnergySourceRow
    source = (await work.session.execute(select(row).where(col(row.identity_id) == source_id))).scalar_one_or_none()
    if source is None:
        return NotFound()
    addresses = await coin_addresses.receiving_addresses(work, [member for member, _ in counts], now)
    if lacking := [member for member, _ in counts if member not in addresses]:
        return NotPossible(f"{', '.join(lacking)} has no address that tokens could go to. Give him one first.")
    key = await key_at(work, source.metering_point_id, valid_from)
    if key is None:
        return NotPossible(
            "No device with a key is installed at this source then; the table is committed with its key."
        )
    tables = await shares.share_tables(work, source_id)
    if any(table.valid_from >= valid_from for table in tables):
        return NotPossible("The register has a revision from then on, or from later. Choose a later instant.")
    revision = max((table.revision for table in tables), default=0) + 1
    try:
        held = tuple(Share(member, addresses[member], count) for member, count in counts)
        hashed = config_hash(key, [share.address for share in held], [share.count for share in held])
        return ShareTable(
            named_id("sht", source_id, revision), source_id, revision, source.share_total, held, hashed, valid_from
        )
    except ValueError as error:
        return NotPossible(f"This is no share table: {error}.")


async def key_at(work: Work, metering_point_id: str, instant: datetime) -> bytes | None:
    """The public key that signs at a metering point from `instant` on: the one valid then, or the first to come."""
    place, key = InstallationRow, DeviceKeyRow
    statement = (
        select(col(key.public_key), col(key.valid_from))
        .join(place, col(place.device_id) == col(key.device_id))
        .where(col(place.metering_point_id) == metering_point_id)
        .where(or_(col(place.valid_to).is_(None), col(place.valid_to) > instant))
        .order_by(col(place.valid_from), col(key.keyno))
    )
    keys = list(await work.session.execute(statement))
    valid = [row for row in keys if row[1] <= instant]
    return bytes((valid[-1] if valid else keys[0])[0]) if keys else None


async def propose(work: Work, revision_id: str, table: ShareTable, reason: str, by: str, now: datetime) -> None:
    """Keep a prepared revision until somebody else decides."""
    counts = [[share.holder_id, share.count] for share in table.shares]
    await work.session.execute(
        insert(ShareRevisionRow).values(
            id=revision_id,
            source_id=table.source_id,
            valid_from=table.valid_from,
            shares=json.dumps(counts, separators=(",", ":")),
            reason=reason,
            proposed_by=by,
            proposed_at=now,
        )
    )
    await outbox.announce(work, "share_revision", revision_id, now)


async def approve(work: Work, revision_id: str, by: str, config_hash: ConfigHash, now: datetime) -> Outcome:
    """Put a proposed revision into the register. Everything is looked at again: what it rests on may have changed."""
    found = await _open(work, revision_id)
    if not isinstance(found, ShareRevision):
        return found
    if (refused := await why_not_another(work, found.proposed_by, by)) is not None:
        return refused
    table = await prepared(work, found.source_id, found.valid_from, found.counts, config_hash, now)
    if not isinstance(table, ShareTable):
        return table
    try:
        await shares.add_share_table(work, table, by, now)
    except shares.SharesIssued as error:
        return NotPossible(str(error))
    await _decide(work, revision_id, by, now, table.id)
    return Decided()


async def reject(work: Work, revision_id: str, by: str, now: datetime) -> Outcome:
    """Turn a proposed revision down. Nothing changes by it, so that whoever stands behind another key may."""
    found = await _open(work, revision_id)
    if not isinstance(found, ShareRevision):
        return found
    if found.proposed_by == by:
        return NotPossible("You proposed it: another operator must decide.")
    await _decide(work, revision_id, by, now, None)
    return Decided()


async def _open(work: Work, revision_id: str) -> ShareRevision | Outcome:
    row = await work.session.get(ShareRevisionRow, revision_id, with_for_update=True, populate_existing=True)
    if row is None:
        return NotFound()
    if row.decided_at is not None:
        return NotPossible("It is decided already. Propose another revision to change it.")
    return _revision((row,))


async def _decide(work: Work, revision_id: str, by: str, now: datetime, share_table_id: str | None) -> None:
    values = {"decided_by": by, "decided_at": now, "is_approved": share_table_id is not None}
    await work.session.execute(
        update(ShareRevisionRow)
        .where(col(ShareRevisionRow.id) == revision_id)
        .values(**values, share_table_id=share_table_id)
    )
    await outbox.announce(work, "share_revision", revision_id, now)


async def page(work: Work, *, open_only: bool, first: int, after: str | None) -> Page[ShareRevision]:
    """Revisions, newest first: those that wait, or all."""
    row = ShareRevisionRow
    statement = select_rows(row, col(row.proposed_at).label("key_at"), col(row.id).label("key"))
    if open_only:
        statement = statement.where(col(row.decided_at).is_(None))
    keyset = Keyset((col(row.proposed_at), col(row.id)), (datetime, str))
    return await fetch_page(work, statement, keyset, _revision, first, after)


async def by_id(work: Work, revision_id: str) -> ShareRevision | None:
    """One revision."""
    row = ShareRevisionRow
    found = (await work.session.execute(select_rows(row).where(col(row.id) == revision_id))).first()
    return None if found is None else _revision(found)


def _revision(found: Any) -> ShareRevision:
    row = found[0]
    return ShareRevision(
        id=row.id,
        source_id=row.source_id,
        valid_from=row.valid_from,
        counts=tuple((str(member), int(count)) for member, count in json.loads(row.shares)),
        reason=row.reason,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        is_approved=row.is_approved,
        share_table_id=row.share_table_id,
    )
