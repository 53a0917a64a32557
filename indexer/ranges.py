"""Ranges of finalised blocks: logs and headers read in bulk, every block checked before anything is used."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from community.chain.blocks import BlockHeader
from community.clients.evm import EvmNode, NodeRefused, NodeUnavailable
from indexer.decode import BlockRows, Contracts, decode
from indexer.distrust import CheckedLogs, Completeness, NodeContradiction, check_against_receipts, check_logs, header_of
from indexer.pace import Pace
from indexer.reading import ReadBlock
from indexer.wire import WireLog, block_call, blocks_of, is_quantity, logs_call, logs_of

T = TypeVar("T")

_log = structlog.get_logger()

_DENSE = 8
"""A block in so many at least has logs: then the headers of all blocks are read, with or without a witness."""
_RECEIPTS_IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class ReadRange:
    """The blocks with rows from `first` to `last`, and always the last one. `parent_hash` is what `first` builds on."""

    first: int
    last: int
    parent_hash: str
    blocks: Sequence[ReadBlock]
    log_count: int


class RangeReader:
    """Reads ranges of finalised blocks from `node`. A `witness`, another node, is asked for the logs too.

    Without a witness every header of the range is read, and the receipts of each block whose header leaves a doubt. With
    one, what both agree on is complete, and where logs are rare only the headers of blocks that have some are read.
    """

    def __init__(self, contracts: Contracts, node: EvmNode, pace: Pace, witness: EvmNode | None = None) -> None:
        self._contracts = contracts
        self._node = node
        self._pace = pace
        self._witness = witness
        self._one_at_a_time = asyncio.Lock()

    @property
    def endpoint(self) -> str:
        """The name of the node that is read."""
        return self._node.name

    async def read(self, first: int, last: int) -> ReadRange:
        """The range. Raises NodeRefused where the provider finds it too much, NodeUnavailable, NodeContradiction."""
        where = {"fromBlock": hex(first), "toBlock": hex(last)}
        logs, witnessed = await asyncio.gather(self._logs(self._node, where), self._witnessed(where))
        suspects: set[int] = set()
        if witnessed is not None and witnessed != logs:
            suspects = self._disagreed(logs, witnessed)
            witnessed = None
        by_block = await self._beside(_by_block, logs, first, last)
        numbers: Sequence[int] = range(first, last + 1)
        if witnessed is not None and len(by_block) * _DENSE < len(numbers):
            numbers = sorted({first, last, *by_block})
        headers = await self._headers(numbers)
        log_count = len(logs)
        agreed = witnessed is not None
        del logs, witnessed
        blocks = await self._checked(headers, by_block, last, None if agreed else suspects)
        return ReadRange(first, last, headers[0].parent_hash, blocks, log_count)

    def _disagreed(self, logs: Sequence[WireLog], witnessed: Sequence[WireLog]) -> set[int]:
        """The blocks that two nodes give different logs of: one of them lies, and receipts will tell."""
        witness = self._witness.name if self._witness is not None else ""
        told = set(logs).symmetric_difference(witnessed)
        numbers = {int(log.block_number, 16) for log in told} if all(map(is_quantity, told)) else set()
        _log.warning("witness_disagrees", endpoint=self._node.name, witness=witness, blocks=sorted(numbers)[:10])
        return numbers

    async def _logs(self, node: EvmNode, where: dict[str, str]) -> tuple[WireLog, ...]:
        return await self._beside(logs_of, await node.fetch([logs_call(self._contracts.addresses, where)]))

    async def _beside(self, work: Callable[..., T], *given: Any) -> T:
        """Do `work` in a thread, one at a time: nodes and database are served meanwhile."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(work, *given)

    async def _witnessed(self, where: dict[str, str]) -> tuple[WireLog, ...] | None:
        if self._witness is None:
            return None
        try:
            return await self._logs(self._witness, where)
        except (NodeRefused, NodeUnavailable):
            return None  # then headers and receipts have to convince

    async def _headers(self, numbers: Sequence[int]) -> list[BlockHeader]:
        headers: list[BlockHeader] = []
        for at in range(0, len(numbers), self._pace.calls):
            part = numbers[at : at + self._pace.calls]
            found = blocks_of(await self._node.fetch([block_call(number) for number in part]), len(part))
            for number, block in zip(part, found, strict=True):
                if block is None:
                    raise NodeContradiction(f"The chain node calls block {number} final and does not have it")
                header = header_of(block)
                if header.number != number:
                    raise NodeContradiction(f"The chain node was asked for block {number} and gave {header.number}")
                if headers and headers[-1].number == number - 1 and headers[-1].hash != header.parent_hash:
                    raise NodeContradiction(f"Block {number} does not follow block {number - 1} at the chain node")
                headers.append(header)
        return headers

    async def _checked(
        self, headers: Sequence[BlockHeader], by_block: dict[int, list[WireLog]], last: int, suspects: set[int] | None
    ) -> list[ReadBlock]:
        """The blocks to index. `suspects` are compared with their receipts, as are doubtful ones; None if a witness agreed."""
        blocks, doubtful = await self._beside(self._judge, headers, by_block, last, suspects)
        for at in range(0, len(doubtful), _RECEIPTS_IN_FLIGHT):
            part = doubtful[at : at + _RECEIPTS_IN_FLIGHT]
            await asyncio.gather(
                *(
                    check_against_receipts(self._node, header, checked.logs, self._contracts.addresses)
                    for header, checked in part
                )
            )
        return blocks

    def _judge(
        self, headers: Sequence[BlockHeader], by_block: dict[int, list[WireLog]], last: int, suspects: set[int] | None
    ) -> tuple[list[ReadBlock], list[tuple[BlockHeader, CheckedLogs]]]:
        """The blocks to index, and those whose receipts must be asked before."""
        blocks: list[ReadBlock] = []
        doubtful: list[tuple[BlockHeader, CheckedLogs]] = []
        addresses = self._contracts.addresses
        # one block of each range is compared in full, so that a node that leaves out like logs is found soon
        sample = headers[int(headers[-1].hash[-8:], 16) % len(headers)].number
        for header in headers:
            checked = check_logs(header, by_block.pop(header.number, ()), addresses)
            doubted = checked.completeness is Completeness.DOUBTFUL or header.number == sample
            if suspects is not None and (doubted or header.number in suspects):
                doubtful.append((header, checked))
            if checked.logs or header.number == last:
                blocks.append(
                    ReadBlock(header, decode(header, checked, self._contracts) if checked.logs else BlockRows())
                )
        return blocks, doubtful


def _by_block(logs: Sequence[WireLog], first: int, last: int) -> dict[int, list[WireLog]]:
    found: dict[int, list[WireLog]] = {}
    number_text, group = "", []
    try:
        for log in logs:
            if log.block_number != number_text:
                number_text = log.block_number
                number = int(number_text, 16)
                if not first <= number <= last or number in found:
                    raise NodeContradiction(
                        f"A log of block {number} came out of place for the range {first} to {last}"
                    )
                group = found[number] = []
            group.append(log)
    except ValueError as error:
        raise NodeContradiction(f"A log came whose block number is none: {error}") from error
    return found
