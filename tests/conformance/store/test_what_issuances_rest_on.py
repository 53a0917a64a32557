"""Trial energy is refused by the database itself, whoever plans it; a revoked key names the issuances that rest on it."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from community.minting.issuances import Issuance
from community.store import issuances, revocations
from community.store.decisions import Decided
from community.store.onboarding import Told
from community.store.unit_of_work import Store
from tests.conformance.store.test_issuances_and_transactions import NOW, issuance, open_account, plan, prepare
from tests.support.sending_device import NOON


@pytest.mark.parametrize("of", ["device_on_trial", "source_on_trial"])
async def test_trial_energy_is_never_an_issuance(store: Store, of: str) -> None:
    await prepare(store, 100, device_on_trial=of == "device_on_trial", source_on_trial=of == "source_on_trial")
    with pytest.raises(DBAPIError, match="trial energy is never minted"):
        async with store.begin() as work:
            await issuances.add_issuance(work, issuance())
    async with store.read() as work:
        assert await issuances.issuance_by_id(work, issuance().id) is None


async def test_energy_that_is_not_on_trial_is(store: Store) -> None:
    await prepare(store, 100)
    async with store.begin() as work:
        await issuances.add_issuance(work, issuance())


async def test_a_revoked_key_names_the_issuances_that_end_or_begin_at_what_it_signed(store: Store) -> None:
    await prepare(store, 100, 200, 300)
    planned = [issuance(1, 0, 100), issuance(2, 100, 200), issuance(3, 200, 300)]
    await issuances_on_the_books(store, planned)
    since = NOON + timedelta(minutes=30)  # the second reading and what follows
    told = Told("anna", "box stolen", "cmd_revoke")
    async with store.begin() as work:
        assert await revocations.revoke(work, "dev-plant", since, told, NOW) == Decided()
    async with store.read() as work:
        resting = await revocations.rests_on(work, "dev-plant")
        states = [(await issuances.issuance_by_id(work, one.id)) for one in planned]
    assert [one.id for one in resting.issuances] == [planned[1].id, planned[2].id]
    assert (resting.measurements, resting.issued_wh) == (2, 200)
    assert all(state is not None for state in states), "nothing on the books changes"


async def issuances_on_the_books(store: Store, planned: list[Issuance]) -> None:
    async with store.begin() as work:
        for one in planned:
            await issuances.add_issuance(work, one)


async def test_without_a_revocation_nothing_rests_on_it(store: Store) -> None:
    await prepare(store, 100)
    await open_account(store, 0)
    await plan(store, issuance())
    async with store.read() as work:
        resting = await revocations.rests_on(work, "dev-plant")
    assert (resting.measurements, resting.intervals, resting.issuances) == (0, (), ())
