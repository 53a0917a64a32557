"""Asking the contracts themselves: supply, balances and registers at one block."""

import asyncio
from collections.abc import Iterable, Sequence

from community.clients.evm import EvmNode
from community.reconciliation.facts import AskedTotals, SourceOnChain
from contracts import abi
from indexer.decode import Contracts
from indexer.distrust import NodeContradiction

_IN_FLIGHT = 8


async def ask_totals(
    node: EvmNode, contracts: Contracts, block_number: int, addresses: Sequence[str], source_refs: Iterable[str]
) -> AskedTotals:
    """The contracts' own answers at `block_number`. Raises NodeUnavailable, NodeRefused, NodeContradiction."""
    supply = await _uint(node, contracts.token, abi.encode_total_supply(), block_number)
    balances: dict[str, int] = {}
    for at in range(0, len(addresses), _IN_FLIGHT):
        part = addresses[at : at + _IN_FLIGHT]
        asked = (_uint(node, contracts.token, abi.encode_balance_of(one), block_number) for one in part)
        balances.update(zip(part, await asyncio.gather(*asked), strict=True))
    sources: dict[str, SourceOnChain] = {}
    if contracts.issuer is not None:
        for ref in source_refs:
            state = await _source(node, contracts.issuer, ref, block_number)
            if state is not None:
                sources[ref] = state
    return AskedTotals(supply, balances, sources)


async def _uint(node: EvmNode, to: str, data: bytes, block_number: int) -> int:
    answer = await node.eth_call(to, data, block_number)
    try:
        return abi.decode_uint(answer)
    except ValueError as error:
        raise NodeContradiction(f"The chain node's answer to a call of {to} is no number: {error}") from error


async def _source(node: EvmNode, issuer: str, ref: str, block_number: int) -> SourceOnChain | None:
    answer = await node.eth_call(issuer, abi.encode_source(bytes.fromhex(ref[2:])), block_number)
    try:
        state = abi.decode_source(answer)
    except ValueError as error:
        raise NodeContradiction(f"The chain node's answer about source {ref} is none: {error}") from error
    return None if state.mode == 0 else SourceOnChain(state.register_wh, state.debt_wh)
