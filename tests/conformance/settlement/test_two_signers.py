"""Two signers with an account each share the sources of one issuer; both settle at the same time from the same books."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from community.minting.issuances import IssuanceState
from contracts.abi import load
from settlement.gate import pass_gate
from settlement.loop import SettlementLoop, compose
from settlement.sharding import account_for
from signer.journal import Journal
from signer.keys import create_keys, open_settler
from signer.pinning import follow
from signer.signing import Signer
from tests.support.operators import pin_approved
from tests.support.plant_on_chain import ref_of
from tests.support.settlement_world import PASSPHRASE
from tests.support.simulated_node import SimulatedNode
from tests.support.simulated_settlement import PLANTS, SimulatedBroker, SimulatedSettlement, simulated_settlement

pytestmark = pytest.mark.timeout(60)


def second_signer(world: SimulatedSettlement) -> tuple[str, Journal, SimulatedBroker]:
    """A signer of its own folder, key and journal, with an account that is given one of the two plants."""
    for number in range(200):
        folder = world.folder / f"signer-{number}"
        account = create_keys(folder, PASSPHRASE, keystore_iterations=2)
        accounts = (world.terms.account, account)
        if {account_for("0x" + ref_of(plant).hex(), accounts) for plant in PLANTS} == set(accounts):
            pin_approved(folder, world.plant.registry)
            journal = Journal(folder)
            signer = Signer(open_settler(folder, PASSPHRASE), journal, follow(journal))
            return account, journal, SimulatedBroker(signer, world.broker.key, world.clock)
    raise AssertionError("no account of 200 was given a plant")


async def test_each_source_is_settled_by_its_own_account(tmp_path: Path) -> None:
    world = await simulated_settlement(tmp_path, guarded=True)
    account, journal, broker = second_signer(world)
    accounts = (world.terms.account, account)

    async def settlement(own: str, port: SimulatedBroker) -> SettlementLoop:
        terms = replace(world.terms, account=own, accounts=accounts)
        node = SimulatedNode(world.chain, load("EnergyIssuer").deployed_bytecode)
        node.on_broadcast = world._sent
        held = await pass_gate(terms, node, world.store)
        return compose(terms, node, world.store, port, world.clock, held=held)

    both = [await settlement(accounts[0], world.broker), await settlement(account, broker)]
    for energies in ((500, 700), (0, 300), (900, 100)):
        await world.produce(*energies)
        for _ in range(3):
            await asyncio.gather(*(loop.pass_once() for loop in both))
            world.chain.mine(4)
    found = await world.issuances()
    assert [one.state for one in found] == [IssuanceState.FINAL] * 5
    assert max(world.chain.counts().values()) == 1 and world.unstored == []
    assert world.chain.minted() == sum(world.produced_wh.values()) * 10**15
    sent = world.book_rows(
        "SELECT source_id, account, nonce FROM chain_transaction JOIN issuance ON issuance.id = issuance_id"
    )
    for plant in PLANTS:
        owner = account_for("0x" + ref_of(plant).hex(), accounts)
        assert {each for source, each, _ in sent if source == plant} == {owner}
        nonces = sorted(nonce for _, each, nonce in sent if each == owner)
        assert nonces == list(range(len(nonces))) and len(nonces) >= 2
    journal.close()
    await world.close()
