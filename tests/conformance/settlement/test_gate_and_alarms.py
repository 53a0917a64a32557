"""What settlement refuses to start on, and what makes it stop and call a person, on a real chain."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from community.clients.evm import EvmNode, NodeUnavailable
from community.errors import FatalError
from community.minting.issuances import IssuanceState
from community.runtime.system_clock import SystemClock
from community.store.identities import energy_sources
from community.store.transactions import open_account
from contracts.abi import (
    CORRECTOR_ROLE,
    PAUSER_ROLE,
    SETTLER_ROLE,
    encode_correct,
    encode_grant_role,
    encode_pause,
    encode_unpause,
)
from settlement.gate import pass_gate
from settlement.loop import SettlementLoop
from settlement.planner import Settlement, plan_settlement
from settlement.report import resume, status_lines
from settlement.terms import GWEI, SettlementTerms
from tests.support.anvil import DEVELOPMENT_ADDRESSES
from tests.support.plant_on_chain import ADMIN, HOLDERS, SOURCE_REF
from tests.support.settlement_world import SettlementWorld, answering_signer, settlement_world
from tests.support.stores import new_sqlite_url, opened

pytestmark = pytest.mark.timeout(90)


async def gate(world: SettlementWorld, terms: SettlementTerms) -> None:
    node = EvmNode(world.chain.url)
    async with opened(world.store_url) as store:
        try:
            await pass_gate(terms, node, store)
        finally:
            await node.close()


async def test_the_gate(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        await gate(world, world.terms)
        for change, sentence in (
            ({"chain_id": 137}, "the settings say 137"),
            ({"issuer": "0x" + "99" * 20}, "no contract"),
            ({"issuer": world.token}, "not this release's EnergyIssuer"),
            ({"code_hash": "0x" + "ab" * 32}, "the settings expect 0xabab"),
            ({"account": DEVELOPMENT_ADDRESSES[1]}, "SETTLER_ROLE"),
        ):
            with pytest.raises(FatalError, match=sentence):
                await gate(world, replace(world.terms, **change))
        await world.add_readings((1, 10))
        await world.settle_until(1)
        restored = tmp_path / "restored"
        restored.mkdir()
        world.store_url = await new_sqlite_url(restored)
        async with opened(world.store_url) as store, store.begin() as work:
            await open_account(work, world.terms.chain_id, world.account, 0)
        with pytest.raises(FatalError, match="old backup"):
            await gate(world, world.terms)


async def test_a_source_that_the_chain_knows_further_is_held_and_the_others_settle(tmp_path: Path) -> None:
    """Somebody with the settler's role settled it from elsewhere: nothing of it is planned on top of old books."""
    async with settlement_world(tmp_path) as world:
        await world.build("barn")
        await world.add_readings((1, 100))
        async with opened(world.store_url) as store, store.read() as work:
            (source, *_) = [one for one in await energy_sources(work) if one.id == "plant"]
            planned = await plan_settlement(work, source, world.terms, SystemClock().now())
        assert isinstance(planned, Settlement)
        world.transact(world.issuer, encode_grant_role(SETTLER_ROLE, ADMIN))
        world.transact(world.issuer, planned.calldata)
        await world.add_readings((2, 250))
        await world.add_readings((1, 40), plant="barn")
        with capture_logs() as logs:
            async with world.running() as loop:
                assert set(loop.held) == {"plant"} and "settlement recover" in loop.held["plant"]
                await pass_several(loop)
        assert [one.source_id for one in await world.issuances()] == ["barn"]
        said = [entry["reason"] for entry in logs if entry["event"] == "settlement_blocked"]
        assert said == [loop.held["plant"]], "once, not in every pass"


def with_priority(world: SettlementWorld, data: bytes, sender: str = ADMIN) -> None:
    """Leave a transaction in the pool that goes before any other."""
    fields = {"from": sender, "to": world.issuer, "data": "0x" + data.hex(), "gas": hex(200_000)}
    fees = {"maxFeePerGas": hex(900 * GWEI), "maxPriorityFeePerGas": hex(800 * GWEI)}
    world.chain.rpc("eth_sendTransaction", fields | fees)


async def test_a_settlement_that_reverts_stops_its_source_and_says_why(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, automine=False) as world:
        world.transact(world.issuer, encode_grant_role(PAUSER_ROLE, ADMIN))
        await world.add_readings((1, 400))
        async with world.running() as loop:
            await loop.pass_once()
            with_priority(world, encode_pause())
            world.chain.mine()
            await loop.pass_once()
            (waiting,) = await world.issuances()
            assert waiting.state is IssuanceState.BROADCAST, "until its block is final, another may take it"
            world.chain.mine(3)
            await loop.pass_once()
        (stopped,) = await world.issuances()
        assert stopped.state is IssuanceState.STOPPED and stopped.tx_hash is not None
        assert "the issuer is paused" in (stopped.failure or "")
        world.transact(world.issuer, encode_unpause())
        async with opened(world.store_url) as store:
            await resume(store, stopped.id, SystemClock())
            with pytest.raises(FatalError, match="no stopped issuance"):
                await resume(store, stopped.id, SystemClock())
        async with world.running() as loop:
            await loop.pass_once()
        (refused,) = await world.issuances()
        assert refused.state is IssuanceState.PLANNED, "its nonce is spent"
        assert "approve `reverted_nonces` [0]" in (refused.failure or "") and world.supply() == 0


async def test_a_pause_only_waits(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        world.transact(world.issuer, encode_grant_role(PAUSER_ROLE, ADMIN))
        world.transact(world.issuer, encode_pause())
        await world.add_readings((1, 400))
        async with world.running() as loop:
            await loop.pass_once()
        assert await world.issuances() == []
        world.transact(world.issuer, encode_unpause())
        await world.settle_until(1)


async def test_a_debt_is_netted_before_anything_is_minted(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        world.transact(world.issuer, encode_grant_role(CORRECTOR_ROLE, ADMIN))
        world.transact(world.issuer, encode_correct(SOURCE_REF, 150, bytes(32)))
        await world.add_readings((1, 100))
        await world.add_readings((2, 300))
        first, second = await world.settle_until(2)
        assert (first.amount, second.amount) == (0, 150 * 10**15)
        assert [world.balance(holder) for holder in HOLDERS] == [part.amount for part in second.parts]


async def pass_several(loop: SettlementLoop) -> None:
    for _ in range(3):
        await loop.pass_once()


async def test_a_nonce_used_by_another_freezes_the_account(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        await world.add_readings((1, 400))
        async with world.running() as loop:
            world.chain.rpc("anvil_impersonateAccount", world.account)
            other = world.chain.rpc("eth_sendTransaction", {"from": world.account, "to": ADMIN, "value": "0x1"})
            world.chain.rpc("anvil_stopImpersonatingAccount", world.account)
            world.chain.mine(5)
            with pytest.raises(FatalError, match=f"{other}, which is not ours"):
                await pass_several(loop)
        with pytest.raises(FatalError, match="frozen"):
            await gate(world, world.terms)


async def test_fees_above_the_ceiling_wait(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        world.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(3_000 * GWEI))
        world.chain.mine()
        await world.add_readings((1, 400))
        async with world.running() as loop:
            await loop.pass_once()
        assert await world.issuances() == []


async def test_a_silent_signer_delays_and_its_late_answer_is_the_same(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, serve=False) as world:
        await world.add_readings((1, 400))
        async with world.running(timeout_s=1) as loop:
            await loop.pass_once()
        (waiting,) = await world.issuances()
        assert waiting.state is IssuanceState.REQUESTED
        async with answering_signer(world):
            (final,) = await world.settle_until(1)
        assert final.id == waiting.id and world.mine_nonces() == 1


class NodeThatGoesAway(EvmNode):
    """Answers nothing while it is away."""

    away = False

    async def call(self, method: str, *params: Any) -> Any:
        if self.away:
            raise NodeUnavailable(f"{method}: the node is away")
        return await super().call(method, *params)


async def test_a_node_that_is_away_delays(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        await world.add_readings((1, 400))
        node = NodeThatGoesAway(world.chain.url)
        async with world.running(node=node) as loop:
            node.away = True
            await loop.pass_once()
            assert await world.issuances() == []
            node.away = False
            await loop.pass_once()
        assert len(await world.issuances()) == 1


async def test_the_status_names_what_waits(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        world.registry["limits"]["gas_max"] = 21_000
        world.pin()
        await world.add_readings((1, 400))
        await world.settle_until(1, IssuanceState.STOPPED)
        async with opened(world.store_url) as store:
            lines = await status_lines(store, world.terms, SystemClock())
        assert "stopped: 1" in lines
        assert any("ceiling is 21000" in line for line in lines)


class StaleNode(EvmNode):
    """Goes on showing a receipt whose block is no longer part of the chain."""

    def __init__(self, url: str, receipt: dict[str, Any]) -> None:
        super().__init__(url)
        self.stale = receipt

    async def receipt(self, tx_hash: str) -> dict[str, Any] | None:
        return self.stale if tx_hash == self.stale["transactionHash"] else await super().receipt(tx_hash)


async def test_a_receipt_of_a_block_that_is_gone_counts_as_none(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, slots_in_an_epoch=1) as world:
        world.chain.mine(3)
        await world.add_readings((1, 400))
        async with world.running() as loop:
            await loop.pass_once()
        (mined,) = await world.issuances()
        assert mined.state is IssuanceState.MINED
        receipt = world.chain.rpc("eth_getTransactionReceipt", mined.tx_hash)
        world.chain.rpc("anvil_reorg", 1, [])
        world.chain.rpc("anvil_dropAllTransactions")
        world.chain.rpc("evm_setAutomine", False)
        world.chain.mine(5)
        async with world.running(node=StaleNode(world.chain.url, receipt)) as loop:
            for _ in range(3):
                await loop.pass_once()
        (again,) = await world.issuances()
        assert again.state is IssuanceState.BROADCAST and world.supply() == 0
