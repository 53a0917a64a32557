"""What a node says, checked before it is used: headers and logs must be whole and agree with each other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import pairwise
from typing import Any

from community.chain.blocks import BlockHeader, BlockRef
from community.chain.bloom import bits_of
from community.clients.evm import EvmNode, NodeRefused
from community.errors import RetryableError
from indexer.wire import WireBlock, WireLog

_DATA = re.compile(r"0x(?:[0-9a-f]{2})*")


class NodeContradiction(RetryableError):
    """The node's answers contradict each other. Nothing of them was used; another node is asked."""


class Completeness(Enum):
    """Whether logs can be all there are of a block: certain by its header, or only by its receipts."""

    CERTAIN = "certain"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class CheckedLogs:
    """The logs of one block that may be used, with their places in it."""

    logs: Sequence[WireLog]
    indexes: Sequence[int]
    completeness: Completeness


def header_of(block: WireBlock) -> BlockHeader:
    """The header in a JSON-RPC block. Raises NodeContradiction if it is none."""
    try:
        return BlockHeader(
            BlockRef(int(block.number, 16), block.hash),
            block.parent_hash,
            datetime.fromtimestamp(int(block.timestamp, 16), UTC),
            bytes.fromhex(block.logs_bloom[2:]),
            frozenset(block.transactions),
        )
    except (ValueError, OverflowError, OSError) as error:
        raise NodeContradiction(f"The chain node gave a block that is none: {error!r:.120}") from error


def check_logs(header: BlockHeader, logs: Sequence[WireLog], addresses: Sequence[str]) -> CheckedLogs:
    """The logs, if they can be logs of this very block and of `addresses`, in order. Raises NodeContradiction.

    They are certain to be all of them where they fill the block without a gap and make up its Bloom filter; otherwise
    other contracts logged too, or something is missing.
    """
    number, block_hash = header.number, header.hash
    bloom = int.from_bytes(header.bloom, "big")
    if not logs:
        certain = not any(bloom & mask == mask for mask in (bits_of([address]) for address in addresses))
        return CheckedLogs((), (), _completeness(certain))
    # one pass a question, all at the speed of C: half a million logs a second pass here
    if _distinct([log.block_hash for log in logs]) != {block_hash} or _distinct([log.block_number for log in logs]) != {
        hex(number)
    }:
        raise NodeContradiction(
            f"Logs of block {logs[0].block_number} {logs[0].block_hash} came for {number} {block_hash}"
        )
    try:
        indexes = [int(log.log_index, 16) for log in logs]
        items = _distinct([log.address for log in logs])
        strangers = items.difference(addresses)
        items.update(*[log.topics for log in logs])
        bits = bits_of(items)
    except ValueError as error:
        raise NodeContradiction(f"Block {number}: a log came that is none: {error!r:.120}") from error
    if strangers:
        raise NodeContradiction(f"Block {number}: logs of {min(strangers):.60} came, which nobody asked for")
    gapless = indexes == list(range(len(indexes)))
    if not gapless and any(above <= below for below, above in pairwise(indexes)):
        raise NodeContradiction(f"The logs of block {number} are not in order")
    if not _distinct([log.transaction_hash for log in logs]) <= header.tx_hashes or True in [
        log.removed for log in logs
    ]:
        raise NodeContradiction(f"Block {number}: a log came of a transaction that the block does not have")
    if bits & bloom != bits:
        raise NodeContradiction(f"Block {number}: a log came that the block's header excludes")
    return CheckedLogs(logs, indexes, _completeness(gapless and bits == bloom))


def _distinct(values: list[str]) -> set[str]:
    """The different ones. Mostly there is one only, and comparing is cheaper than hashing what was just parsed."""
    first = values[0]
    return {first} if values.count(first) == len(values) else set(values)


def _completeness(certain: bool) -> Completeness:
    return Completeness.CERTAIN if certain else Completeness.DOUBTFUL


async def check_against_receipts(
    node: EvmNode, header: BlockHeader, logs: Sequence[WireLog], addresses: Sequence[str]
) -> None:
    """Raise NodeContradiction unless the block's receipts hold exactly `logs` of `addresses`."""
    held = set()
    for receipt in await _receipts(node, header):
        for log in receipt.get("logs") or ():
            if str(log.get("address")).lower() in addresses:
                held.add(
                    (
                        str(log.get("logIndex")),
                        *(str(topic).lower() for topic in log["topics"]),
                        str(log["data"]).lower(),
                    )
                )
    given = {(log.log_index, *log.topics, log.data) for log in logs}
    if held != given:
        raise NodeContradiction(
            f"Block {header.number}: {len(given)} logs came, but its receipts hold {len(held)}: "
            f"{len(held - given)} are missing and {len(given - held)} are not there"
        )


async def _receipts(node: EvmNode, header: BlockHeader) -> list[Mapping[str, Any]]:
    try:
        found = await node.call("eth_getBlockReceipts", hex(header.number))
    except NodeRefused:
        found = [await node.receipt(tx_hash) for tx_hash in sorted(header.tx_hashes)]
    if not isinstance(found, list) or not all(isinstance(receipt, dict) for receipt in found):
        raise NodeContradiction(f"Block {header.number}: the node has the block but not its receipts")
    if any(str(receipt.get("blockHash")).lower() != header.hash for receipt in found):
        raise NodeContradiction(f"Block {header.number}: the receipts are those of another block")
    if {str(receipt.get("transactionHash")).lower() for receipt in found} != header.tx_hashes:
        raise NodeContradiction(f"Block {header.number}: the receipts are not those of its transactions")
    return found


def data_of(log: WireLog) -> str:
    """The log's data. Raises ValueError unless it is whole bytes in 0x hexadecimal."""
    if not _DATA.fullmatch(log.data):
        raise ValueError("a log's data is 0x and an even number of hexadecimal digits")
    return log.data
