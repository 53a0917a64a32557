"""The real processes: signer and settlement as a person starts them, killed and started again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from community.minting.issuances import IssuanceState
from tests.support.settlement_world import PASSPHRASE, SettlementWorld, settlement_world

pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def started(
    module: str, environment: Mapping[str, str], folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of ours, killed at the end if it still runs."""
    with (folder / f"{module}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, "run", env={**os.environ, **environment}, stderr=log, stdout=log
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def settlement_environment(world: SettlementWorld) -> dict[str, str]:
    return {
        "SETTLEMENT_DATABASE_URL": world.store_url,
        "SETTLEMENT_NODE_URL": world.chain.url,
        "SETTLEMENT_CHAIN_ID": str(world.terms.chain_id),
        "SETTLEMENT_ISSUER": world.issuer,
        "SETTLEMENT_ACCOUNT": world.account,
        "SETTLEMENT_REQUESTER_KEY": str(world.folder / "requester.pem"),
        "SETTLEMENT_BROKER_URL": world.broker.url,
        "SETTLEMENT_BROKER_USERNAME": "test",
        "SETTLEMENT_BROKER_MQTT_VERSION": "4",
        "SETTLEMENT_POLL_MS": "50",
        "SETTLEMENT_TIP_GWEI_MIN": "1",
    } | ({} if world.terms.code_hash is None else {"SETTLEMENT_ISSUER_CODE_HASH": world.terms.code_hash})


def signer_environment(world: SettlementWorld) -> dict[str, str]:
    (world.folder / "passphrase").write_text(PASSPHRASE)
    return {
        "SIGNER_FOLDER": str(world.folder / "signer"),
        "SIGNER_PASSPHRASE_FILE": str(world.folder / "passphrase"),
        "SIGNER_BROKER_URL": world.broker.url,
        "SIGNER_BROKER_USERNAME": "test",
        "SIGNER_BROKER_MQTT_VERSION": "4",
    }


async def until_logged(log: Path, event: str) -> None:
    """Once a process has said so."""
    async with asyncio.timeout(40):
        while event not in log.read_text():
            await asyncio.sleep(0.05)


async def until_final(world: SettlementWorld, count: int) -> None:
    async with asyncio.timeout(40):
        while [one.state for one in await world.issuances()].count(IssuanceState.FINAL) < count:
            world.chain.mine()
            await asyncio.sleep(0.1)


async def test_the_processes_settle_survive_a_kill_and_stop_when_asked(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, serve=False) as world:
        await world.add_readings((1, 500))
        async with started("signer", signer_environment(world), tmp_path) as signer:
            async with started("settlement", settlement_environment(world), tmp_path) as first:
                await until_final(world, 1)
                async with started("settlement", settlement_environment(world), tmp_path) as second:
                    await until_logged(tmp_path / "settlement.log", "settlement_stands_by")
                    await world.add_readings((2, 900))
                    first.kill()
                    await first.wait()
                    await until_final(world, 2)
                    second.send_signal(signal.SIGTERM)
                    assert await asyncio.wait_for(second.wait(), 20) == 0
            signer.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(signer.wait(), 20) == 0
        assert world.supply() == 900 * 10**15
        assert world.mine_nonces() == 2
        log = (tmp_path / "settlement.log").read_text() + (tmp_path / "signer.log").read_text()
        assert "one account has one sender" in log
        assert PASSPHRASE not in log
