"""The endless loop of the indexer: step after step with the healthiest node, whatever the others do."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from community.chain.index_checkpoint import IndexCheckpoint
from community.clients.evm import EvmNode, NodeRefused, NodeUnavailable
from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop
from indexer.condition import Condition
from indexer.decode import Contracts
from indexer.distrust import NodeContradiction
from indexer.follow import FinalityContradicted, Follower
from indexer.heads import HeadWatch
from indexer.nodes import Nodes, check_node

RETRY_FIRST_S = 0.2
RETRY_MAX_S = 10.0

_log = structlog.get_logger()


class Following:
    """Steps the follower until it is stopped; turns to another node where one fails, lies or lags."""

    def __init__(
        self,
        follower: Follower,
        nodes: Nodes,
        heads: HeadWatch,
        condition: Condition,
        chain_id: int,
        contracts: Contracts,
    ) -> None:
        self._follower = follower
        self._nodes = nodes
        self._heads = heads
        self._condition = condition
        self._chain_id = chain_id
        self._contracts = contracts
        self._checked: set[str] = set()
        self._contradicted: set[str] = set()

    async def run(
        self, stop: asyncio.Event, still_held: Callable[[], Awaitable[None]], settled: Callable[[], None]
    ) -> None:
        """Follow until `stop` is set; call `settled` whenever settlements became final.

        Raises FatalError where going on would be wrong, and what `still_held` raises once the right to index is lost.
        """
        self._follower.stopping = stop.is_set
        listening = asyncio.create_task(self._heads.listen(stop))
        try:
            await self._loop(stop, still_held, settled)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _loop(
        self, stop: asyncio.Event, still_held: Callable[[], Awaitable[None]], settled: Callable[[], None]
    ) -> None:
        pause_s = RETRY_FIRST_S
        before: IndexCheckpoint | None = None
        while not stop.is_set():
            await still_held()
            node = self._nodes.current
            try:
                await self._check(node)
                progress = await self._follower.step(node)
            except FinalityContradicted as error:
                self._contradicted.add(node.url)
                _log.critical("finality_contradicted", endpoint=node.name, reason=str(error))
                if len(self._contradicted) == len(self._nodes):
                    raise
                self._nodes.fail_over(str(error))
            except (RetryableError, NodeRefused) as error:
                self._postpone(error)
                await wait_or_stop(stop, pause_s)
                pause_s = min(2 * pause_s, RETRY_MAX_S)
            else:
                pause_s = RETRY_FIRST_S
                self._contradicted.discard(node.url)
                self._nodes.succeeded()
                self._condition.progressed(progress.checkpoint)
                if progress.settled_final:
                    settled()
                # a node that names a head whose blocks it cannot give yet must not be asked without end
                stuck, before = progress.checkpoint == before, progress.checkpoint
                if progress.caught_up or stuck:
                    await self._heads.next(stop)

    async def _check(self, node: EvmNode) -> None:
        if node.url not in self._checked:
            await check_node(node, self._chain_id, self._contracts)
            self._checked.add(node.url)

    def _postpone(self, error: Exception) -> None:
        self._condition.stalled(str(error))
        if isinstance(error, NodeUnavailable | NodeContradiction | NodeRefused):
            self._condition.node_failed(self._nodes.current.name)
            self._nodes.fail_over(str(error))
        else:
            _log.warning("indexing_postponed", reason=str(error))
