"""Every page of the read models finds its rows by index: the database's own plans say so, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from sqlalchemy import event, text

from bench.ledger_of_size import Size, address_of, build
from bench.pages import pages
from community.store.unit_of_work import Store, Work
from community.store.views import chain, reconciliation, transfers
from community.store.views.scope import Scope
from tests.support.stores import BACKENDS
from tools.private_postgres import PrivatePostgres

SIZE = Size(20_000)
GROWING = ("transfer", "chain_block", "balance", "issuance", "measurement", "settled_event", "reconciliation_match")
"""Tables that grow without end: a page may read none of them from end to end, and sort none of them."""
ALL = Scope(everything=True)
ANNA = Scope(everything=False, identity_ids=("mem_7",))


@pytest.fixture(scope="module", params=BACKENDS)
def ledger_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('pages')}/ledger.db"
    else:
        server: PrivatePostgres = request.getfixturevalue("postgres_server")
        url = server.create_database()
    asyncio.run(build(url, SIZE, progress=False))
    return url


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Store]:
    store = Store.open(ledger_url)
    yield store
    await store.close()


async def balance_page(work: Work) -> None:
    _, read, _, _ = pages(SIZE)[0]
    await read(work, Random(1))


async def account_page(work: Work) -> None:
    cursor = transfers.KEYSET.cursor((1_000, 3))
    await transfers.page(work, ALL, address=address_of(3), tx_hash=None, first=20, after=cursor)


async def own_page(work: Work) -> None:
    await transfers.page(work, ANNA, address=None, tx_hash=None, first=20, after=None)


async def newest_transfers(work: Work) -> None:
    await transfers.page(work, ALL, address=None, tx_hash=None, first=20, after=transfers.KEYSET.cursor((900, 0)))


async def one_transaction(work: Work) -> None:
    await transfers.page(work, ALL, address=None, tx_hash="0x" + "0" * 63 + "5", first=20, after=None)


async def settlements_page(work: Work) -> None:
    await chain.settlements(work, None, 20, None)


async def settlements_of_a_source(work: Work) -> None:
    await chain.settlements(work, "src_3", 20, None)


async def settlements_of_transactions(work: Work) -> None:
    await chain.settlements_by_tx(work, ["0x" + "0" * 63 + "5", "0x" + "0" * 63 + "6"])


async def period_page(work: Work) -> None:
    _, read, _, _ = pages(SIZE)[3]
    await read(work, Random(1))


async def matches_page(work: Work) -> None:
    await reconciliation.matches(work, "src_3", 20, None)


async def breaks_page(work: Work) -> None:
    await reconciliation.breaks(work, None, 20, None, source_id="src_9")


PAGES = [
    balance_page, account_page, own_page, newest_transfers, one_transaction, settlements_page, settlements_of_a_source,
    settlements_of_transactions, period_page, matches_page, breaks_page,
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
async def test_a_page_reads_no_table_that_grows_from_end_to_end(ledger: Store, page: Any) -> None:
    asked: list[tuple[str, Any]] = []

    def heard(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(ledger.engine.sync_engine, "before_cursor_execute", heard)
    async with ledger.read() as work:
        await page(work)
    event.remove(ledger.engine.sync_engine, "before_cursor_execute", heard)
    assert asked
    for statement, parameters in asked:
        plan = await plan_of(ledger, statement, parameters)
        ends_early = "LIMIT" in statement and "GROUP BY" not in statement
        bad = [line for line in plan if is_whole_table(line, ends_early)]
        assert bad == [], f"{statement}\n" + "\n".join(plan)


async def test_a_condition_without_an_index_is_seen(ledger: Store) -> None:
    plan = await plan_of(ledger, "SELECT * FROM transfer WHERE block_hash = sender", ())
    assert any(is_whole_table(line) for line in plan), plan
    if ledger.dialect == "sqlite":
        plan = await plan_of(ledger, "SELECT max(to_wh) FROM issuance GROUP BY source_id", ())
        assert any(is_whole_table(line) for line in plan), plan


async def plan_of(store: Store, statement: str, parameters: Any) -> list[str]:
    """The database's plan, line by line."""
    words = "EXPLAIN QUERY PLAN " if store.dialect == "sqlite" else "EXPLAIN "
    async with store.engine.connect() as connection:
        if store.dialect != "sqlite":
            await connection.execute(text("SET enable_seqscan = off"))  # only what no index serves is then read whole
        found = await connection.exec_driver_sql(words + statement, tuple(parameters))
        return [str(row[-1]) for row in found]


def is_whole_table(line: str, ends_early: bool = False) -> bool:
    """Whether this line of a plan reads a growing table whole: SQLite says SCAN, PostgreSQL Seq Scan."""
    words = line.replace("->", " ").split()
    if words[:1] == ["SCAN"]:
        # a scan in the order of an index ends with the page's last row, if the statement has such an end
        return words[1] in GROWING and not (ends_early and "INDEX" in words)
    return words[:2] == ["Seq", "Scan"] and words[3] in GROWING
