"""Real processes on a bad day: a node that fails and lies, kill -9, reorgs, a lost pool, crashes of broker and database.

When it ends, every watt-hour is minted exactly once and all is final; the issuer has no guard and counts.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from community.minting.issuances import IssuanceState
from tests.conformance.settlement.test_processes import settlement_environment, signer_environment
from tests.faults.test_settlement_kill import PLANTS, add_plants_with, each_minted_once, running, states
from tests.support.chaos_proxy import ChaosProxy, chaos_proxy
from tests.support.settlement_world import SettlementWorld, settlement_world
from tests.support.stores import new_postgres_url
from tools.private_postgres import PrivatePostgres, private_postgres

FAULT_PERCENT = 30
READINGS, READINGS_OFTEN = 24, 2
TURN_S = 0.2
QUIET_S = 5.0
"""A turn ends also when no process has asked the node anything for so long: it starts, or waits for the other."""


@dataclass
class BadDay:
    """What happens to the world, drawn from a seed, turn by turn."""

    world: SettlementWorld
    proxy: ChaosProxy
    chance: Random
    database: PrivatePostgres | None
    happened: Counter[str] = field(default_factory=Counter)

    async def turn(self, processes: Mapping[str, asyncio.subprocess.Process]) -> None:
        """One turn: mostly a block, sometimes a misfortune.

        Turns are counted in calls to the node, not in seconds: on a slow machine misfortunes come as often per step.
        """
        self.world.chain.mine()
        if not await self.proxy.more_calls(self.chance.randint(4, 16), QUIET_S):
            return
        drawn = self.chance.randrange(100)
        if drawn < 8:
            process = processes[self.chance.choice(sorted(processes))]
            if process.returncode is None:
                self._note("killed")
                process.kill()
        elif drawn < 24:
            self._note("reorg")
            self.world.chain.rpc("anvil_reorg", self.chance.randint(1, 5), [])
        elif drawn < 30:
            self._note("pool dropped")
            self.world.chain.rpc("anvil_dropAllTransactions")
        elif drawn < 34:
            self._note("broker crash")
            await self._crash_broker()
        elif drawn < 37 and self.database is not None:
            self._note("database crash")
            await asyncio.to_thread(self.database.crash)

    async def _crash_broker(self) -> None:
        broker = self.world.broker_process
        assert broker is not None
        await broker.stop()
        await asyncio.sleep(TURN_S)
        await broker.start()

    def _note(self, what: str) -> None:
        self.happened[what] += 1


async def live_through(folder: Path, seed: int, readings: int, *, postgres: bool, limit_s: float) -> Counter[str]:
    """A bad day until everything is planned, then an end to it; returns what happened."""
    chance = Random(seed)
    async with AsyncExitStack() as stack:
        database = stack.enter_context(private_postgres()) if postgres else None
        url = None if database is None else await new_postgres_url(database)
        world = await stack.enter_async_context(
            settlement_world(folder, serve=False, store_url=url, counting=True, slots_in_an_epoch=6)
        )
        world.chain.mine(15)
        await add_plants_with(world, readings)
        proxy = await stack.enter_async_context(chaos_proxy(world.chain.url, chance, FAULT_PERCENT))
        day = BadDay(world, proxy, chance, database)
        settler = settlement_environment(world) | {
            "SETTLEMENT_NODE_URL": proxy.url,
            "SETTLEMENT_BUMP_AFTER_S": "3",
            "SETTLEMENT_SIGNATURE_TIMEOUT_S": "2",
        }
        async with asyncio.timeout(limit_s):
            await go_on(day, {"settlement": settler, "signer": signer_environment(world)}, readings * len(PLANTS))
        await each_minted_once(world, readings, counting=True)
        return day.happened + proxy.faults


async def go_on(day: BadDay, environments: Mapping[str, Mapping[str, str]], readings: int) -> None:
    """Keep both processes alive, whatever kills them, until all is final; faults stop once all is decided on."""
    world = day.world
    async with AsyncExitStack() as stack:

        async def start(name: str) -> asyncio.subprocess.Process:
            return await stack.enter_async_context(running(name, environments[name], world.folder))

        processes = {name: await start(name) for name in environments}
        calm = False
        while True:
            for name, process in processes.items():
                if process.returncode is not None:
                    processes[name] = await start(name)
            found = await states(world)
            if found == [IssuanceState.FINAL] * readings:
                return
            if len(found) == readings and not calm:
                calm, day.proxy.percent = True, 0
            if calm:
                world.chain.mine()
                await asyncio.sleep(TURN_S)
            else:
                await day.turn(processes)


@pytest.mark.timeout(170)
@pytest.mark.long
async def test_a_bad_day(tmp_path: Path) -> None:
    happened = await live_through(tmp_path, seed=11, readings=READINGS_OFTEN, postgres=False, limit_s=150)
    assert happened["dropped"] + happened["html 500"] + happened["accepted then hang"] >= 3


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_very_bad_day(tmp_path: Path, seed: int) -> None:
    happened = await live_through(tmp_path, seed=seed, readings=READINGS, postgres=True, limit_s=1700)
    print(f"seed {seed}: {dict(happened)}")
    for what in ("killed", "reorg", "pool dropped", "broker crash", "database crash", "lied ok", "stale null"):
        assert happened[what], f"{what} did not happen"
