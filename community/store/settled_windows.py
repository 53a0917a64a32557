"""The finalised chain as reconciliation takes it: a source's settlements window by window, and what belongs to none."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlmodel import col

from community.reconciliation.totals import Sums
from community.store.issuer_events import settled_event
from community.store.tables.chain import SettledEventRow, TransferRow
from community.store.transfers import are_mints, transfer_of
from community.store.unit_of_work import Work
from community.tokens.issuer_events import SettledEvent
from community.tokens.transfers import Transfer

Place = tuple[int, int]
"""Block number and log index."""
_FETCHED_AT_ONCE = 2000


async def settlement_ways(
    work: Work, chain_id: int, source_ref: str, upto: int
) -> AsyncIterator[tuple[int, int, int, int]]:
    """From and to Wh, block number and log index of each settlement of a source in the blocks up to `upto`, in chain order."""
    row = SettledEventRow
    columns: tuple[Any, ...] = (col(row.from_wh), col(row.to_wh), col(row.block_number), col(row.log_index))
    statement = (
        select(*columns)
        .where(col(row.chain_id) == chain_id, col(row.source_ref) == source_ref, col(row.block_number) <= upto)
        .order_by(col(row.block_number), col(row.log_index))
        .execution_options(yield_per=_FETCHED_AT_ONCE)
    )
    async for found in await work.session.stream(statement):
        yield tuple(found)


async def settled_in(
    work: Work, chain_id: int, token: str, source_ref: str, within: tuple[Place | None, Place | None], upto: int
) -> tuple[tuple[SettledEvent, ...], tuple[Transfer, ...]]:
    """A source's settlements from a place on and before another, with the mints of their transactions.

    Settlements of other sources in these transactions come along: without them a mint would be taken for the wrong one's.
    """
    row = SettledEventRow
    since, before = within
    statement = select(row).where(
        col(row.chain_id) == chain_id, col(row.source_ref) == source_ref, col(row.block_number) <= upto
    )
    # the numbers alone say it again, so that the index of places is read from there to there
    if since is not None:
        statement = statement.where(col(row.block_number) >= since[0], _from(since))
    if before is not None:
        statement = statement.where(col(row.block_number) <= before[0], ~_from(before))
    own = list((await work.session.execute(statement)).scalars())
    places = {(one.block_number, one.log_index) for one in own}
    hashes, numbers = {one.tx_hash for one in own}, sorted({number for number, _ in places})
    beside = select(row).where(col(row.chain_id) == chain_id, col(row.block_number).in_(numbers))
    mints = select(TransferRow).where(
        *are_mints(chain_id, token, upto), col(TransferRow.block_number).in_(numbers)
    )  # fmt: skip
    return (
        tuple(
            settled_event(one)
            for one in (await work.session.execute(beside)).scalars()
            if one.tx_hash in hashes and (one.source_ref != source_ref or (one.block_number, one.log_index) in places)
        ),
        tuple(transfer_of(one) for one in (await work.session.execute(mints)).scalars() if one.tx_hash in hashes),
    )


def _from(place: Place) -> Any:
    row = SettledEventRow
    return or_(
        col(row.block_number) > place[0], and_(col(row.block_number) == place[0], col(row.log_index) >= place[1])
    )


async def settled_for_others(
    work: Work, chain_id: int, known_refs: Iterable[str], upto: int
) -> tuple[SettledEvent, ...]:
    """Settlements for sources that are not among `known_refs`, in the blocks up to `upto`."""
    row = SettledEventRow
    statement = (
        select(row)
        .where(
            col(row.chain_id) == chain_id, col(row.block_number) <= upto, col(row.source_ref).not_in(sorted(known_refs))
        )
        .order_by(col(row.block_number), col(row.log_index))
    )
    return tuple(settled_event(one) for one in (await work.session.execute(statement)).scalars())


async def foreign_mints(work: Work, chain_id: int, token: str, upto: int) -> tuple[Transfer, ...]:
    """Mints before which, in their transaction, nothing was settled."""
    row, event = TransferRow, SettledEventRow
    caused = exists().where(
        col(event.chain_id) == col(row.chain_id),
        col(event.block_number) == col(row.block_number),
        col(event.tx_hash) == col(row.tx_hash),
        col(event.log_index) < col(row.log_index),
    )
    statement = (
        select(row)
        .where(*are_mints(chain_id, token, upto), ~caused)
        .order_by(col(row.block_number), col(row.log_index))
    )
    return tuple(transfer_of(one) for one in (await work.session.execute(statement)).scalars())


async def sums(work: Work, chain_id: int, token: str, upto: int) -> Sums:
    """What was minted and settled in the blocks up to `upto`, added up."""
    row = SettledEventRow
    settled = (
        select(col(row.source_ref), func.sum(col(row.minted_wh)))
        .where(col(row.chain_id) == chain_id, col(row.block_number) <= upto)
        .group_by(col(row.source_ref))
    )
    amounts = (
        select(col(TransferRow.amount))
        .where(*are_mints(chain_id, token, upto))
        .execution_options(yield_per=_FETCHED_AT_ONCE)
    )
    # added up here: SQLite's integers end at 64 bits
    minted = 0
    async for amount in (await work.session.stream(amounts)).scalars():
        minted += amount
    return Sums(minted, {ref: int(wh) for ref, wh in await work.session.execute(settled)})
