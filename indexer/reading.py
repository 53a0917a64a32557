"""Reading blocks from a node, checked and decoded."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from community.chain.blocks import BlockHeader
from community.clients.evm import EvmNode, NodeRefused
from indexer.decode import BlockRows, Contracts, decode
from indexer.distrust import Completeness, NodeContradiction, check_against_receipts, check_logs, header_of
from indexer.wire import block_call, block_of, logs_call, logs_of


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """A block's header with its rows, read and checked."""

    header: BlockHeader
    rows: BlockRows


@dataclass(frozen=True, slots=True)
class Heads:
    """The newest and the newest finalised block a node tells of; `finalised` is None where it knows no finality."""

    latest: BlockHeader
    finalised: BlockHeader | None


async def heads(node: EvmNode) -> Heads:
    """Both heads of `node`."""
    latest, finalised = await asyncio.gather(tagged(node, "latest"), tagged(node, "finalized"))
    if latest is None:
        raise NodeContradiction("The chain node has no latest block")
    return Heads(latest, finalised)


async def tagged(node: EvmNode, tag: Literal["latest", "finalized"]) -> BlockHeader | None:
    """The header that `node` gives this name, None if it knows none."""
    found = block_of(await node.fetch([block_call(tag)]))
    return None if found is None else header_of(found)


async def header(node: EvmNode, which: int | str) -> BlockHeader | None:
    """One header by number or hash, None if the node has none. Raises NodeContradiction if it is another one."""
    block = block_of(await node.fetch([block_call(which)]))
    if block is None:
        return None
    found = header_of(block)
    if which not in (found.number, found.hash):
        raise NodeContradiction(f"The chain node was asked for block {which} and gave {found.number} {found.hash}")
    return found


async def block(node: EvmNode, of: BlockHeader, contracts: Contracts) -> ReadBlock | None:
    """One block with its rows, complete: nothing is believed empty that its header does not exclude, and logs that
    came are compared with the receipts, for the header does not show that one of two like logs was left out.

    None where the node has given the block up since it told of it: then another stands at its number.
    """
    try:
        logs = logs_of(await node.fetch([logs_call(contracts.addresses, {"blockHash": of.hash})]))
        checked = check_logs(of, logs, contracts.addresses)
        if logs or checked.completeness is Completeness.DOUBTFUL:
            await check_against_receipts(node, of, logs, contracts.addresses)
    except (NodeRefused, NodeContradiction):
        if await _given_up(node, of):
            return None
        raise
    return ReadBlock(of, decode(of, checked, contracts))


async def _given_up(node: EvmNode, block: BlockHeader) -> bool:
    present = await header(node, block.number)
    return present is None or present.hash != block.hash
