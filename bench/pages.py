"""Pages of the API's read models at ten million transfers, on PostgreSQL and on SQLite: what p95 a page takes.

A time is what all queries of one page spend in the database and its driver, their rows fetched. Beside it stands the same content the way
it is often written: the account's history by OFFSET and one condition, the balance as a sum of transfers, the period by
OFFSET. The data are made once (some minutes, about ten gigabytes) and kept in `.bench/pages`. Before a database is measured its
files are read once from end to end: what counts is a server that has been up for a while, not how fast a disk finds pages.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import event, text

from bench.ledger_of_size import BEGIN, CHAIN_ID, MEMBERS, SOURCES, TOKEN, Size, address_of, built
from bench.measuring import Figure
from community.store.unit_of_work import Store, Work
from community.store.views import balances, reconciliation, transfers
from community.store.views.scope import Scope
from tools.private_postgres import kept_postgres

NAME = "pages"
TRANSFERS = 10_000_000
ALLOWED_MS = 20.0
PAGE = 50
TURNS, BASELINE_TURNS = 200, 5
FOLDER = Path(__file__).parents[1] / ".bench" / "pages"

Read = Callable[[Work, Random], Awaitable[object]]


def run() -> list[Figure]:
    """Measure on both databases."""
    size = Size(TRANSFERS)
    FOLDER.mkdir(parents=True, exist_ok=True)
    in_a_file = f"sqlite:///{FOLDER / 'ledger.db'}"
    built(in_a_file, size, FOLDER / "sqlite.done")
    _into_memory(FOLDER / "ledger.db")
    figures = asyncio.run(measured(in_a_file, size, "SQLite"))
    with kept_postgres(FOLDER / "postgres") as server:
        name = "ledger"
        if server.execute(f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == "0":
            server.execute(f'CREATE DATABASE "{name}"')
        built(server.url(name), size, FOLDER / "postgres.done")
        _into_memory(FOLDER / "postgres")
        figures += asyncio.run(measured(server.url(name), size, "PostgreSQL"))
    return figures


def _into_memory(place: Path) -> None:
    """Read a file, or every file below a folder, so that the system holds it in memory."""
    began, size = time.perf_counter(), 0
    for path in [place, *sorted(place.rglob("*"))]:
        if not path.is_file():
            continue
        with path.open("rb") as file:
            while chunk := file.read(1 << 22):
                size += len(chunk)
    print(f"    {place.name}: {size / 1e9:.1f} GB read into memory, {time.perf_counter() - began:.0f} s", flush=True)


async def measured(url: str, size: Size, database: str) -> list[Figure]:
    """Measure every page of one database."""
    store = Store.open(url)
    try:
        figures = []
        for name, ours, baseline_name, baseline in pages(size):
            ours_ms = _p95(await _times(store, ours, TURNS))
            theirs_ms = _p95(await _times(store, baseline, BASELINE_TURNS))
            what = f"{name}, p95, {database}"
            figures += [
                Figure(what, ours_ms, "ms", "what is allowed", ALLOWED_MS, 1.0, less_is_better=True),
                Figure(what, ours_ms, "ms", baseline_name, theirs_ms, 1.0, less_is_better=True),
            ]
        return figures
    finally:
        await store.close()


def pages(size: Size) -> list[tuple[str, Read, str, Read]]:
    """Each page with the baseline beside it."""

    async def balance_page(work: Work, chance: Random) -> object:
        member = f"mem_{chance.randrange(MEMBERS)}"
        return await balances.balances(work, Scope(everything=False, identity_ids=(member,)), TOKEN)

    async def balances_folded(work: Work, chance: Random) -> object:
        address = address_of(chance.randrange(MEMBERS))
        amounts = f"SELECT CAST(amount AS TEXT) FROM transfer WHERE chain_id = {CHAIN_ID} AND"
        received = await _all(work, f"{amounts} recipient = '{address}'")
        sent = await _all(work, f"{amounts} sender = '{address}'")
        # added up here, as SQLite's integers end at 64 bits
        return sum(int(amount) for (amount,) in received) - sum(int(amount) for (amount,) in sent)

    async def whole_community(work: Work, _chance: Random) -> object:
        return await balances.balances(work, Scope(everything=True), TOKEN)

    async def account_page(work: Work, chance: Random) -> object:
        scope, address = Scope(everything=True), address_of(chance.randrange(MEMBERS))
        after = transfers.KEYSET.cursor((chance.randrange(size.blocks), 0))
        return await transfers.page(work, scope, address=address, tx_hash=None, first=PAGE, after=after)

    async def account_by_offset(work: Work, chance: Random) -> object:
        address = address_of(chance.randrange(MEMBERS))
        condition = f"sender = '{address}' OR recipient = '{address}'"
        return await _all(
            work,
            f"SELECT * FROM transfer WHERE {condition} ORDER BY block_number DESC, log_index DESC "
            f"LIMIT {PAGE} OFFSET {size.transfers // 2000}",
        )

    async def period_page(work: Work, chance: Random) -> object:
        source, day = f"src_{chance.randrange(SOURCES)}", chance.randrange(max(1, size.quarters // 96))
        begin = BEGIN + (size.ends_at - BEGIN) * day / max(1, size.quarters // 96)
        return await reconciliation.of_period(work, source, (begin, begin + (size.ends_at - BEGIN) / 12), PAGE, None)

    async def period_by_offset(work: Work, chance: Random) -> object:
        source = f"src_{chance.randrange(SOURCES)}"
        return await _all(
            work,
            "SELECT * FROM issuance LEFT JOIN reconciliation_match ON issuance_id = issuance.id "
            f"WHERE issuance.source_id = '{source}' ORDER BY planned_at DESC LIMIT {PAGE} OFFSET {size.quarters // 2}",
        )

    return [
        ("balance page of a member", balance_page, "adding up his transfers", balances_folded),
        ("balance page of 200 members", whole_community, "adding up one's transfers", balances_folded),
        ("account page, deep", account_page, "OFFSET, sender or recipient", account_by_offset),
        ("reconciliation page", period_page, "OFFSET", period_by_offset),
    ]


async def _all(work: Work, statement: str) -> Sequence[Any]:
    return (await work.session.execute(text(statement))).all()


async def _times(store: Store, read: Read, turns: int) -> list[float]:
    """Milliseconds that each turn spends in the database, rows fetched included, after one turn that is not counted."""
    chance, found, spent_s = Random(20), [], [0.0]
    engine = store.engine.sync_engine

    def began(_connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        context.began = time.perf_counter()

    def ended(_connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        spent_s[0] += time.perf_counter() - context.began

    event.listen(engine, "before_cursor_execute", began)
    event.listen(engine, "after_cursor_execute", ended)
    try:
        for turn in range(turns + 1):
            async with store.read() as work:
                spent_s[0] = 0.0
                await read(work, chance)
            if turn:
                found.append(1000 * spent_s[0])
    finally:
        event.remove(engine, "before_cursor_execute", began)
        event.remove(engine, "after_cursor_execute", ended)
    return found


def _p95(times_ms: list[float]) -> float:
    return statistics.quantiles(times_ms, n=20)[-1] if len(times_ms) >= 20 else statistics.median(times_ms)
