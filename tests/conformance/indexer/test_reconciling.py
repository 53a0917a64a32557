"""Both sides for real: books in a database, settlements on a node, compared by the running indexer."""

import asyncio
import dataclasses
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from community.clients.evm import EvmNode
from community.errors import FatalError
from community.reconciliation.breaks import BreakKind
from community.store import breaks, outbox, reconciliation
from community.store.reconciliation import RunSummary
from community.store.tables.chain import BalanceRow
from community.store.tables.minting import IssuanceRow
from community.store.unit_of_work import Store
from community.units import BASE_UNITS_PER_WH
from indexer import __main__ as cli
from indexer.app import build
from indexer.follow import FinalityContradicted
from indexer.reconcile import Reconciler
from indexer.settings import IndexerSettings, read_settings
from indexer.verify import verify
from tests.conformance.indexer.books import Books, long_before
from tests.conformance.indexer.ledgers import Ledger, catch_up, follower, now
from tests.support.anvil import CHAIN_ID, AnvilChain
from tests.support.stores import new_sqlite_url, opened

DEADLINE_S = 30


@pytest.fixture
async def books(store: Store, ledger: Ledger) -> Books:
    return await Books.open(store, ledger, long_before(now()))


def reconciler(store: Store, ledger: Ledger) -> Reconciler:
    return Reconciler(store, CHAIN_ID, ledger.contracts, timedelta(minutes=15), now)


def settings_of(ledger: Ledger, url: str, *rpc_urls: str, **changes: str) -> dict[str, str]:
    return {
        "INDEXER_DATABASE_URL": url,
        "INDEXER_RPC_URLS": ",".join(rpc_urls),
        "INDEXER_CHAIN_ID": str(CHAIN_ID),
        "INDEXER_TOKEN_ADDRESS": ledger.contracts.token,
        "INDEXER_ISSUER_ADDRESS": ledger.issuer,
        "INDEXER_POLL_MS": "20",
        "INDEXER_RECONCILE_PAUSE_MS": "50",
        **{f"INDEXER_{name}": value for name, value in changes.items()},
    }


async def change_amount(store: Store, issuance_id: str, amount: int) -> None:
    """Change an issuance in our books, as nobody ever should."""
    row = IssuanceRow
    async with store.begin() as work:
        await work.session.execute(update(row).where(col(row.id) == issuance_id).values(amount=amount))


async def test_what_was_settled_matches_and_a_change_opens_a_break(
    store: Store, ledger: Ledger, node: EvmNode, books: Books
) -> None:
    for energy_wh in (100, 250, 3):
        await books.settle(energy_wh)
    ledger.transfer(1, 9, 7)
    ledger.chain.mine(17)
    await catch_up(follower(store, ledger), node)
    agreeing = reconciler(store, ledger)
    run = await agreeing.run(node)
    assert (run.match_count, run.break_count) == (3, 0)
    assert run.verified_wh == run.issued_wh == run.settled_wh == 353
    assert run.supply == 353 * BASE_UNITS_PER_WH == ledger.supply()

    right = 250 * BASE_UNITS_PER_WH
    await change_amount(store, books.issuance_ids[1], right + 1)
    async with store.read() as work:
        cursor = await outbox.latest_cursor(work)
    later = Reconciler(store, CHAIN_ID, ledger.contracts, timedelta(minutes=15), lambda: now() + timedelta(minutes=1))
    assert (await later.run(node)).break_count == 1
    async with store.read() as work:
        (found,) = await breaks.open_breaks(work)
        topics = {(change.topic, change.subject) for change in await outbox.changes_after(work, cursor)}
    assert found.kind == BreakKind.AMOUNT_DIFFERS and str(right + 1) in (found.expected or "")
    assert topics == {("break", found.id), ("issuance", books.issuance_ids[1])}

    await change_amount(store, books.issuance_ids[1], right)
    again = Reconciler(store, CHAIN_ID, ledger.contracts, timedelta(minutes=15), lambda: now() + timedelta(minutes=2))
    run = await again.run(node)
    async with store.read() as work:
        assert await breaks.open_breaks(work) == []
        (closed,) = await breaks.history_of(work, found.kind, found.subject)
    assert run.match_count == 3 and closed.id == found.id
    assert closed.closed_at == now() + timedelta(minutes=2) and "agreed by itself" in (closed.disposition or "")


async def test_a_mint_by_somebody_else_is_found(sqlite_store: Store, ledger: Ledger, node: EvmNode) -> None:
    books = await Books.open(sqlite_store, ledger, long_before(now()))
    await books.settle(100)
    ledger.settle(50)  # the chain moved on without our books
    ledger.chain.mine(17)
    await catch_up(follower(sqlite_store, ledger), node)
    await reconciler(sqlite_store, ledger).run(node)
    async with sqlite_store.read() as work:
        (found,) = await breaks.open_breaks(work)
    assert (found.kind, found.severity, found.found) == (BreakKind.MISSING_OFF_CHAIN, "grave", "50 Wh")


async def test_verify_names_every_difference(store: Store, ledger: Ledger, node: EvmNode) -> None:
    ledger.settle(100)
    ledger.chain.mine(17)
    await catch_up(follower(store, ledger), node)
    agreed = await verify(store, node, CHAIN_ID, ledger.contracts)
    assert agreed.differences == () and agreed.balances == 3 and agreed.supply == ledger.supply()
    row, victim = BalanceRow, ledger.accounts[1]
    async with store.begin() as work:
        await work.session.execute(update(row).where(col(row.address) == victim).values(final_amount=1))
    found = await verify(store, node, CHAIN_ID, ledger.contracts)
    assert len(found.differences) == 2
    assert victim in found.differences[0] and "the balances add up to" in found.differences[1]
    run = await reconciler(store, ledger).run(node)
    async with store.read() as work:
        kinds = {one.kind for one in await breaks.open_breaks(work)}
    assert {BreakKind.BALANCE_DIFFERS, BreakKind.SUPPLY_DIFFERS} <= kinds and run.break_count >= 2


async def test_nothing_indexed_yet_is_said_so(sqlite_store: Store, ledger: Ledger, node: EvmNode) -> None:
    with pytest.raises(FatalError, match="Nothing is indexed yet"):
        await reconciler(sqlite_store, ledger).run(node)


@pytest.fixture
async def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return await new_sqlite_url(tmp_path_factory.mktemp("app"))


@pytest.fixture
async def app_books(url: str, ledger: Ledger) -> AsyncIterator[Books]:
    async with opened(url) as store:
        yield await Books.open(store, ledger, long_before(now()))


async def until_matched(store: Store, count: int) -> RunSummary:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        async with store.read() as work:
            run = await reconciliation.last_run(work)
        if run is not None and run.match_count == count:
            return run
        await asyncio.sleep(0.02)
    raise AssertionError(f"{count} matches were never reached: {run}")


async def test_the_process_follows_and_reconciles_past_a_dead_node(
    ledger: Ledger, chain: AnvilChain, url: str, app_books: Books
) -> None:
    await app_books.settle(100)
    ledger.chain.mine(17)
    app = build(read_settings(settings_of(ledger, url, "http://127.0.0.1:9", chain.url)))
    stop = asyncio.Event()
    running = asyncio.create_task(app.run(stop))
    try:
        assert (await until_matched(app_books.store, 1)).break_count == 0
        await app_books.settle(40)
        ledger.reorganise(1)
        ledger.settle(40, _evidence_of(app_books))
        ledger.chain.mine(17)
        run = await until_matched(app_books.store, 2)
        assert run.break_count == 0 and run.supply == 140 * BASE_UNITS_PER_WH
    finally:
        stop.set()
        await running


def _evidence_of(books: Books) -> bytes:
    """The evidence of the newest settlement, to settle it again after a reorg took it away."""
    at = datetime.fromtimestamp(books.ledger.source().read_at + 900, UTC)
    return hashlib.sha256(b"legacy payload " + f"{at:%Y%m%d%H%M}".encode()).digest()


async def test_a_contradicted_final_block_ends_the_process(
    ledger: Ledger, chain: AnvilChain, url: str, app_books: Books
) -> None:
    await app_books.settle(100)
    ledger.chain.mine(17)
    app = build(read_settings(settings_of(ledger, url, chain.url)))
    running = asyncio.create_task(app.run(asyncio.Event()))
    await until_matched(app_books.store, 1)
    ledger.reorganise(18)
    with pytest.raises(FinalityContradicted):
        await asyncio.wait_for(running, DEADLINE_S)


def command(ledger: Ledger, url: str, rpc_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")}
    return subprocess.run(
        [sys.executable, "-m", "indexer", *arguments],
        env=environment | settings_of(ledger, url, rpc_url),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def test_the_command_line_speaks_plainly(
    ledger: Ledger, chain: AnvilChain, url: str, app_books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, store = read_settings(settings_of(ledger, url, chain.url)), app_books.store

    async def said(task: Awaitable[None]) -> str:
        await task
        return capsys.readouterr().out

    async def reconciling(*arguments: str) -> None:
        chosen = cli._parser().parse_args(["reconcile", *arguments])
        await cli._reconcile_command(chosen)(settings, store)

    issuance_id = await app_books.settle(100)
    assert "Nothing is indexed yet" in await said(cli._status(settings, store))
    assert "No reconciliation has run yet" in await said(reconciling("show"))
    ledger.chain.mine(17)
    node = EvmNode(chain.url)
    await catch_up(follower(store, ledger), node)
    await node.close()
    assert "0 blocks behind" in await said(cli._status(settings, store))
    assert "No break is open" in await said(reconciling("run"))
    await change_amount(store, issuance_id, 1)
    assert "amount_differs" in await said(reconciling("run"))
    async with store.read() as work:
        (found,) = await breaks.open_breaks(work)
    assert found.id in await said(reconciling("show"))
    explained = await said(reconciling("explain", found.id))
    assert found.detail in explained and "is open" in explained


async def test_the_command_line_ends_with_the_right_code(
    ledger: Ledger, chain: AnvilChain, url: str, app_books: Books
) -> None:
    ledger.settle(100)
    ledger.chain.mine(17)
    node = EvmNode(chain.url)
    await catch_up(follower(app_books.store, ledger), node)
    await node.close()
    verified = command(ledger, url, chain.url, "verify")
    assert verified.returncode == 0 and "agree to the unit" in verified.stdout
    missing = command(ledger, url, chain.url, "reconcile", "explain", "brk_nothing")
    assert missing.returncode == 1 and "There is no break brk_nothing" in missing.stderr


def test_settings_report_every_problem_together(ledger: Ledger) -> None:
    environment = settings_of(ledger, "sqlite:///x", "http://node", TOKEN_ADDRESS="0x12", POLL_MS="1", STRT_BLOCK="1")
    with pytest.raises(FatalError) as raised:
        read_settings(environment)
    text = str(raised.value)
    assert all(part in text for part in ("INDEXER_TOKEN_ADDRESS: not an address", "POLL_MS", "INDEXER_STRT_BLOCK"))
    settings: IndexerSettings = read_settings(settings_of(ledger, "sqlite:///x", "http://a", "http://b"))
    assert settings.rpc_urls == ("http://a", "http://b")
    assert settings.contracts == dataclasses.replace(ledger.contracts, shares=None)
