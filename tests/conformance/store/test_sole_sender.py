"""The right to send goes with its connection: who lost it notices, and a database that is away is waited for."""

import pytest

from community.store.sole_sender import AnotherSends, sole_sender
from community.store.unit_of_work import Store, StoreUnavailable
from tests.support.stores import new_postgres_url, opened
from tools.private_postgres import PrivatePostgres, private_postgres

ACCOUNT, ANOTHER = "0x" + "a1" * 20, "0x" + "b2" * 20


async def test_two_accounts_of_one_database_have_a_sender_each(store: Store) -> None:
    async with sole_sender(store, ACCOUNT) as held, sole_sender(store, ANOTHER) as other_held:
        await held()
        await other_held()


async def test_the_right_is_held_until_it_is_given_back(store: Store) -> None:
    async with sole_sender(store, ACCOUNT) as still_held:
        await still_held()
        await still_held()


async def test_who_lost_the_right_with_its_connection_notices(postgres_server: PrivatePostgres) -> None:
    url = await new_postgres_url(postgres_server)
    async with opened(url) as store, opened(url) as other:
        async with sole_sender(store, ACCOUNT) as still_held:
            postgres_server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
                f"WHERE locktype = 'advisory' AND datname = '{url.rsplit('/', 1)[1]}'"
            )
            async with sole_sender(other, ACCOUNT):
                with pytest.raises(StoreUnavailable, match="right was lost"):
                    await still_held()
        async with sole_sender(store, ACCOUNT) as held_again:
            await held_again()
            with pytest.raises(AnotherSends, match="one account has one sender"):
                async with sole_sender(other, ACCOUNT):
                    raise AssertionError("two senders at once")


async def test_a_database_that_is_away_is_an_outage() -> None:
    with private_postgres() as server:
        async with opened(await new_postgres_url(server)) as store:
            server.stop()
            with pytest.raises(StoreUnavailable, match="away"):
                async with sole_sender(store, ACCOUNT):
                    raise AssertionError("sending without a database")
