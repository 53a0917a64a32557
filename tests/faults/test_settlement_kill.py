"""Signer and settlement as real processes, ended by kill -9 at every named place: each watt-hour is minted exactly once.

Against the real issuer, and against one without any guard, which mints whatever it is told and counts.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from community.identity.identities import SettlementPolicy
from community.minting.issuances import IssuanceState
from community.runtime.system_clock import SystemClock
from community.store.settlement_policies import add_policy
from settlement.failpoints import FAILPOINTS as SETTLEMENT
from signer.failpoints import FAILPOINTS as SIGNER
from tests.conformance.settlement.test_processes import settlement_environment, signer_environment
from tests.support.settlement_world import SettlementWorld, settlement_world
from tests.support.stores import opened

PLACES = [("settlement", name) for name in SETTLEMENT] + [("signer", name) for name in SIGNER]
PLANTS = ("plant", "barn")
"""Two, so that transactions carry one issuance or several."""
OFTEN = [("settlement", "sent_to_network", 1), ("signer", "committed", 1)]
"""The two that hurt most: known to the network but not to the books, signed but not answered."""


@asynccontextmanager
async def running(
    process: str, environment: Mapping[str, str], folder: Path, at: str = "", hit: int = 1
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that dies at its place, if it has one; killed at the end if it still runs."""
    mortal = {"MORTAL_AT": at, "MORTAL_HIT": str(hit)}
    with (folder / f"{process}.log").open("ab") as log:
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.mortal", process,
            env={**os.environ, **environment, **mortal}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def states(world: SettlementWorld) -> list[IssuanceState]:
    return [one.state for one in await world.issuances()]


async def until_dead(world: SettlementWorld, process: asyncio.subprocess.Process, at: str) -> None:
    """Let the world go on, with what this place needs to be reached, until the process has died there."""
    turn = 0
    if at == "block_vanished":
        world.chain.mine(8)  # no reorg may take the plants' configuration away
    async with asyncio.timeout(90):
        while process.returncode is None:
            turn += 1
            await asyncio.sleep(0.1)
            if at == "block_vanished" and turn % 3 == 0:
                world.chain.rpc("anvil_reorg", 1 + turn % 4, [])
            elif at != "attempt_stored":
                world.chain.mine()
    assert process.returncode == -signal.SIGKILL


async def until_all_final(world: SettlementWorld, count: int) -> None:
    """Until that many are final, and everything is."""
    async with asyncio.timeout(90):
        while await states(world) != [IssuanceState.FINAL] * count:
            world.chain.mine()
            await asyncio.sleep(0.1)


async def kill_and_settle(world: SettlementWorld, process: str, at: str, hit: int) -> None:
    """One death at one place with all that it had begun; then a process that lives. Every reading is final at the end."""
    # what a signer that has died does not answer is asked again soon
    settler = settlement_environment(world) | {"SETTLEMENT_BUMP_AFTER_S": "1", "SETTLEMENT_SIGNATURE_TIMEOUT_S": "2"}
    signing = signer_environment(world)
    if at == "attempt_stored":
        world.chain.rpc("evm_setAutomine", False)
    mortal = {"at": at, "hit": hit}
    here, none = world.folder, dict[str, Any]()
    async with (
        running("signer", signing, here, **(mortal if process == "signer" else none)) as signer,
        running("settlement", settler, here, **(mortal if process == "settlement" else none)) as settlement,
    ):
        await until_dead(world, signer if process == "signer" else settlement, at)
        world.chain.rpc("evm_setAutomine", True)
        async with running(process, signing if process == "signer" else settler, here):
            await until_all_final(world, len(PLANTS) * (hit + 1))


async def each_minted_once(world: SettlementWorld, readings: int, *, counting: bool) -> None:
    """Every reading of every plant once; several plants may have gone in one transaction, one plant's never."""
    assert world.supply() == len(PLANTS) * readings * 1000 * 10**15
    if counting:
        for plant in PLANTS:
            assert [world.times_minted(1000 * number, plant) for number in range(1, readings + 1)] == [1] * readings
    found = await world.issuances()
    assert [one.to_wh - one.from_wh for one in found] == [1000] * readings * len(PLANTS)
    assert readings <= world.mine_nonces() == len({one.tx_hash for one in found}) <= readings * len(PLANTS)


async def add_plants_with(world: SettlementWorld, readings: int) -> None:
    """All plants, with as many quarter-hours of 1 kWh each."""
    await world.build(*PLANTS[1:])
    for plant in PLANTS:
        for number in range(1, readings + 1):
            await world.add_readings((number, number * 1000), plant=plant)


async def die_once(folder: Path, process: str, at: str, hit: int, *, counting: bool) -> None:
    async with settlement_world(folder, serve=False, counting=counting, slots_in_an_epoch=4) as world:
        world.chain.mine(10)
        readings = hit + 1  # one more than the place needs to be passed that often
        await add_plants_with(world, readings)
        if at == "proposal_stored":
            async with opened(world.store_url) as store, store.begin() as work:
                policy = SettlementPolicy(proposal_window=timedelta(seconds=1))
                await add_policy(work, "plant", policy, "test", SystemClock().now())
        await kill_and_settle(world, process, at, hit)
        await each_minted_once(world, readings, counting=counting)


@pytest.mark.timeout(170)
@pytest.mark.parametrize(("process", "at", "hit"), OFTEN)
async def test_killed_where_it_hurts_most(tmp_path: Path, process: str, at: str, hit: int) -> None:
    await die_once(tmp_path, process, at, hit, counting=True)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("counting", [True, False], ids=["counting", "issuer"])
@pytest.mark.parametrize("hit", [1, 5])
@pytest.mark.parametrize(("process", "at"), PLACES)
async def test_killed_at_every_place(tmp_path: Path, process: str, at: str, hit: int, counting: bool) -> None:
    await die_once(tmp_path, process, at, hit, counting=counting)


def test_there_are_places_enough() -> None:
    assert len(PLACES) == len(set(PLACES)) >= 15
