"""The backend is restored from an old backup: recovery puts back what chain and signer prove, and nothing is minted twice."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from community.clients.evm import EvmNode
from community.errors import FatalError
from community.minting.issuances import IssuanceState
from community.runtime.system_clock import SystemClock
from contracts.abi import CORRECTOR_ROLE, encode_correct, encode_grant_role
from settlement.recovery import Recovery, parse_signed, recover
from signer.journal_signed import signed_lines
from tests.support.plant_on_chain import ADMIN, OPENING_WH, SOURCE_REF
from tests.support.settlement_world import SettlementWorld, settlement_world
from tests.support.stores import opened

pytestmark = pytest.mark.timeout(120)


def back_up(world: SettlementWorld, to: Path) -> None:
    with sqlite3.connect(database_of(world)) as source, sqlite3.connect(to) as target:
        source.backup(target)


def restore(world: SettlementWorld, backup: Path) -> None:
    database = database_of(world)
    for part in ("", "-wal", "-shm"):
        Path(f"{database}{part}").unlink(missing_ok=True)
    shutil.copy(backup, database)


def database_of(world: SettlementWorld) -> str:
    return world.store_url.removeprefix("sqlite:///")


async def recovered(world: SettlementWorld, signed: list[bytes] | None = None) -> Recovery:
    if signed is None:
        signed = parse_signed("\n".join(signed_lines(world.folder / "signer")))
    node = EvmNode(world.chain.url)
    async with opened(world.store_url) as store:
        try:
            return await recover(world.terms, node, store, signed, 0, SystemClock().now())
        finally:
            await node.close()


def issuances_of(found: Any) -> list[tuple[int, int, IssuanceState]]:
    return [(one.from_wh - OPENING_WH, one.to_wh - OPENING_WH, one.state) for one in found]


async def test_a_restored_backup_mints_nothing_twice(tmp_path: Path) -> None:
    """Of five settlements the backup knows one. Two are final, one is mined, one is signed and waits in the pool."""
    backup = tmp_path / "backup.db"
    async with settlement_world(tmp_path, slots_in_an_epoch=4) as world:
        world.chain.mine(10)
        await world.add_readings((1, 100))
        await world.settle_until(1)
        back_up(world, backup)
        await world.add_readings((2, 250), (3, 333))
        before = await world.settle_until(3)
        await world.add_readings((4, 500))
        await world.settle_until(1, IssuanceState.MINED)
        world.chain.rpc("evm_setAutomine", False)
        await world.add_readings((5, 700))
        async with world.running() as loop:
            for _ in range(3):
                await loop.pass_once()
        assert [one.state for one in await world.issuances()].count(IssuanceState.BROADCAST) == 1
        lost = await world.issuances()
        restore(world, backup)
        with pytest.raises(FatalError, match="restored from an old backup"):
            async with world.running():
                raise AssertionError("the gate let an old backup pass")
        found = await recovered(world)
        assert (len(found.put_back), found.known, found.problems) == (4, 1, [])
        again = await recovered(world)
        assert (again.put_back, again.known, again.problems) == ([], 5, [])
        back = await world.issuances()
        assert [one.id for one in back] == [one.id for one in lost]
        assert [one.parts for one in back] == [one.parts for one in lost]
        assert before[1].measurement_id != back[1].measurement_id, "its reading came back from the chain"
        world.chain.rpc("evm_setAutomine", True)
        await world.settle_until(5)
        await world.add_readings((6, 900))
        final = await world.settle_until(6)
        assert [one.to_wh - OPENING_WH for one in final] == [100, 250, 333, 500, 700, 900]
        assert world.supply() == 900 * 10**15
        assert world.mine_nonces() == 6


async def test_without_the_signers_list_the_chain_gives_what_is_mined(tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    async with settlement_world(tmp_path) as world:
        back_up(world, backup)
        world.transact(world.issuer, encode_grant_role(CORRECTOR_ROLE, ADMIN))
        world.transact(world.issuer, encode_correct(SOURCE_REF, 60, bytes(32)))
        await world.add_readings((1, 100), (2, 250))
        lost = await world.settle_until(2)
        restore(world, backup)
        found = await recovered(world, signed=[])
        assert (len(found.put_back), found.problems) == (2, [])
        back = await world.settle_until(2)
        assert [(one.id, one.amount, one.parts, one.tx_hash) for one in back] == [
            (one.id, one.amount, one.parts, one.tx_hash) for one in lost
        ]
        assert world.supply() == 190 * 10**15 and world.mine_nonces() == 2


async def test_what_was_planned_again_after_the_restore_takes_its_transaction_over(tmp_path: Path) -> None:
    """The signed settlement was not mined, so the gate saw nothing; the signer refused the second nonce or other fees."""
    backup = tmp_path / "backup.db"
    async with settlement_world(tmp_path, automine=False) as world:
        await world.add_readings((1, 100))
        back_up(world, backup)
        async with world.running() as loop:
            await loop.pass_once()
        (lost,) = await world.issuances()
        world.chain.rpc("anvil_dropAllTransactions")
        restore(world, backup)
        world.terms_changes["tip_wei_min"] = 2 * 10**9
        async with world.running() as loop:
            await loop.pass_once()
        found = await recovered(world)
        assert found.problems == []
        (back,) = await world.issuances()
        assert back.id == lost.id and back.state is not IssuanceState.STOPPED
        (final,) = await world.settle_until(1)
        assert final.id == lost.id
        assert world.supply() == 100 * 10**15 and world.mine_nonces() == 1


async def test_what_cannot_be_put_back_is_named(tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    async with settlement_world(tmp_path) as world:
        back_up(world, backup)
        await world.add_readings((1, 100))
        await world.settle_until(1)
        restore(world, backup)
        with sqlite3.connect(database_of(world)) as database:
            database.execute("UPDATE energy_source SET source_ref = '0x" + "77" * 32 + "'")
        found = await recovered(world)
        assert found.put_back == [] and "know no energy source" in found.problems[0]


@pytest.mark.parametrize("text", ["no json", '{"other": 1}', '{"raw": "xx"}'])
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(FatalError, match="python -m signer signed"):
        parse_signed(text)
