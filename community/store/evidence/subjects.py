"""What an evidence bundle may be about, and who may have it: a period of a source, or one issuance."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select
from sqlmodel import col

from community.store.tables.chain import SettledEventRow, TransferRow
from community.store.tables.identity import EnergySourceRow
from community.store.tables.minting import IssuancePartRow, IssuanceRow
from community.store.unit_of_work import Work
from community.store.views.scope import Scope

PERIOD_MAX = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Subject:
    """A source's readings in [since, until] and what was settled by those after `since`; or one issuance of it."""

    source_id: str
    since: datetime
    until: datetime
    issuance_id: str | None = None
    with_parts: bool = True
    """Whether the books' parts of every holder stand in it, or only what the chain tells everybody anyway."""


async def of_source(work: Work, source_id: str, since: datetime, until: datetime) -> Subject | None:
    """A period of a source; None where there is no such source."""
    statement = select(col(EnergySourceRow.identity_id)).where(col(EnergySourceRow.identity_id) == source_id)
    found = (await work.session.execute(statement)).first()
    return None if found is None else Subject(source_id, since, until)


async def of_issuance(work: Work, scope: Scope, issuance_id: str) -> Subject | None:
    """One issuance, if the asker may see all of them or has a part in this one; else None."""
    row, part = IssuanceRow, IssuancePartRow
    statement = select(row).where(col(row.id) == issuance_id)
    if not scope.everything:
        has_part = select(col(part.issuance_id)).where(
            col(part.issuance_id) == col(row.id), scope.holders(col(part.holder_id))
        )
        statement = statement.where(has_part.exists())
    found = (await work.session.execute(statement)).scalar_one_or_none()
    if found is None:
        return None
    return Subject(found.source_id, found.period_start, found.period_end, found.id, scope.everything)


async def of_transfer(work: Work, scope: Scope, tx_hash: str, log_index: int) -> Subject | None:
    """The issuance that a mint belongs to: the last settlement before it in its transaction. None for other transfers."""
    transfer, event, source, issuance = TransferRow, SettledEventRow, EnergySourceRow, IssuanceRow
    same = and_(
        col(event.chain_id) == col(transfer.chain_id),
        col(event.tx_hash) == col(transfer.tx_hash),
        col(event.block_number) == col(transfer.block_number),
        col(event.log_index) < col(transfer.log_index),
    )
    statement = (
        select(col(issuance.id))
        .select_from(transfer)
        .join(event, same)
        .join(source, col(source.source_ref) == col(event.source_ref))
        .join(
            issuance,
            and_(col(issuance.source_id) == col(source.identity_id), col(issuance.from_wh) == col(event.from_wh)),
        )
        .where(col(transfer.tx_hash) == tx_hash, col(transfer.log_index) == log_index, col(transfer.kind) == "mint")
        .order_by(col(event.log_index).desc())
        .limit(1)
    )  # fmt: skip
    if not scope.everything:
        part = IssuancePartRow
        statement = statement.join(
            part,
            and_(
                col(part.issuance_id) == col(issuance.id),
                func.lower(col(part.address)) == col(transfer.recipient),
                scope.holders(col(part.holder_id)),
            ),
        )
    found = (await work.session.execute(statement)).scalar_one_or_none()
    return None if found is None else await of_issuance(work, scope, found)
