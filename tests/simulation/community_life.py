"""A community's life in little time: a plant, settlement, signer, chain and indexer, with reorgs and deaths in between.

A quarter-hour of production passes in a few blocks. Settlement and indexer run in this process as they do in theirs; a
death is an exception out of the step it is in, after which everything is built afresh from the database.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from community.clients.evm import EvmNode
from community.clock import QUARTER_HOUR, slot_start
from community.errors import RetryableError
from community.metering.intervals import IntervalEnergy
from community.minting.issuances import IssuanceState
from community.store.intervals import add_interval
from community.store.reconciliation import RunSummary
from community.units import WattHours
from indexer.decode import Contracts
from indexer.follow import Follower
from indexer.reconcile import Reconciler
from tests.support.anvil import CHAIN_ID
from tests.support.sending_device import NOON_SLOT
from tests.support.settlement_world import SettlementWorld
from tests.support.stores import opened

ROUNDS_MAX = 600
REORG_PERCENT, DEATH_PERCENT = 25, 3
LATER = timedelta(days=1)
"""Reconciliation looks a day later: whatever is still on its way then has had its time."""


class Died(Exception):
    """A process ends here."""


@dataclass
class Life:
    """The plant's day so far, and what befell it."""

    world: SettlementWorld
    chance: Random
    quarters: int = 0
    produced_wh: int = 0
    reorgs: int = 0
    deaths: list[str] = field(default_factory=list)

    @property
    def contracts(self) -> Contracts:
        return Contracts(self.world.token.lower(), self.world.issuer.lower())

    async def begin(self) -> None:
        """The reading at noon, from which counting begins."""
        self.world.chain.mine(12)
        await self.world.add_readings((0, 0))

    async def quarter_hour(self) -> None:
        """The plant produces for a quarter-hour, the reading comes in, and life goes on for some blocks."""
        energy_wh = self.chance.randrange(1, 6_000)
        self.quarters += 1
        self.produced_wh += energy_wh
        await self.world.add_readings((self.quarters, self.produced_wh))
        slot = NOON_SLOT + self.quarters
        ids = (f"measurement-{slot - 1}", f"measurement-{slot}")
        interval = IntervalEnergy(slot_start(slot) - QUARTER_HOUR, WattHours(energy_wh), *ids)
        async with opened(self.world.store_url) as store, store.begin() as work:
            await add_interval(work, "mp_plant", interval, datetime.now(UTC))
        await self._blocks(self.chance.randrange(1, 4))

    async def until_final(self) -> None:
        """Go on until everything produced is final on chain and in the index."""
        for _ in range(ROUNDS_MAX):
            found = await self.world.issuances()
            whole = found and found[-1].to_wh - found[0].from_wh == self.produced_wh
            if whole and all(one.state is IssuanceState.FINAL for one in found):
                break
            await self._blocks(2)
        else:
            raise AssertionError(f"not everything became final: {await self.world.issuances()}")
        self.world.chain.mine(12)
        await self.index()

    async def index(self, reached: Callable[[str], None] = lambda _name: None) -> None:
        """Bring the index to the chain's head, built afresh from the database."""
        node = EvmNode(self.world.chain.url)
        try:
            async with opened(self.world.store_url) as store:
                follower = Follower(
                    store, CHAIN_ID, self.contracts, start_block=0, now=lambda: datetime.now(UTC), reached=reached
                )
                for _ in range(200):
                    before = await follower.step(node)
                    if before.caught_up and (await follower.step(node)).checkpoint == before.checkpoint:
                        return
        finally:
            await node.close()

    async def reconcile(self, store_url: str | None = None) -> RunSummary:
        """Compare all books with the chain, as they will stand a day later."""
        node = EvmNode(self.world.chain.url)
        try:
            async with opened(store_url or self.world.store_url) as store:
                now = datetime.now(UTC) + LATER
                return await Reconciler(store, CHAIN_ID, self.contracts, timedelta(minutes=15), lambda: now).run(node)
        finally:
            await node.close()

    async def _blocks(self, count: int) -> None:
        """Settlement and indexer at work over `count` blocks; each may die, and the chain may reorganise."""
        for _ in range(count):
            try:
                async with self.world.running(self._deadly) as loop:
                    await loop.pass_once()
            except (Died, RetryableError):
                pass
            self.world.chain.mine()
            if self.chance.randrange(100) < REORG_PERCENT:
                self.reorgs += 1
                self.world.chain.rpc("anvil_reorg", self.chance.randint(1, 3), [])
            try:
                await self.index(self._deadly)
            except (Died, RetryableError):
                pass
            await asyncio.sleep(0)

    def _deadly(self, step: str) -> None:
        if self.chance.randrange(100) < DEATH_PERCENT:
            self.deaths.append(step)
            raise Died(step)
