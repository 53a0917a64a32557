"""A settled world seen by the indexer: its chain is followed to the end and compared with its books."""

from datetime import timedelta

from community.clients.evm import EvmNode
from community.clock import QUARTER_HOUR
from community.metering.intervals import IntervalEnergy
from community.runtime.system_clock import SystemClock
from community.store import breaks
from community.store.intervals import add_interval
from community.store.reconciliation import RunSummary
from community.store.stored_breaks import StoredBreak
from community.units import WattHours
from indexer.decode import Contracts
from indexer.follow import Follower
from indexer.reconcile import Reconciler
from tests.conformance.indexer.ledgers import catch_up
from tests.support.anvil import CHAIN_ID
from tests.support.sending_device import NOON
from tests.support.settlement_world import SettlementWorld
from tests.support.stores import opened


async def add_intervals(world: SettlementWorld, *energies: tuple[int, int, str, str, str]) -> None:
    """Quarter-hours as intake computes them: (number after noon, Wh, measurements at both ends, quality)."""
    now = SystemClock().now()
    async with opened(world.store_url) as store, store.begin() as work:
        for number, energy_wh, begin, end, quality in energies:
            interval = IntervalEnergy(NOON + number * QUARTER_HOUR, WattHours(energy_wh), begin, end, quality)
            assert await add_interval(work, "mp_plant", interval, now)


async def reconciled(world: SettlementWorld) -> tuple[RunSummary, list[StoredBreak]]:
    """A run of reconciliation long after everything had its time, and the breaks that are open then."""
    world.chain.mine(70)
    node, contracts = EvmNode(world.chain.url), Contracts(world.token.lower(), world.issuer.lower())
    later = SystemClock().now() + timedelta(days=2)
    async with opened(world.store_url) as store:
        try:
            await catch_up(
                Follower(store, CHAIN_ID, contracts, now=lambda: later, reached=lambda _name: None, start_block=0), node
            )
            run = await Reconciler(store, CHAIN_ID, contracts, timedelta(minutes=15), lambda: later).run(node)
            async with store.read() as work:
                return run, await breaks.open_breaks(work)
        finally:
            await node.close()
