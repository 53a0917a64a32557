"""Settlements on chain and the other events of issuer and token, as indexed."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import col

from community.store.tables.chain import IssuerEventRow, SettledEventRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all
from community.tokens.issuer_events import IssuerEvent, SettledEvent


async def add_settled(work: Work, chain_id: int, events: Sequence[SettledEvent]) -> None:
    """Record settlements."""
    await insert_all(work, SettledEventRow, [_settled_values(chain_id, event) for event in events])


async def add_others(work: Work, chain_id: int, events: Sequence[IssuerEvent]) -> None:
    """Record the other events."""
    await insert_all(work, IssuerEventRow, [_other_values(chain_id, event) for event in events])


async def remove_above(work: Work, chain_id: int, number: int) -> None:
    """Forget the events above block `number`."""
    settled = (col(SettledEventRow.chain_id) == chain_id, col(SettledEventRow.block_number) > number)
    others = (col(IssuerEventRow.chain_id) == chain_id, col(IssuerEventRow.block_number) > number)
    await work.session.execute(delete(SettledEventRow).where(*settled))
    await work.session.execute(delete(IssuerEventRow).where(*others))


async def settled(work: Work, chain_id: int, upto: int) -> list[SettledEvent]:
    """Settlements of the blocks up to `upto`, in chain order."""
    statement = (
        select(SettledEventRow)
        .where(col(SettledEventRow.chain_id) == chain_id, col(SettledEventRow.block_number) <= upto)
        .order_by(col(SettledEventRow.block_number), col(SettledEventRow.log_index))
    )
    return [settled_event(row) for row in (await work.session.execute(statement)).scalars()]


async def others(work: Work, chain_id: int, names: Sequence[str], upto: int) -> list[IssuerEvent]:
    """The other events of these names in the blocks up to `upto`, in chain order."""
    statement = (
        select(IssuerEventRow)
        .where(
            col(IssuerEventRow.chain_id) == chain_id,
            col(IssuerEventRow.name).in_(names),
            col(IssuerEventRow.block_number) <= upto,
        )
        .order_by(col(IssuerEventRow.block_number), col(IssuerEventRow.log_index))
    )
    return [_other(row) for row in (await work.session.execute(statement)).scalars()]


async def settled_between(work: Work, chain_id: int, after: int, upto: int) -> bool:
    """Whether a settlement stands in the blocks (after, upto]."""
    statement = (
        select(col(SettledEventRow.block_number))
        .where(
            col(SettledEventRow.chain_id) == chain_id,
            col(SettledEventRow.block_number) > after,
            col(SettledEventRow.block_number) <= upto,
        )
        .limit(1)
    )
    return (await work.session.execute(statement)).first() is not None


def _settled_values(chain_id: int, event: SettledEvent) -> dict[str, Any]:
    return {
        "chain_id": chain_id,
        "block_number": event.block_number,
        "log_index": event.log_index,
        "block_hash": event.block_hash,
        "tx_hash": event.tx_hash,
        "issuer": event.issuer,
        "source_ref": event.source_ref,
        "seq": event.seq,
        "from_wh": event.from_wh,
        "to_wh": event.to_wh,
        "read_at": event.read_at,
        "minted_wh": event.minted_wh,
        "mode": event.mode,
        "evidence": event.evidence,
    }


def settled_event(row: SettledEventRow) -> SettledEvent:
    """The value of a row."""
    return SettledEvent(
        block_number=row.block_number,
        log_index=row.log_index,
        block_hash=row.block_hash,
        tx_hash=row.tx_hash,
        issuer=row.issuer,
        source_ref=row.source_ref,
        seq=row.seq,
        from_wh=row.from_wh,
        to_wh=row.to_wh,
        read_at=row.read_at,
        minted_wh=row.minted_wh,
        mode=row.mode,
        evidence=row.evidence,
    )


def _other_values(chain_id: int, event: IssuerEvent) -> dict[str, Any]:
    return {
        "chain_id": chain_id,
        "block_number": event.block_number,
        "log_index": event.log_index,
        "block_hash": event.block_hash,
        "tx_hash": event.tx_hash,
        "contract": event.contract,
        "name": event.name,
        "source_ref": event.source_ref,
        "fields": json.dumps(dict(event.fields), sort_keys=True, separators=(",", ":"), ensure_ascii=False),
    }


def _other(row: IssuerEventRow) -> IssuerEvent:
    return IssuerEvent(
        block_number=row.block_number,
        log_index=row.log_index,
        block_hash=row.block_hash,
        tx_hash=row.tx_hash,
        contract=row.contract,
        name=row.name,
        source_ref=row.source_ref,
        fields=json.loads(row.fields),
    )
