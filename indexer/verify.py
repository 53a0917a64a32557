"""Comparing the whole index with the chain: every balance, the supply, and the hash of the block they belong to."""

from dataclasses import dataclass

from community.chain.blocks import BlockRef
from community.clients.evm import EvmNode, NodeRefused
from community.errors import FatalError
from community.store import balances, chain_index
from community.store.unit_of_work import Store
from indexer import reading
from indexer.chain_totals import ask_totals
from indexer.decode import Contracts


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome at `block`: balances compared, and every difference as a sentence."""

    block: BlockRef
    digest: str
    balances: int
    supply: int
    differences: tuple[str, ...]


async def verify(store: Store, node: EvmNode, chain_id: int, contracts: Contracts) -> Verified:
    """Compare the final books with the chain at the finalised block. Raises FatalError if nothing is indexed."""
    async with store.read() as work:
        known = await chain_index.checkpoint(work, chain_id)
        if known is None:
            raise FatalError("Nothing is indexed yet. Run `python -m indexer run` first.")
        block = known.finalised
        stored = await chain_index.block_at(work, chain_id, block.number)
        indexed = await balances.balances(work, chain_id, contracts.token, final=True)
        supply = await balances.supply(work, chain_id, contracts.token, final=True)
    try:
        asked = await ask_totals(node, contracts, block.number, sorted(indexed), ())
    except NodeRefused as error:
        raise FatalError(
            f"The chain node cannot tell balances at final block {block.number}: {error}. Wait until newer blocks are "
            "final, or ask a node that keeps old states (INDEXER_RPC_URLS)."
        ) from error
    differences = [
        f"{address} holds {amount} base units on chain, {indexed[address]} in the index"
        for address, amount in asked.balances.items()
        if amount != indexed[address]
    ]
    if asked.total_supply != supply.outstanding:
        differences.append(f"the supply is {asked.total_supply} on chain, {supply.outstanding} in the index")
    if sum(indexed.values()) != supply.outstanding:
        differences.append(f"the balances add up to {sum(indexed.values())}, the supply is {supply.outstanding}")
    header = await reading.header(node, block.number)
    if header is None or header.hash != block.hash:
        differences.append(f"block {block.number} has another hash at the node than {block.hash}")
    digest = "" if stored is None else stored.digest
    return Verified(block, digest, len(indexed), supply.outstanding, tuple(differences))
