"""The indexer as an object graph: following and reconciling, side by side."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from community.chain.index_checkpoint import IndexCheckpoint
from community.clients.evm import EvmNode, NodeRefused, NodeUnavailable
from community.clock import Clock
from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop
from community.runtime.system_clock import SystemClock
from community.store import chain_index
from community.store.unit_of_work import Store
from indexer.distrust import NodeContradiction
from indexer.follow import FinalityContradicted, Follower
from indexer.nodes import Nodes, check_node
from indexer.reconcile import Reconciler
from indexer.settings import IndexerSettings

RETRY_FIRST_S = 0.2
RETRY_MAX_S = 10.0

_log = structlog.get_logger()


@dataclass(slots=True)
class IndexerApp:
    """The running indexer. `settled` is set whenever settlements became final."""

    settings: IndexerSettings
    store: Store
    nodes: Nodes
    follower: Follower
    reconciler: Reconciler
    settled: asyncio.Event

    async def run(self, stop: asyncio.Event) -> None:
        """Follow and reconcile until `stop` is set. Raises FatalError where going on would be wrong."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(stop))
                tasks.create_task(self._reconcile(stop))
        except ExceptionGroup as group:
            # the other loop was cancelled; one sentence for the person is what is left to say
            raise group.exceptions[0] from group
        finally:
            await self.nodes.close()
            await self.store.close()

    async def _follow(self, stop: asyncio.Event) -> None:
        checked: set[str] = set()
        contradicted: set[str] = set()
        pause_s = RETRY_FIRST_S
        before: IndexCheckpoint | None = None
        while not stop.is_set():
            node = self.nodes.current
            try:
                if node.url not in checked:
                    await check_node(node, self.settings.chain_id, self.settings.contracts)
                    checked.add(node.url)
                progress = await self.follower.step(node)
            except FinalityContradicted as error:
                contradicted.add(node.url)
                if len(contradicted) == len(self.nodes):
                    raise
                self.nodes.fail_over(str(error))
            except (RetryableError, NodeRefused) as error:
                if isinstance(error, NodeUnavailable | NodeContradiction | NodeRefused):
                    self.nodes.fail_over(str(error))
                else:
                    _log.warning("indexing_postponed", reason=str(error))
                await wait_or_stop(stop, pause_s)
                pause_s = min(2 * pause_s, RETRY_MAX_S)
            else:
                pause_s = RETRY_FIRST_S
                contradicted.discard(node.url)
                if progress.settled_final:
                    self.settled.set()
                # a node that names a head whose blocks it cannot give yet must not be asked without end
                stuck, before = progress.checkpoint == before, progress.checkpoint
                if progress.caught_up or stuck:
                    await wait_or_stop(stop, self.settings.poll_ms / 1000)

    async def _reconcile(self, stop: asyncio.Event) -> None:
        """After settlements became final, and now and then; never more than a tenth of the time."""
        loop = asyncio.get_running_loop()
        pause_s = self.settings.reconcile_pause_ms / 1000
        while not await wait_or_stop(stop, pause_s):
            self.settled.clear()
            began = loop.time()
            try:
                if await self._indexed() is not None:
                    await self.reconciler.run(self.nodes.current)
            except (RetryableError, NodeRefused) as error:
                _log.warning("reconciliation_postponed", reason=str(error))
                self.settled.set()  # try again after the pause
            took_s = loop.time() - began
            pause_s = max(self.settings.reconcile_pause_ms / 1000, 10 * took_s)
            await self._next_reason(stop)

    async def _next_reason(self, stop: asyncio.Event) -> None:
        """Wait until settlements became final, the timer ran out, or `stop` is set."""
        waits = [asyncio.create_task(self.settled.wait()), asyncio.create_task(stop.wait())]
        try:
            await asyncio.wait(waits, timeout=self.settings.reconcile_every_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _indexed(self) -> IndexCheckpoint | None:
        async with self.store.read() as work:
            return await chain_index.checkpoint(work, self.settings.chain_id)


def build(settings: IndexerSettings, clock: Clock | None = None) -> IndexerApp:
    """Build the indexer from its settings."""
    clock = clock or SystemClock()
    store = Store.open(settings.database_url)
    nodes = Nodes([EvmNode(url, settings.rpc_timeout_ms / 1000) for url in settings.rpc_urls])
    follower = Follower(store, settings.chain_id, settings.contracts, start_block=settings.start_block, now=clock.now)
    return IndexerApp(settings, store, nodes, follower, build_reconciler(settings, store, clock), asyncio.Event())


def build_reconciler(settings: IndexerSettings, store: Store, clock: Clock) -> Reconciler:
    """The reconciler alone, for the command line."""
    return Reconciler(store, settings.chain_id, settings.contracts, timedelta(seconds=settings.grace_s), clock.now)
