"""Several nodes for one chain: work with the healthiest, turn to another when it fails, let one bear witness."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from community.clients.evm import EvmNode
from community.errors import FatalError
from contracts import abi
from indexer.decode import Contracts

_REST_FIRST_S = 0.5
_REST_MAX_S = 120.0

_log = structlog.get_logger()


@dataclass(slots=True)
class _Health:
    node: EvmNode
    failures: int = 0
    rests_until: float = 0.0


class Nodes:
    """The nodes by health: one that failed rests, twice as long each time. Raises ValueError without any."""

    def __init__(self, nodes: Sequence[EvmNode], monotonic: Callable[[], float] = time.monotonic) -> None:
        if not nodes:
            raise ValueError("at least one node is needed")
        self._health = tuple(_Health(node) for node in nodes)
        self._current = self._health[0]
        self._monotonic = monotonic

    def __len__(self) -> int:
        return len(self._health)

    @property
    def all(self) -> tuple[EvmNode, ...]:
        return tuple(one.node for one in self._health)

    @property
    def current(self) -> EvmNode:
        return self._current.node

    @property
    def witness(self) -> EvmNode | None:
        """The healthiest other node, None where there is none that does not rest."""
        now = self._monotonic()
        others = [one for one in self._health if one is not self._current and one.rests_until <= now]
        return min(others, key=lambda one: one.failures).node if others else None

    @property
    def resting(self) -> tuple[str, ...]:
        """Names of the nodes that failed lately."""
        now = self._monotonic()
        return tuple(one.node.name for one in self._health if one.rests_until > now)

    def fail_over(self, reason: str) -> None:
        """The current node failed: it rests, and the healthiest other one takes over; a single one is asked again."""
        failed, now = self._current, self._monotonic()
        failed.failures += 1
        failed.rests_until = now + min(_REST_MAX_S, _REST_FIRST_S * 2**failed.failures)
        others = [one for one in self._health if one is not failed] or [failed]
        self._current = min(others, key=lambda one: (max(one.rests_until, now), one.failures))
        _log.warning("chain_node_failed", endpoint=failed.node.name, failures=failed.failures, reason=reason)
        if failed is not self._current:
            _log.info("chain_node_changed", endpoint=self._current.node.name)

    def succeeded(self) -> None:
        """The current node did what was asked: old failures are forgotten by and by."""
        self._current.failures = max(0, self._current.failures - 1)

    async def close(self) -> None:
        """Return all connections."""
        for one in self._health:
            await one.node.close()


async def check_node(node: EvmNode, chain_id: int, contracts: Contracts) -> None:
    """Raise FatalError unless `node` follows our chain and our contracts stand there."""
    found = await node.chain_id()
    if found != chain_id:
        raise FatalError(
            f"The chain node {node.name} follows chain {found}, but this index is of chain {chain_id}: "
            "correct INDEXER_RPC_URLS or INDEXER_CHAIN_ID."
        )
    for name, address in contracts.named:
        code = await node.code(address)
        if not code:
            raise FatalError(
                f"No contract stands at {address}, where {name} should be (asked {node.name}): correct the address."
            )
        if not abi.load(name).matches(code):
            # a plain ERC-20 token or an older issuer may be indexed too, but nobody should do so by mistake
            _log.warning("contract_code_unknown", contract=name, address=address)
