"""A window for objections, from real books: announced, held, answered, overtaken; on both databases."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from community.errors import FatalError
from community.identity.identities import EnergySource, SettlementPeriod, SettlementPolicy
from community.identity.shares import Share, ShareTable
from community.minting.issuances import IssuanceState
from community.minting.planning import PlanBlocked
from community.minting.proposals import Objection, Proposal
from community.store import decisions, identities, issuances, proposals, settlement_policies, shares
from community.store.tables.minting import ProposalRow, SettlementPolicyRow
from community.store.unit_of_work import Store
from settlement.planner import Announcement, Overtaken, Settlement, Step, plan_settlement
from settlement.terms import SettlementTerms
from tests.support.plant_on_chain import HOLDERS, OPENING_WH, WEIGHTS
from tests.support.sending_device import NOON, register
from tests.support.settlement_world import SettlementWorld, write_source

TERMS = SettlementTerms(1, "0x" + "15" * 20, "0x" + "ac" * 20)
DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)


@pytest.fixture
async def plant(tmp_path: Path, store: Store, store_url: str) -> SettlementWorld:
    """The plant in its books, whose issuances are open to objections for a day."""
    none = cast(Any, None)
    world = SettlementWorld(tmp_path, none, store_url, none, TERMS.issuer, TERMS.issuer, TERMS.account, {})
    await register(store, world.device)
    await write_source(store, world.config)
    await set_policy(store, SettlementPolicy(proposal_window=DAY))
    return world


async def set_policy(store: Store, policy: SettlementPolicy) -> None:
    async with store.begin() as work:
        await settlement_policies.add_policy(work, "plant", policy, "test", NOON)


async def source_of(store: Store) -> EnergySource:
    async with store.read() as work:
        return (await identities.energy_sources(work))[0]


async def step(store: Store, now: datetime, base_fee_wei: int | None = None) -> Step:
    source = await source_of(store)
    async with store.read() as work:
        return await plan_settlement(work, source, TERMS, now, base_fee_wei)


async def announced(store: Store, now: datetime) -> Proposal:
    found = await step(store, now)
    assert isinstance(found, Announcement), found
    async with store.begin() as work:
        await proposals.add_proposal(work, found.proposal)
    return found.proposal


async def record(store: Store, settlement: Step, state: IssuanceState = IssuanceState.FINAL) -> None:
    assert isinstance(settlement, Settlement), settlement
    async with store.begin() as work:
        await issuances.add_issuance(work, replace(settlement.issuance, state=state))


def way(step: Step | Proposal) -> tuple[int, int]:
    found = step.issuance if isinstance(step, Settlement) else step
    assert isinstance(found, Proposal) or hasattr(found, "parts"), found
    return found.from_wh - OPENING_WH, found.to_wh - OPENING_WH


async def test_each_interval_is_proposed_at_once_and_sent_after_its_window_in_order(
    plant: SettlementWorld, store: Store
) -> None:
    await plant.add_readings((1, 70), (2, 90))
    first = await announced(store, NOON + QUARTER)
    second = await announced(store, NOON + 2 * QUARTER)
    assert (way(first), way(second)) == ((0, 70), (70, 90))
    assert await step(store, NOON + 2 * QUARTER) is None
    due = await step(store, NOON + QUARTER + DAY)
    assert isinstance(due, Settlement) and due.is_proposed and way(due) == (0, 70)
    assert due.issuance.id == first.issuance_id
    await record(store, due)
    assert await step(store, NOON + QUARTER + DAY) is None, "the second one's window is not over"
    assert way(await step(store, NOON + 2 * QUARTER + DAY)) == (70, 90)


async def test_an_objection_holds_it_and_all_that_follow_until_it_is_answered(
    plant: SettlementWorld, store: Store
) -> None:
    await plant.add_readings((1, 70), (2, 90))
    first, _ = await announced(store, NOON), await announced(store, NOON)
    objection = Objection(first.id, "member-b2", "the meter was exchanged", NOON + QUARTER)
    async with store.begin() as work:
        assert await proposals.object_to(work, objection)
        assert not await proposals.object_to(work, objection), "the same words are the same objection"
        assert not await proposals.is_proposal_live(work, first.issuance_id)
    assert await step(store, NOON + 3 * DAY) is None
    async with store.begin() as work:
        await proposals.answer_objection(work, objection.id, "It was not: see the photo.", "operator", NOON + DAY)
        assert await proposals.is_proposal_live(work, first.issuance_id)
    assert way(await step(store, NOON + 3 * DAY)) == (0, 70)
    with pytest.raises(FatalError, match="answered already"):
        async with store.begin() as work:
            await proposals.answer_objection(work, objection.id, "other words", "operator", NOON + DAY)


async def test_nobody_objects_to_what_is_not_there_or_minted(plant: SettlementWorld, store: Store) -> None:
    await plant.add_readings((1, 70))
    first = await announced(store, NOON)
    await record(store, await step(store, NOON + DAY))
    for proposal_id, why in (("prop_none", "no open proposal"), (first.id, "minted already")):
        with pytest.raises(FatalError, match=why):
            async with store.begin() as work:
                await proposals.object_to(work, Objection(proposal_id, "anna", "why", NOON))
    with pytest.raises(FatalError, match="no objection"):
        async with store.begin() as work:
            await proposals.answer_objection(work, "obj_none", "so", "operator", NOON)


async def test_the_same_energy_is_proposed_once(plant: SettlementWorld, store: Store) -> None:
    await plant.add_readings((1, 70))
    found = await step(store, NOON)
    await announced(store, NOON)
    assert isinstance(found, Announcement)
    with pytest.raises(proposals.ProposedMeanwhile):
        async with store.begin() as work:
            await proposals.add_proposal(work, replace(found.proposal, proposed_at=NOON + QUARTER))


async def test_shares_that_change_within_its_period_overtake_it(plant: SettlementWorld, store: Store) -> None:
    await plant.add_readings((1, 70), (4, 90))
    await announced(store, NOON)
    await announced(store, NOON)
    other = tuple(Share(f"member-{one[-2:]}", one, weight) for one, weight in zip(HOLDERS, WEIGHTS[::-1], strict=True))
    changed = ShareTable("shares-2", "plant", 2, sum(WEIGHTS), other, "0x" + "cd" * 32, NOON + 2 * QUARTER)
    async with store.begin() as work:
        await shares.add_share_table(work, changed, "test", NOON)
    overtaken = await step(store, NOON)
    assert isinstance(overtaken, Overtaken) and [way(one) for one in overtaken.proposals] == [(70, 90)]
    async with store.begin() as work:
        await proposals.supersede(work, overtaken.proposals, overtaken.reason, NOON)
        assert not await proposals.is_proposal_live(work, overtaken.proposals[0].issuance_id)
    blocked = await step(store, NOON)
    assert isinstance(blocked, PlanBlocked) and "inside a gap" in blocked.reason
    await plant.add_readings((2, 80))
    assert way(await announced(store, NOON)) == (70, 80)
    assert way(await announced(store, NOON)) == (80, 90)


async def test_a_revoked_device_overtakes_its_proposals(plant: SettlementWorld, store: Store) -> None:
    await plant.add_readings((1, 70))
    await announced(store, NOON)
    async with store.begin() as work:
        await decisions.revoke_device(work, "dev-plant", NOON + DAY)
    overtaken = await step(store, NOON)
    assert isinstance(overtaken, Overtaken) and "counts no longer" in overtaken.reason


async def test_without_a_window_what_was_proposed_still_waits_for_its_own(plant: SettlementWorld, store: Store) -> None:
    await plant.add_readings((1, 70), (2, 90))
    await announced(store, NOON)
    await set_policy(store, SettlementPolicy())
    assert await step(store, NOON) is None
    await record(store, await step(store, NOON + DAY))
    following = await step(store, NOON + DAY)
    assert isinstance(following, Settlement) and not following.is_proposed and way(following) == (70, 90)


async def test_a_source_that_settles_when_the_chain_is_cheap(plant: SettlementWorld, store: Store) -> None:
    await set_policy(store, SettlementPolicy(SettlementPeriod.BASE_FEE, base_fee_wei_max=10**10))
    await plant.add_readings((1, 70), (2, 90))
    for dear in (None, 10**10):
        assert await step(store, NOON, dear) is None
    assert way(await step(store, NOON, 10**10 - 1)) == (0, 90)
    assert (await source_of(store)).settlement.base_fee_wei_max == 10**10


async def test_policies_are_kept_and_a_proposal_never_goes_back_in_time(plant: SettlementWorld, store: Store) -> None:
    assert (await source_of(store)).settlement.proposal_window == DAY
    await plant.add_readings((1, 70))
    await announced(store, NOON)
    for change in (
        update(SettlementPolicyRow).values(proposal_window_s=0),
        update(ProposalRow).values(due_at=NOON - DAY),
    ):
        with pytest.raises(DBAPIError):
            async with store.begin() as work:
                await work.session.execute(change)
