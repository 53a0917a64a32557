"""A node that lies and drops, a process that dies, a chain that reorganises: every watt-hour still once, in each seed."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from community.clients.evm import EvmNode, NodeUnavailable
from community.errors import RetryableError
from community.minting.issuances import IssuanceState
from settlement.loop import SettlementLoop
from tests.support.settlement_world import SettlementWorld, settlement_world

pytestmark = pytest.mark.timeout(110)

READINGS = 6
FAULT_PERCENT = 20
KILL_PERCENT = 4
ROUNDS_MAX = 400


class Killed(Exception):
    """The process ends here."""


class LyingNode(EvmNode):
    """Fails before or after the node has acted, and sometimes has not heard of what it knows."""

    def __init__(self, url: str, chance: Random) -> None:
        super().__init__(url)
        self.chance = chance
        self.faults = 0

    async def call(self, method: str, *params: Any) -> Any:
        fault = self.chance.randrange(100)
        if fault < FAULT_PERCENT // 3:
            self.faults += 1
            raise NodeUnavailable("dropped before the node saw it")
        answer = await super().call(method, *params)
        if fault < 2 * FAULT_PERCENT // 3:
            self.faults += 1
            raise NodeUnavailable("accepted, but the answer was lost")
        if fault < FAULT_PERCENT and method in ("eth_getTransactionReceipt", "eth_getTransactionByHash"):
            self.faults += 1
            return None
        return answer


def deadly(chance: Random, deaths: list[str]) -> Callable[[str], None]:
    def maybe(name: str) -> None:
        if chance.randrange(100) < KILL_PERCENT:
            deaths.append(name)
            raise Killed(name)

    return maybe


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
async def test_each_watt_hour_is_minted_once(tmp_path: Path, seed: int) -> None:
    chance, deaths, reorgs = Random(seed), [], 0
    async with settlement_world(tmp_path, slots_in_an_epoch=6) as world:
        world.chain.mine(15)
        for number in range(1, READINGS + 1):
            await world.add_readings((number, number * 1000))
        faults, rounds = 0, 0
        while rounds < ROUNDS_MAX and not await everything_final(world):
            node = LyingNode(world.chain.url, chance)
            try:
                async with world.running(deadly(chance, deaths), node=node) as loop:
                    rounds, reorgs = await live(world, loop, chance, rounds, reorgs)
            except (Killed, RetryableError):
                rounds += 1
            faults += node.faults
        assert await everything_final(world)
        assert deaths and reorgs and faults > 20
        assert world.supply() == READINGS * 1000 * 10**15
        assert world.mine_nonces() == READINGS


async def live(
    world: SettlementWorld, loop: SettlementLoop, chance: Random, rounds: int, reorgs: int
) -> tuple[int, int]:
    """Pass after pass with blocks and reorgs in between, until all is final or the process dies."""
    while rounds < ROUNDS_MAX and not await everything_final(world):
        rounds += 1
        await loop.pass_once()
        world.chain.mine()
        if chance.randrange(100) < 30:
            reorgs += 1
            world.chain.rpc("anvil_reorg", chance.randint(1, 4), [])
        await asyncio.sleep(0)
    return rounds, reorgs


async def everything_final(world: SettlementWorld) -> bool:
    return [one.state for one in await world.issuances()] == [IssuanceState.FINAL] * READINGS
