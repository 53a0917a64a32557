"""Several nodes for one chain: work with one, turn to the next when it fails."""

from collections.abc import Sequence

import structlog

from community.clients.evm import EvmNode
from community.errors import FatalError
from contracts import abi
from indexer.decode import Contracts

_log = structlog.get_logger()


class Nodes:
    """The nodes in turn. Raises ValueError without any."""

    def __init__(self, nodes: Sequence[EvmNode]) -> None:
        if not nodes:
            raise ValueError("at least one node is needed")
        self._nodes = tuple(nodes)
        self._at = 0

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def current(self) -> EvmNode:
        return self._nodes[self._at]

    def fail_over(self, reason: str) -> None:
        """Turn to the next node; with only one it is asked again."""
        failed = self.current
        self._at = (self._at + 1) % len(self._nodes)
        _log.warning("chain_node_failed", node=self._at, of=len(self._nodes), reason=reason)
        if failed is self.current:
            return
        _log.info("chain_node_changed", node=self._at)

    async def close(self) -> None:
        """Return all connections."""
        for node in self._nodes:
            await node.close()


async def check_node(node: EvmNode, chain_id: int, contracts: Contracts) -> None:
    """Raise FatalError unless `node` follows our chain and our contracts stand there."""
    found = await node.chain_id()
    if found != chain_id:
        raise FatalError(
            f"The chain node follows chain {found}, but this index is of chain {chain_id}: "
            "correct INDEXER_RPC_URLS or INDEXER_CHAIN_ID."
        )
    for name, address in (("KwhToken", contracts.token), ("EnergyIssuer", contracts.issuer)):
        if address is None:
            continue
        code = await node.code(address)
        if not code:
            raise FatalError(f"No contract stands at {address}, where {name} should be: correct the address.")
        if not abi.load(name).matches(code):
            # a plain ERC-20 token or an older issuer may be indexed too, but nobody should do so by mistake
            _log.warning("contract_code_unknown", contract=name, address=address)
