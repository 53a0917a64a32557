"""Live data of several processes and of many members: every replica hears of a commit, members are read together."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.conformance.api.conftest import NOW, Served
from tests.support.running_api import message, serving, socket, subscribe
from tests.support.seeded_chain import settle_more
from tests.support.seeded_community import make_key, seed
from tests.support.seeded_figures import address_of
from tests.support.stores import new_postgres_url, opened
from tools.private_postgres import PrivatePostgres

OWN = "subscription { balances { cursor nodes { member { id name } final mintedNotFinal earnedNotYetMinted } } }"


async def balances_of(connection: Any) -> Any:
    return (await message(connection))["payload"]["data"]["balances"]["nodes"]


async def test_two_replicas_both_push_what_one_writer_committed(postgres_server: PrivatePostgres) -> None:
    url = await new_postgres_url(postgres_server)
    async with opened(url) as store:
        seeded = await seed(store, NOW, days=1)
        key = await make_key(store, "member", "mem_anna")
        async with serving(url) as one, serving(url) as other, socket(one, key) as left, socket(other, key) as right:
            for connection in (left, right):
                await message(connection)
                await subscribe(connection, OWN)
            before = [await balances_of(connection) for connection in (left, right)]
            assert before[0] == before[1]
            await settle_more(store, seeded)
            after = [await balances_of(connection) for connection in (left, right)]
            assert after[0] == after[1] != before[0]


async def test_members_with_own_balances_are_read_by_one_statement(served: Served) -> None:
    asked: list[int] = []
    runner: Any = served.app.runner
    by_batch, alone = runner.run_batch, runner.run

    async def run_batch(statement: Any, values: Any, askers: Sequence[Any]) -> list[bytes]:
        asked.append(len(askers))
        return list(await by_batch(statement, values, askers))

    async with socket(served.app, served.keys.anna) as anna, socket(served.app, served.keys.bernd) as bernd:
        for connection in (anna, bernd):
            await message(connection)
            await subscribe(connection, OWN)
        before = [(await balances_of(connection))[0] for connection in (anna, bernd)]
        runner.run_batch, runner.run = run_batch, None
        await settle_more(served.store, served.seeded)
        after = [(await balances_of(connection))[0] for connection in (anna, bernd)]
        runner.run = alone
    assert asked == [2]
    assert [each["member"]["id"] for each in (*before, *after)] == ["mem_anna", "mem_bernd"] * 2
    assert all(one["mintedNotFinal"] != other["mintedNotFinal"] for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("who", ["operator", "anna", "bernd"])
async def test_the_balance_of_an_address_is_its_holders_where_he_may_be_seen(served: Served, who: str) -> None:
    query = "subscription ($a: Address!) { balances(address: $a) { nodes { member { id } } } }"
    async with socket(served.app, getattr(served.keys, who)) as connection:
        await message(connection)
        await subscribe(connection, query, a=address_of("mem_anna"))
        found = [each["member"]["id"] for each in await balances_of(connection)]
    assert found == ([] if who == "bernd" else ["mem_anna"])


async def test_readers_of_the_same_are_one_group_and_are_forgotten_when_they_leave(served: Served) -> None:
    hub = served.app.hub
    async with socket(served.app, served.keys.operator) as one, socket(served.app, served.keys.operator) as other:
        for connection in (one, other):
            await message(connection)
            await subscribe(connection, "subscription { chainHead { chainHead { head } } }")
            await message(connection)
        assert (hub.group_count, hub.reader_count) == (1, 2)
        await one.send('{"id": "1", "type": "complete"}')
        await one.send('{"type": "ping"}')
        while (await one.recv()) != '{"type":"pong"}':
            pass
        assert (hub.group_count, hub.reader_count) == (1, 1)
