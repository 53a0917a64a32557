"""Decisions of the period with the transactions that carried them and what the chain told of them."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import and_, select
from sqlmodel import col

from community.evidence import records
from community.store.evidence.registers import text_of
from community.store.evidence.subjects import Subject
from community.store.tables.chain import SettledEventRow, TransferRow
from community.store.tables.minting import (
    CarriedIssuanceRow,
    ChainTransactionRow,
    IssuancePartRow,
    IssuanceRow,
    TransactionAttemptRow,
)
from community.store.unit_of_work import Work

PAGE = 100


async def settlements(
    work: Work, chain_id: int, source_ref: str, subject: Subject
) -> AsyncIterator[records.Settlement]:
    """Decisions by register, each with its transaction and event; then events that nobody here decided."""
    row, after = IssuanceRow, -1
    statement = select(row).where(col(row.source_id) == subject.source_id).order_by(col(row.from_wh)).limit(PAGE)
    if subject.issuance_id is not None:
        statement = statement.where(col(row.id) == subject.issuance_id)
    else:
        statement = statement.where(col(row.period_end) > subject.since, col(row.period_end) <= subject.until)
    explained: set[tuple[int, int]] = set()
    while True:
        found = (await work.session.execute(statement.where(col(row.from_wh) > after))).scalars().all()
        for settlement in await _with_chain(work, chain_id, source_ref, subject, found):
            if settlement.settled is not None:
                explained.add((settlement.settled.block_number, settlement.settled.log_index))
            yield settlement
        if len(found) < PAGE:
            break
        after = found[-1].from_wh
        work.session.expunge_all()
    if subject.issuance_id is None:
        for settled in await _unexplained(work, chain_id, source_ref, subject, explained):
            yield records.Settlement(None, None, settled)


async def reading_ids(work: Work, subject: Subject) -> list[str]:
    """The readings that the decisions rest on, wherever they stand in time."""
    row = IssuanceRow
    statement = select(col(row.measurement_id)).where(col(row.source_id) == subject.source_id).distinct()
    if subject.issuance_id is None:
        return []
    return list((await work.session.execute(statement.where(col(row.id) == subject.issuance_id))).scalars())


async def _with_chain(
    work: Work, chain_id: int, source_ref: str, subject: Subject, rows: Sequence[IssuanceRow]
) -> list[records.Settlement]:
    ids, registers = [row.id for row in rows], [row.from_wh for row in rows]
    parts = await _parts(work, ids) if subject.with_parts else {}
    sent = await _sent(work, rows)
    event = SettledEventRow
    told = (
        await work.session.execute(
            select(event)
            .where(
                col(event.chain_id) == chain_id,
                col(event.source_ref) == source_ref,
                col(event.from_wh).in_(registers),
            )
            .order_by(col(event.block_number), col(event.log_index))
        )
    ).scalars()
    # Another meter of the source may have run the same way: then the one that was read at the issuance's end counts.
    settled: dict[tuple[int, int], records.Settled] = {}
    named: dict[tuple[int, int, int], records.Settled] = {}
    for one in await _told(work, chain_id, list(told)):
        settled[one.from_wh, one.to_wh] = named[one.from_wh, one.to_wh, one.read_at] = one
    return [
        records.Settlement(
            _decision(row, parts.get(row.id, ())),
            sent.get(row.id),
            named.get((row.from_wh, row.to_wh, int(row.period_end.timestamp())), settled.get((row.from_wh, row.to_wh))),
        )
        for row in rows
    ]


def _decision(row: IssuanceRow, parts: Sequence[records.Part]) -> records.Decision:
    return records.Decision(
        row.id, row.issuer, row.from_wh, row.to_wh, text_of(row.period_start), text_of(row.period_end),
        str(row.amount), row.measurement_id, row.share_table_id, row.state, tuple(parts), row.epoch,
    )  # fmt: skip


async def _parts(work: Work, ids: Sequence[str]) -> dict[str, list[records.Part]]:
    row = IssuancePartRow
    found: dict[str, list[records.Part]] = defaultdict(list)
    statement = select(row).where(col(row.issuance_id).in_(ids)).order_by(col(row.issuance_id), col(row.position))
    for each in (await work.session.execute(statement)).scalars():
        found[each.issuance_id].append(records.Part(each.address, str(each.amount)))
    return found


async def _sent(work: Work, rows: Sequence[IssuanceRow]) -> dict[str, records.Sent]:
    """By issuance: the attempt that was mined, else the newest that was signed."""
    mined = {row.id: row.tx_hash for row in rows}
    attempt, transaction, carried = TransactionAttemptRow, ChainTransactionRow, CarriedIssuanceRow
    statement = (
        select(attempt, transaction, col(carried.issuance_id))
        .join(transaction, col(transaction.id) == col(attempt.transaction_id))
        .join(carried, col(carried.transaction_id) == col(transaction.id))
        .where(col(carried.issuance_id).in_(list(mined)), col(attempt.tx_hash).is_not(None))
        .order_by(col(carried.issuance_id), col(attempt.number))
    )
    found: dict[str, records.Sent] = {}
    for each, asked, issuance_id in await work.session.execute(statement):
        if mined[issuance_id] in (None, each.tx_hash):
            raw = None if each.raw is None else each.raw.hex()
            found[issuance_id] = records.Sent(str(each.tx_hash), asked.to_address, asked.calldata.hex(), raw)
    return found


async def _unexplained(
    work: Work, chain_id: int, source_ref: str, subject: Subject, explained: set[tuple[int, int]]
) -> list[records.Settled]:
    row = SettledEventRow
    statement = (
        select(row)
        .where(
            col(row.chain_id) == chain_id,
            col(row.source_ref) == source_ref,
            col(row.read_at) > subject.since,
            col(row.read_at) <= subject.until,
        )
        .order_by(col(row.block_number), col(row.log_index))
    )
    rows = (await work.session.execute(statement)).scalars()
    return await _told(work, chain_id, [one for one in rows if (one.block_number, one.log_index) not in explained])


async def _told(work: Work, chain_id: int, events: Sequence[SettledEventRow]) -> list[records.Settled]:
    """Events with their mints: the transfers from the zero address up to the next settlement of their transaction."""
    hashes = sorted({event.tx_hash for event in events})
    row, event_row = TransferRow, SettledEventRow
    transfers = await work.session.execute(
        select(row)
        .where(col(row.chain_id) == chain_id, col(row.tx_hash).in_(hashes), col(row.kind) == "mint")
        .order_by(col(row.tx_hash), col(row.log_index))
    )
    by_tx: dict[str, list[TransferRow]] = defaultdict(list)
    for each in transfers.scalars():
        by_tx[each.tx_hash].append(each)
    places = await work.session.execute(
        select(col(event_row.tx_hash), col(event_row.log_index)).where(
            and_(col(event_row.chain_id) == chain_id, col(event_row.tx_hash).in_(hashes))
        )
    )
    ends: dict[str, list[int]] = defaultdict(list)
    for tx_hash, index in places:
        ends[tx_hash].append(index)
    return [_settled(event, by_tx[event.tx_hash], ends[event.tx_hash]) for event in events]


def _settled(event: SettledEventRow, transfers: Sequence[Any], ends: Sequence[int]) -> records.Settled:
    end = min((index for index in ends if index > event.log_index), default=None)
    mints = tuple(
        records.Mint(one.log_index, one.recipient, str(one.amount))
        for one in transfers
        if one.log_index > event.log_index and (end is None or one.log_index < end)
    )
    return records.Settled(
        event.block_number, event.block_hash, event.log_index, event.tx_hash, event.issuer, event.seq, event.from_wh,
        event.to_wh, int(event.read_at.timestamp()), event.minted_wh, event.mode, event.evidence, mints,
    )  # fmt: skip
