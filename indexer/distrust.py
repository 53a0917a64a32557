"""What a node says, checked before it is used: headers and logs must be whole and agree with each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from community.chain.blocks import BlockHeader, BlockRef, block_hash
from community.chain.bloom import may_contain
from community.clients.evm import EvmNode, NodeRefused, octets, quantity
from community.errors import RetryableError


class NodeContradiction(RetryableError):
    """The node's answers contradict each other. Nothing of them was used; another node is asked."""


@dataclass(frozen=True, slots=True)
class RawLog:
    """A log as the node gave it, its place in the chain checked for shape. Hexadecimal text is lower case."""

    block_number: int
    block_hash: str
    tx_hash: str
    log_index: int
    address: str
    topics: tuple[str, ...]
    data: str


def header_of(block: Mapping[str, Any]) -> BlockHeader:
    """The header in a JSON-RPC block. Raises NodeContradiction if it is none."""
    try:
        ref = BlockRef(quantity(block["number"]), block_hash(block["hash"]))
        at = datetime.fromtimestamp(quantity(block["timestamp"]), UTC)
        return BlockHeader(ref, block_hash(block["parentHash"]), at, octets(block["logsBloom"]))
    except (KeyError, ValueError, AttributeError, OverflowError) as error:
        raise NodeContradiction(f"The chain node gave a block that is none: {error!r:.120}") from error


def log_of(log: Mapping[str, Any]) -> RawLog:
    """The log in a JSON-RPC answer. Raises NodeContradiction if it is none."""
    try:
        return RawLog(
            block_number=quantity(log["blockNumber"]),
            block_hash=block_hash(log["blockHash"]),
            tx_hash=block_hash(log["transactionHash"]),
            log_index=quantity(log["logIndex"]),
            address=str(log["address"]).lower(),
            topics=tuple(str(topic).lower() for topic in log["topics"]),
            data=str(log["data"]).lower(),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NodeContradiction(f"The chain node gave a log that is none: {error!r:.120}") from error


def check_logs(header: BlockHeader, logs: Sequence[RawLog], addresses: Sequence[str]) -> None:
    """Raise NodeContradiction unless `logs` can be the logs of this very block, of `addresses` only, in order."""
    last = -1
    for log in logs:
        if log.block_hash != header.hash or log.block_number != header.number:
            raise NodeContradiction(f"A log of block {log.block_number} {log.block_hash} came for {header.hash}")
        if log.log_index <= last:
            raise NodeContradiction(f"The logs of block {header.number} are not in order")
        last = log.log_index
        if log.address not in addresses:
            raise NodeContradiction(f"Block {header.number}: a log of {log.address} came, which nobody asked for")
        items = [log.address, *log.topics]
        if not all(may_contain(header.bloom, octets(item)) for item in items):
            raise NodeContradiction(f"Block {header.number}: a log came that the block's header excludes")


async def logs_of_block(node: EvmNode, header: BlockHeader, addresses: Sequence[str]) -> list[RawLog]:
    """The logs of `addresses` in one block, checked. Nothing is believed empty that the header does not call empty."""
    logs = [log_of(one) for one in await node.logs(block_hash=header.hash, addresses=addresses)]
    check_logs(header, logs, addresses)
    if not logs and any(may_contain(header.bloom, octets(address)) for address in addresses):
        await _check_emptiness(node, header, addresses)
    return logs


async def _check_emptiness(node: EvmNode, header: BlockHeader, addresses: Sequence[str]) -> None:
    """The header's filter allows our logs but none came: a false alarm of the filter only if the receipts agree."""
    receipts = await _receipts(node, header)
    logged = {str(log.get("address")).lower() for receipt in receipts for log in receipt.get("logs", ())}
    hidden = logged & set(addresses)
    if hidden:
        raise NodeContradiction(f"Block {header.number}: no logs came, but its receipts hold some of {sorted(hidden)}")


async def _receipts(node: EvmNode, header: BlockHeader) -> list[Mapping[str, Any]]:
    try:
        found = await node.call("eth_getBlockReceipts", hex(header.number))
    except NodeRefused:
        found = await _receipts_one_by_one(node, header)
    if not isinstance(found, list) or not all(isinstance(receipt, dict) for receipt in found):
        raise NodeContradiction(f"Block {header.number}: the node has the block but not its receipts")
    if any(str(receipt.get("blockHash")).lower() != header.hash for receipt in found):
        raise NodeContradiction(f"Block {header.number}: the receipts are those of another block")
    return found


async def _receipts_one_by_one(node: EvmNode, header: BlockHeader) -> list[Mapping[str, Any] | None]:
    block = await node.block(header.hash)
    return [] if block is None else [await node.receipt(str(tx_hash)) for tx_hash in block["transactions"]]
