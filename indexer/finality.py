"""Which block is final: what a quorum of the nodes says, never one alone where there are several."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import structlog

from community.chain.blocks import BlockHeader
from community.clients.evm import EvmNode
from community.errors import CommunityError
from indexer import reading

_log = structlog.get_logger()


def majority(count: int) -> int:
    """The quorum of `count` nodes: more than half."""
    return count // 2 + 1


async def agreed_final(nodes: Sequence[EvmNode], quorum: int) -> BlockHeader | None:
    """The highest block that most of the answering nodes, and at least `quorum`, call final, with one hash.

    None if they do not agree, too few answer, or they know no finality. A node that is away does not hold the others up.
    """
    answers = await asyncio.gather(*(_final(node) for node in nodes))
    told = [(node, header) for node, header in zip(nodes, answers, strict=True) if header is not None]
    quorum = max(quorum, majority(len(told)))
    if len(told) < quorum:
        if len(nodes) > 1:
            _log.warning("finality_without_quorum", answered=[node.name for node, _ in told], quorum=quorum)
        return None
    number = sorted((header.number for _, header in told), reverse=True)[quorum - 1]
    able = [(node, header) for node, header in told if header.number >= number]
    headers = await asyncio.gather(*(_at(node, header, number) for node, header in able))
    votes = Counter(header.hash for header in headers if header is not None)
    (winner, count), (_, next_count) = [*votes.most_common(2), ("", 0), ("", 0)][:2]
    if count < quorum or count == next_count:
        told_by = {
            node.name: header.hash for (node, _), header in zip(able, headers, strict=True) if header is not None
        }
        _log.error("finality_disputed", block=number, told=told_by)
        return None
    return next(header for header in headers if header is not None and header.hash == winner)


async def _final(node: EvmNode) -> BlockHeader | None:
    try:
        return await reading.tagged(node, "finalized")
    except CommunityError as error:
        _log.info("finality_not_told", endpoint=node.name, reason=str(error))
        return None


async def _at(node: EvmNode, final: BlockHeader, number: int) -> BlockHeader | None:
    if final.number == number:
        return final
    try:
        return await reading.header(node, number)
    except CommunityError as error:
        _log.info("finality_not_told", endpoint=node.name, reason=str(error))
        return None
