"""The chain over time: as it stood at an earlier block, and all that moved at some addresses."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from community.chain.blocks import BlockRef
from community.store.tables.chain import BlockRow, TransferRow
from community.store.tables.identity import CoinAddressRow, ShareRow
from community.store.unit_of_work import Work
from community.tokens.supply import Supply
from community.tokens.transfers import ZERO_ADDRESS, Transfer

_FETCHED_AT_ONCE = 10_000


async def last_block_by(work: Work, chain_id: int, at: datetime, upto: int) -> BlockRef | None:
    """The newest indexed block with a time not after `at` among those up to number `upto`."""
    row = BlockRow
    statement = (
        select(col(row.number), col(row.hash))
        .where(col(row.chain_id) == chain_id, col(row.at) <= at, col(row.number) <= upto)
        .order_by(col(row.at).desc(), col(row.number).desc())
        .limit(1)
    )
    found = (await work.session.execute(statement)).first()
    return None if found is None else BlockRef(found.number, found.hash)


async def times_of_mints(work: Work, chain_id: int, token: str, upto: int) -> dict[int, datetime]:
    """The times of the blocks that hold mints of `token`."""
    mint, block = TransferRow, BlockRow
    statement = (
        select(col(block.number), col(block.at))
        .join(mint, (col(mint.chain_id) == col(block.chain_id)) & (col(mint.block_number) == col(block.number)))
        .where(col(block.chain_id) == chain_id, col(mint.token) == token, col(mint.kind) == "mint")
        .where(col(block.number) <= upto)
        .distinct()
    )
    return {row.number: row.at for row in await work.session.execute(statement)}


async def totals_at(work: Work, chain_id: int, token: str, upto: int) -> tuple[dict[str, int], Supply]:
    """Balances (without those of 0) and supply after block `upto`. Reads every transfer up to there."""
    row = TransferRow
    statement = (
        select(col(row.sender), col(row.recipient), col(row.amount))
        .where(col(row.chain_id) == chain_id, col(row.token) == token, col(row.block_number) <= upto)
        .execution_options(yield_per=_FETCHED_AT_ONCE)
    )
    balances: dict[str, int] = {}
    async for sender, recipient, amount in await work.session.stream(statement):
        if sender != recipient:
            balances[sender] = balances.get(sender, 0) - amount
            balances[recipient] = balances.get(recipient, 0) + amount
    burned, minted = await _moved(work, chain_id, token, upto)
    return {address: held for address, held in balances.items() if held and address != ZERO_ADDRESS}, Supply(
        minted, burned
    )


async def _moved(work: Work, chain_id: int, token: str, upto: int) -> tuple[int, int]:
    row = TransferRow
    statement = select(col(row.kind), col(row.amount)).where(
        col(row.chain_id) == chain_id, col(row.token) == token, col(row.block_number) <= upto,
        col(row.kind).in_(("mint", "burn")),
    )  # fmt: skip
    sums = {"mint": 0, "burn": 0}
    for kind, amount in await work.session.execute(statement):
        sums[kind] += amount
    return sums["burn"], sums["mint"]


async def addresses_of(work: Work, holder: str) -> frozenset[str]:
    """The addresses of an identity, former ones too; an address stands for itself."""
    if holder.startswith("0x"):
        return frozenset({holder.lower()})
    row = CoinAddressRow
    statement = select(col(row.address)).where(col(row.identity_id) == holder)
    shares = select(col(ShareRow.address)).where(col(ShareRow.holder_id) == holder).distinct()
    found = [*(await work.session.execute(statement)).scalars(), *(await work.session.execute(shares)).scalars()]
    return frozenset(address.lower() for address in found)


async def transfers_of(
    work: Work, chain_id: int, token: str, addresses: Iterable[str], final: int
) -> list[tuple[datetime, Transfer]]:
    """Every finalised transfer of some addresses with its block's time. Each direction is read by its own index."""
    row, found = TransferRow, {}
    for address in sorted(addresses):
        for side in (col(row.sender), col(row.recipient)):
            statement = (
                select(row, col(BlockRow.at))
                .join(BlockRow, (col(BlockRow.chain_id) == chain_id) & (col(BlockRow.number) == col(row.block_number)))
                .where(col(row.chain_id) == chain_id, side == address, col(row.block_number) <= final)
                .where(col(row.token) == token)
            )
            for each, at in await work.session.execute(statement):
                found[each.block_number, each.log_index] = (at, _transfer(each))
    return [found[place] for place in sorted(found)]


def _transfer(row: TransferRow) -> Transfer:
    return Transfer(
        row.block_number, row.log_index, row.block_hash, row.tx_hash, row.token, row.sender, row.recipient, row.amount
    )
