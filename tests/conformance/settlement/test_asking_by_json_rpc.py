"""Settlement asks the real signer process through its JSON-RPC door; no signature broker stands between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from community.clients.evm import EvmNode
from community.minting.issuances import IssuanceState
from community.runtime.system_clock import SystemClock
from settlement.json_rpc_signer import JsonRpcSigner
from settlement.loop import SettlementLoop, compose
from settlement.requester_key import create_requester_key, load_requester_key
from settlement.signature_broker import SignerSilent
from tests.conformance.settlement.test_settles_on_a_real_chain import pass_and_mine, resume_issuance
from tests.support.settlement_world import PASSPHRASE, SettlementWorld, settlement_world
from tests.support.signer_process import signer_process
from tests.support.stores import opened

pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def asking(world: SettlementWorld, url: str, key_file: str = "requester.pem") -> AsyncIterator[SettlementLoop]:
    """Settlement whose signer is behind `url`."""
    node, key = EvmNode(world.chain.url), load_requester_key(world.folder / key_file)
    signer = JsonRpcSigner(url, world.terms.requester_id, key, 10)
    async with opened(world.store_url) as store:
        try:
            yield compose(world.terms, node, store, signer, SystemClock())
        finally:
            await signer.stop()
            await node.close()


async def states(world: SettlementWorld) -> list[IssuanceState]:
    return [one.state for one in await world.issuances()]


async def test_signed_refused_and_not_known(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, serve=False) as world:
        await world.add_readings((1, 400))
        world.registry["limits"]["gas_max"] = 21_000
        world.pin()
        create_requester_key(world.folder / "stranger.pem")
        async with signer_process(world.folder / "signer", PASSPHRASE, world.broker) as url:
            async with world.running(), asking(world, url, "stranger.pem") as loop:  # the gate opens the account
                await pass_and_mine(world, loop, 2)
            assert await states(world) == [IssuanceState.REQUESTED], "no verdict of the signer, so the nonce is kept"
            async with asking(world, url) as loop:
                await pass_and_mine(world, loop, 1)
                (stopped,) = await world.issuances()
                assert stopped.state is IssuanceState.STOPPED and "ceiling is 21000" in (stopped.failure or "")
                world.registry["limits"]["gas_max"] = 3_000_000
                world.pin()
                await resume_issuance(world, stopped.id)
                await pass_and_mine(world, loop, 4)
                assert await states(world) == [IssuanceState.FINAL]
        assert world.supply() == 400 * 10**15 and world.mine_nonces() == 1


async def test_a_signer_that_is_away_is_asked_again(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, serve=False) as world:
        await world.add_readings((1, 400))
        async with world.running(), asking(world, "http://127.0.0.1:9/") as loop:
            await pass_and_mine(world, loop, 2)
            (waiting,) = await world.issuances()
            assert waiting.state is IssuanceState.REQUESTED
            with pytest.raises(SignerSilent, match="Is it running"):
                await loop.submitter.request_signature(waiting)
