"""Whoever holds the signature broker can stall, but not refuse in the signer's name: a nonce is given back on proof only."""

from pathlib import Path

import pytest
from eth_account import Account
from structlog.testing import capture_logs

from community.chain.signature_requests import RefusedReply, SignatureReply, SignatureRequest, refusal_digest
from community.minting.issuances import IssuanceState
from tests.support.simulated_settlement import SimulatedBroker, simulated_settlement

pytestmark = pytest.mark.timeout(60)


def by_a_stranger(request: SignatureRequest) -> bytes:
    """A proof by another key."""
    signed = Account.create().unsafe_sign_hash(refusal_digest(request.id, "no"))
    return signed.r.to_bytes(32, "big") + signed.s.to_bytes(32, "big") + bytes((signed.v - 27,))


@pytest.mark.parametrize(
    "proof", [lambda _: b"", lambda _: bytes(65), by_a_stranger], ids=["none", "zeros", "other key"]
)
async def test_a_forged_refusal_changes_nothing(tmp_path: Path, proof: object, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await simulated_settlement(tmp_path, guarded=True)
    await world.produce(500)
    honest, asked = SimulatedBroker.ask, list[SignatureRequest]()

    async def forged(_broker: SimulatedBroker, request: SignatureRequest) -> SignatureReply:
        asked.append(request)
        return RefusedReply(request.id, "no", proof(request))  # type: ignore[operator]

    replica = await world.replica()
    monkeypatch.setattr(SimulatedBroker, "ask", forged)
    with capture_logs() as logs:
        await world.run(replica)
        await world.run(replica)
    assert len(asked) >= 2 and len({request.id for request in asked}) == 1
    assert any("has not signed" in str(entry.get("reason")) for entry in logs)
    assert [one.state for one in await world.issuances()] == [IssuanceState.REQUESTED]
    monkeypatch.setattr(SimulatedBroker, "ask", honest)
    for _ in range(4):
        await world.run(replica)
        world.chain.mine(4)
    assert [one.state for one in await world.issuances()] == [IssuanceState.FINAL]
    await world.close()
