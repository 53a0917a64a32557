"""`python -m indexer reconcile …`: tables for people, --json for machines, and runs as of an earlier time."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from community.clients.evm import EvmNode
from community.errors import CommunityError
from community.reconciliation.breaks import GUIDES, BreakKind
from community.reconciliation.sampling import draw
from community.store import balance_sweeps
from community.store.unit_of_work import Store
from community.units import BASE_UNITS_PER_WH
from indexer import reconcile as reconcile_module
from indexer import reconcile_cli
from indexer.__main__ import _parser
from indexer.reconcile import SWEEP_S, Reconciler
from indexer.reconcile_cli import Surroundings
from tests.conformance.indexer.books import SOURCE, Books, long_before
from tests.conformance.indexer.ledgers import Ledger, catch_up, follower, now
from tests.conformance.indexer.test_reconciling import change_amount
from tests.support.anvil import CHAIN_ID
from tests.support.manual_clock import ManualClock

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def books(sqlite_store: Store, ledger: Ledger, node: EvmNode) -> Books:
    found = await Books.open(sqlite_store, ledger, long_before(now()))
    for energy_wh in (100, 250, 3):
        await found.settle(energy_wh)
    ledger.transfer(1, 9, 7)
    ledger.chain.mine(17)
    await catch_up(follower(sqlite_store, ledger), node)
    return found


@pytest.fixture
async def clock() -> ManualClock:
    return ManualClock(now())


@pytest.fixture
async def ask(books: Books, ledger: Ledger, node: EvmNode, clock: ManualClock) -> Ask:
    async def with_node(task: Callable[[EvmNode], Awaitable[None]]) -> None:
        await task(node)

    reconciler = Reconciler(books.store, CHAIN_ID, ledger.contracts, timedelta(minutes=15), clock.now)

    async def asked(*arguments: str) -> Any:
        chosen = _parser().parse_args(["reconcile", *arguments])
        said = await reconcile_cli.answer(chosen, Surroundings(reconciler, clock, with_node))
        return json.loads(json.dumps(said.values)) if chosen.json else said.text

    return asked


async def test_a_break_is_explained_with_its_rows_owned_and_closed(ask: Ask, books: Books, clock: ManualClock) -> None:
    assert "No break is open" in await ask("run")
    await change_amount(books.store, books.issuance_ids[1], 1)
    await clock.move_to(now() + timedelta(hours=2))
    (found,) = (await ask("run", "--json"))["breaks"]
    assert (found["kind"], found["age_s"]) == ("amount_differs", 0)
    await ask("assign", found["id"], "anna", "--by", "clara")
    await ask("note", found["id"], "The restore of Tuesday.", "--by", "anna")
    await clock.move_to(now() + timedelta(hours=4))
    explained = await ask("explain", found["id"])
    assert GUIDES[BreakKind.AMOUNT_DIFFERS].advice in explained and "open after 2:00, anna's" in explained
    titles = (
        "Our issuance",
        "Its parts",
        "The reading it rests on",
        "The settlement on chain",
        "The mints of its transaction",
    )
    assert all(title in explained for title in titles)
    assert books.issuance_ids[1] in explained and "anna: noted. The restore of Tuesday." in explained
    machine = await ask("explain", found["id"], "--json")
    issuance = next(proof for proof in machine["proofs"] if proof["title"] == "Our issuance")["rows"][0]
    assert (issuance["amount"], issuance["to_wh"] - issuance["from_wh"]) == ("1", 250)
    with pytest.raises(CommunityError, match="for a reason"):
        await ask("close", found["id"], " ", "--by", "anna")
    assert "is closed" in await ask("close", found["id"], "Restored from the wrong day.", "--by", "anna")
    run = await ask("run", "--json")
    assert run["breaks"] == [] and (run["run"]["break_count"], run["run"]["accepted_count"]) == (0, 1)
    with pytest.raises(CommunityError, match="There is no break brk_none"):
        await ask("explain", "brk_none")


async def test_a_run_as_of_then_is_the_run_of_then(ask: Ask, books: Books, ledger: Ledger, clock: ManualClock) -> None:
    first = await ask("run", "--json")
    then = clock.now().isoformat()
    books.recorded_at = now() + timedelta(minutes=30)
    await clock.move_to(now() + timedelta(hours=2))
    await books.settle(40)
    ledger.chain.mine(17)
    node = EvmNode(ledger.chain.url)
    await catch_up(follower(books.store, ledger), node)
    await node.close()
    later = await ask("run", "--json")
    assert (first["run"]["verified_wh"], later["run"]["verified_wh"]) == (353, 393)
    again = await ask("run", "--known-at", then, "--json")
    assert again["digest"] == first["run"]["digest"] != later["run"]["digest"]
    assert again == await ask("run", "--known-at", then, "--json")
    assert str(again["supply"]) == str(353 * BASE_UNITS_PER_WH)
    assert "nothing was stored" in await ask("run", "--known-at", then)
    opened = await ask("statement", "--source", SOURCE, "--from", "2020-01-01", "--to", "2030-01-01", "--json")
    assert (opened["verified_wh"], opened["settled_wh"], opened["closing_wh"]) == (393, 393, 0)
    with pytest.raises(CommunityError, match="Nothing of the chain was known"):
        await ask("run", "--known-at", "2020-01-01")


async def test_energy_up_to_a_time_is_compared_alone(ask: Ask, books: Books, ledger: Ledger) -> None:
    second = datetime.fromtimestamp(ledger.source().read_at, UTC) - timedelta(minutes=15)
    part = await ask("run", "--until", second.isoformat(), "--json")
    assert (part["verified_wh"], part["match_count"], part["breaks"]) == (350, 2, [])


async def test_statements_and_samples(ask: Ask, books: Books, ledger: Ledger) -> None:
    await ask("run")
    period = ("--from", "2020-01-01", "--to", "2030-01-01", "--json")
    statement = await ask("statement", "--holder", ledger.accounts[1], *period)
    minted = 353 * BASE_UNITS_PER_WH * 300 // 1000
    assert (statement["minted"], statement["sent"], statement["closing"]) == (str(minted), "7", str(minted - 7))
    text = await ask("statement", "--holder", ledger.accounts[9], *period[:-1])
    assert "received" in text and "0.000000000000000007 KWH" in text
    with pytest.raises(CommunityError, match="has no address here"):
        await ask("statement", "--holder", "mem_none", *period)
    with pytest.raises(CommunityError, match="must end after"):
        await ask("statement", "--holder", ledger.accounts[1], "--from", "2030-01-01", "--to", "2020-01-01")
    seed = "0x" + "5e" * 32
    drawn = await ask("sample", "--seed", seed, "-n", "2", "--json")
    assert drawn["population"] == 3 and len(drawn["items"]) == 2
    assert [item["issuance"] for item in drawn["items"]] == draw(seed, books.issuance_ids, 2)
    assert drawn == await ask("sample", "--seed", seed, "-n", "2", "--json")
    with pytest.raises(CommunityError, match="hash of a block"):
        await ask("sample", "--seed", "1")


async def test_a_sample_and_what_was_found_stay_on_record(ask: Ask, books: Books, sqlite_store: Store) -> None:
    await ask("run")
    assert "No sample is recorded" in await ask("samples")
    seed = "0x" + "5f" * 32
    drawn = await ask("sample", "--seed", seed, "-n", "2", "--by", "Ada", "--json")
    sample = drawn["sample"]
    assert sample == (await ask("sample", "--seed", seed, "-n", "2", "--by", "Eve", "--json"))["sample"]
    first, second = (item["issuance"] for item in drawn["items"])
    await ask("finding", sample, first, "differs", "the meter shows 2 kWh more", "--by", "Ada")
    found = await ask("finding", sample, first, "agrees", "it was read a day later", "--by", "Ada", "--json")
    assert [(one["verdict"], one["found_by"]) for one in found["findings"]] == [("differs", "Ada"), ("agrees", "Ada")]
    assert (found["open_ids"], found["seed"], found["drawn_by"]) == ([second], seed, "Ada")
    assert "it was read a day later" in await ask("samples", sample) and sample in await ask("samples")
    other = next(one for one in books.issuance_ids if one not in (first, second))
    with pytest.raises(CommunityError, match="does not hold"):
        await ask("finding", sample, other, "agrees", "seen", "--by", "Ada")
    with pytest.raises(CommunityError, match="add a sentence"):
        await ask("finding", sample, first, "agrees", " ", "--by", "Ada")
    with pytest.raises(CommunityError, match="There is no sample"):
        await ask("samples", "smp_none")
    with pytest.raises(DBAPIError, match="never changed"):
        async with sqlite_store.begin() as work:
            await work.session.execute(text("UPDATE audit_finding SET verdict = 'agrees'"))


async def test_every_balance_is_compared_with_the_token_within_a_day(
    ask: Ask, books: Books, ledger: Ledger, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile_module, "BALANCES_ASKED_MIN", 1)
    for minutes in range(4):  # four holders, one a run
        await clock.move_to(now() + timedelta(minutes=minutes))
        await ask("run")
    async with books.store.read() as work:
        sweep = await balance_sweeps.sweep_of(work, CHAIN_ID, ledger.contracts.token)
    assert sweep is not None and sweep.completed_at == now() + timedelta(minutes=3)
    assert "every balance was compared" in await ask("show")
    await clock.move_to(now() + timedelta(minutes=3, seconds=SWEEP_S))  # nothing ran for a day: one run makes up for it
    run = await ask("run", "--json")
    assert run["sweep"]["completed_at"] == clock.now().isoformat()
