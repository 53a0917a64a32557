"""Shares that change while issuances are decided: each watt-hour is split by the table that held, and only once."""

import asyncio
from datetime import timedelta

import pytest

from community.clock import QUARTER_HOUR
from community.identity.shares import Share, ShareTable
from community.store import issuances, shares
from community.store.shares import SharesIssued
from community.store.unit_of_work import Store
from tests.conformance.store.test_issuances_and_transactions import NOW, issuance, prepare
from tests.support.plant_on_chain import HOLDERS
from tests.support.sending_device import NOON
from tests.support.stores import new_postgres_url, opened, waiting_for_a_lock
from tools.private_postgres import PrivatePostgres


def table(begins_after: timedelta) -> ShareTable:
    share = Share("member-a1", HOLDERS[0], 1000)
    return ShareTable("shares-2", "plant", 2, 1000, (share,), "0x" + "22" * 32, NOON + begins_after)


async def decide(store: Store, after: int = 1) -> None:
    async with store.begin() as work:
        await issuances.add_issuance(work, issuance(after))


async def change(store: Store, begins_after: timedelta) -> None:
    async with store.begin() as work:
        await shares.add_share_table(work, table(begins_after), "anna", NOW)


async def test_shares_of_energy_that_is_issued_are_not_changed(store: Store) -> None:
    await prepare(store, 100, 200)
    await decide(store, after=2)
    with pytest.raises(SharesIssued, match="12:30"):
        await change(store, QUARTER_HOUR)
    await change(store, 2 * QUARTER_HOUR)


async def test_an_issuance_under_shares_that_ended_before_it_is_decided_anew(store: Store) -> None:
    await prepare(store, 100, 200)
    await change(store, QUARTER_HOUR)
    with pytest.raises(issuances.SharesChanged):
        await decide(store, after=2)
    await decide(store, after=1)


async def test_at_once_only_one_of_both_is_done(store: Store) -> None:
    await prepare(store, 100, 200)
    done = await asyncio.gather(decide(store, after=2), change(store, QUARTER_HOUR), return_exceptions=True)
    assert sum(one is None for one in done) == 1, done


async def test_a_change_that_waits_for_an_issuance_sees_it(postgres_server: PrivatePostgres) -> None:
    url = await new_postgres_url(postgres_server)
    async with opened(url) as store:
        await prepare(store, 100, 200)
        async with store.begin() as work:
            await issuances.add_issuance(work, issuance(2))
            changing = asyncio.create_task(change(store, QUARTER_HOUR))
            await waiting_for_a_lock(postgres_server, url)
        with pytest.raises(SharesIssued):
            await changing


async def test_an_issuance_that_waits_for_a_change_sees_it(postgres_server: PrivatePostgres) -> None:
    url = await new_postgres_url(postgres_server)
    async with opened(url) as store:
        await prepare(store, 100, 200)
        async with store.begin() as work:
            await shares.add_share_table(work, table(QUARTER_HOUR), "anna", NOW)
            deciding = asyncio.create_task(decide(store, after=2))
            await waiting_for_a_lock(postgres_server, url)
        with pytest.raises(issuances.SharesChanged):
            await deciding
