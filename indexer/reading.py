"""Reading blocks from a node, checked and decoded; finalised history in ranges that shrink when the node balks."""

import asyncio
from dataclasses import dataclass

from community.chain.blocks import BlockHeader, BlockRef
from community.clients.evm import BlockTag, EvmNode, NodeRefused, NodeUnavailable
from indexer.apply import ReadBlock
from indexer.decode import BlockRows, Contracts, decode
from indexer.distrust import NodeContradiction, RawLog, check_logs, header_of, log_of, logs_of_block

RANGE_MAX = 2_000
_HEADERS_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True)
class Heads:
    """The newest and the newest finalised block a node tells of; `finalised` is None where it knows no finality."""

    latest: BlockHeader
    finalised: BlockHeader | None


async def heads(node: EvmNode) -> Heads:
    """Both heads of `node`."""
    latest, finalised = await asyncio.gather(node.block("latest"), node.block("finalized"))
    if latest is None:
        raise NodeContradiction("The chain node has no latest block")
    return Heads(header_of(latest), None if finalised is None else header_of(finalised))


async def header(node: EvmNode, which: BlockTag) -> BlockHeader | None:
    """One header by number or hash, None if the node has none. Raises NodeContradiction if it is another one."""
    block = await node.block(which)
    if block is None:
        return None
    found = header_of(block)
    if which not in (found.number, found.hash):
        raise NodeContradiction(f"The chain node was asked for block {which} and gave {found.number} {found.hash}")
    return found


async def block(node: EvmNode, of: BlockHeader, contracts: Contracts) -> ReadBlock:
    """One block with its rows."""
    return ReadBlock(of, decode(await logs_of_block(node, of, contracts.addresses), contracts))


class RangeReader:
    """Reads finalised blocks in ranges. The size halves when the node refuses, and grows again by and by."""

    def __init__(self, contracts: Contracts, size: int = RANGE_MAX) -> None:
        self._contracts = contracts
        self._size_max = size
        self.size = size

    async def read(self, node: EvmNode, parent: BlockRef, upto: int) -> list[ReadBlock] | None:
        """The blocks with rows after `parent`, at most up to `upto`, and always the last one of the range.

        None if the node's chain does not go on from `parent`. Raises NodeUnavailable and NodeContradiction.
        """
        first = parent.number + 1
        last = min(upto, parent.number + self.size)
        logs = await self._logs(node, first, last)
        if logs is None:
            return []
        by_block: dict[int, list[RawLog]] = {}
        for log in logs:
            if not first <= log.block_number <= last:
                raise NodeContradiction(f"A log of block {log.block_number} came for the range {first} to {last}")
            by_block.setdefault(log.block_number, []).append(log)
        headers = await self._headers(node, sorted({first, last, *by_block}))
        if headers[0].parent_hash != parent.hash:
            return None
        wanted = [one for one in headers if one.number in by_block or one.number == last]
        blocks = []
        for one in wanted:
            found = sorted(by_block.get(one.number, []), key=lambda log: log.log_index)
            check_logs(one, found, self._contracts.addresses)
            blocks.append(ReadBlock(one, decode(found, self._contracts) if found else BlockRows()))
        self.size = min(self._size_max, self.size + max(1, self.size // 8))
        return blocks

    async def _logs(self, node: EvmNode, first: int, last: int) -> list[RawLog] | None:
        """The logs of the range, None if the node finds it too much: the next range is half as long."""
        try:
            found = await node.logs(from_block=first, to_block=last, addresses=self._contracts.addresses)
        except (NodeRefused, NodeUnavailable):
            if self.size == 1:
                raise
            self.size = max(1, (last - first + 1) // 2)
            return None
        return [log_of(one) for one in found]

    async def _headers(self, node: EvmNode, numbers: list[int]) -> list[BlockHeader]:
        found: list[BlockHeader] = []
        for at in range(0, len(numbers), _HEADERS_IN_FLIGHT):
            part = await asyncio.gather(*(header(node, number) for number in numbers[at : at + _HEADERS_IN_FLIGHT]))
            for number, one in zip(numbers[at:], part, strict=False):
                if one is None:
                    raise NodeContradiction(f"The chain node calls block {number} final and does not have it")
                found.append(one)
        return found
