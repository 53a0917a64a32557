"""The indexer as an object graph: following and reconciling, side by side."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from community.chain.index_checkpoint import IndexCheckpoint
from community.clients.evm import EvmNode, NodeRefused
from community.clock import Clock
from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop
from community.runtime.probes import probes
from community.runtime.system_clock import SystemClock
from community.store import chain_index
from community.store.sole_sender import AnotherIndexes, StillHeld, sole_indexer
from community.store.unit_of_work import Store, StoreUnavailable
from indexer.apart import apart
from indexer.condition import Condition
from indexer.follow import Follower
from indexer.following import Following
from indexer.heads import HeadWatch
from indexer.nodes import Nodes
from indexer.reconcile import Reconciler
from indexer.settings import IndexerSettings

STAND_BY_S = 1.0
"""How often one that stands by asks whether it may work."""

_log = structlog.get_logger()


@dataclass(slots=True)
class IndexerApp:
    """The running indexer. `settled` is set whenever settlements became final."""

    settings: IndexerSettings
    store: Store
    nodes: Nodes
    follower: Follower
    clock: Clock
    settled: asyncio.Event
    condition: Condition

    async def run(self, stop: asyncio.Event) -> None:
        """Follow and reconcile until `stop` is set; stand by while another indexer does.

        Raises FatalError where going on would be wrong.
        """
        try:
            async with probes("indexer", self.condition, self.settings.probes):
                while not stop.is_set():
                    await self._take_turn(stop)
        finally:
            await self.nodes.close()
            await self.store.close()

    async def _take_turn(self, stop: asyncio.Event) -> None:
        """Work if no other indexer does, else look again a little later."""
        try:
            async with sole_indexer(self.store, self.settings.chain_id) as still_held:
                self.condition.standing_by = False
                await self._work(stop, still_held)
        except AnotherIndexes as error:
            if not self.condition.standing_by:
                _log.info("indexer_stands_by", reason=str(error))
            self.condition.standing_by = True
            await wait_or_stop(stop, STAND_BY_S)
        except StoreUnavailable as error:
            self.condition.stalled(str(error))
            _log.warning("indexing_postponed", reason=str(error))
            await wait_or_stop(stop, STAND_BY_S)

    async def _work(self, stop: asyncio.Event, still_held: StillHeld) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                heads = HeadWatch(self.settings.head_urls, self.settings.poll_ms / 1000)
                chain_id, contracts = self.settings.chain_id, self.settings.contracts
                following = Following(self.follower, self.nodes, heads, self.condition, chain_id, contracts)
                tasks.create_task(following.run(stop, still_held, self.settled.set))
                tasks.create_task(self._reconcile(stop))
        except ExceptionGroup as group:
            # the other loop was cancelled; one sentence for the person is what is left to say
            raise group.exceptions[0] from group

    async def _reconcile(self, stop: asyncio.Event) -> None:
        """After settlements became final, and now and then; never more than a tenth of the time."""
        loop = asyncio.get_running_loop()
        pause_s = self.settings.reconcile_pause_ms / 1000
        while not await wait_or_stop(stop, pause_s):
            self.settled.clear()
            began = loop.time()
            try:
                if await self._indexed() is not None:
                    url = self.nodes.current.url
                    # comparing takes the processor for long: blocks are followed by this loop meanwhile
                    await apart(lambda: reconcile_once(self.settings, self.clock, url))  # noqa: B023 - awaited here
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
    nodes = build_nodes(settings)
    follower = build_follower(settings, store, clock, nodes)
    condition = Condition(clock.now, settings.ready_behind, store)
    follower.reorganised = condition.rolled_back
    return IndexerApp(settings, store, nodes, follower, clock, asyncio.Event(), condition)


def build_nodes(settings: IndexerSettings) -> Nodes:
    """The nodes, none of them asked yet."""
    return Nodes([EvmNode(url, settings.rpc_timeout_ms / 1000) for url in settings.rpc_urls])


def build_follower(settings: IndexerSettings, store: Store, clock: Clock, nodes: Nodes) -> Follower:
    """The follower alone, for the command line."""
    return Follower(
        store,
        settings.chain_id,
        settings.contracts,
        start_block=settings.start_block,
        now=clock.now,
        nodes=nodes,
        finality_quorum=settings.finality_quorum,
    )


async def reconcile_once(settings: IndexerSettings, clock: Clock, url: str) -> None:
    """One run over the node at `url`, with connections of its own."""
    store, node = Store.open(settings.database_url), EvmNode(url, settings.rpc_timeout_ms / 1000)
    try:
        await build_reconciler(settings, store, clock).run(node)
    finally:
        await node.close()
        await store.close()


def build_reconciler(settings: IndexerSettings, store: Store, clock: Clock) -> Reconciler:
    """The reconciler alone, for the command line."""
    return Reconciler(store, settings.chain_id, settings.contracts, timedelta(seconds=settings.grace_s), clock.now)
