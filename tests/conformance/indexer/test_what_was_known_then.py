"""Revocations and stops as of an earlier time: what was told later did not count then, and counts from then on."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from community.clients.evm import EvmNode
from community.minting.issuances import IssuanceState
from community.reconciliation.breaks import BreakKind
from community.reconciliation.facts import Facts
from community.store import issuances, revocations
from community.store.decisions import Decided
from community.store.onboarding import Told
from community.store.tables.minting import IssuanceRow
from community.store.unit_of_work import Store
from indexer.both_sides import AsOf
from indexer.reconcile import Reconciler
from indexer.source_windows import Loader
from tests.conformance.indexer.books import SOURCE, Books, long_before
from tests.conformance.indexer.ledgers import Ledger, catch_up, follower
from tests.support.anvil import CHAIN_ID


@pytest.fixture
def then(ledger: Ledger) -> datetime:
    """An instant after everything that the chain has."""
    return datetime.fromtimestamp(ledger.chain_time(), UTC) + timedelta(hours=1)


@pytest.fixture
async def books(store: Store, ledger: Ledger, node: EvmNode, then: datetime) -> Books:
    """Two settlements that agree, on record an hour ago."""
    found = await Books.open(store, ledger, long_before(then))
    for energy_wh in (100, 250):
        await found.settle(energy_wh)
    ledger.chain.mine(17)
    await catch_up(follower(store, ledger), node)
    return found


async def as_known(books: Books, known_at: datetime) -> tuple[Facts, list[BreakKind]]:
    contracts, grace = books.ledger.contracts, timedelta(minutes=15)
    reconciler = Reconciler(books.store, CHAIN_ID, contracts, grace, lambda: known_at)
    _, frame, result = await reconciler.as_of(AsOf(known_at))
    async with books.store.read() as work:
        facts = await Loader(work, CHAIN_ID, contracts, frame).whole_source(SOURCE)
    return facts, sorted(one.kind for one in result.breaks)


async def revoke(books: Books, since: datetime, at: datetime, key: str) -> None:
    async with books.store.begin() as work:
        done = await revocations.revoke(work, "dev_pv", since, Told("op", "its key was copied", key), at)
        assert done == Decided()


async def test_evidence_of_a_revoked_key_is_no_longer_valid_from_when_that_was_told(
    books: Books, then: datetime
) -> None:
    last_read_at = datetime.fromtimestamp(books.ledger.source().read_at, UTC)
    told_at, widened_at = then + timedelta(hours=1), then + timedelta(hours=2)
    await revoke(books, last_read_at, told_at, "first")
    # the revocation is widened: then both settlements rest on it, and what was known in between stays what it was
    await revoke(books, last_read_at - timedelta(days=1), widened_at, "second")
    assert (await as_known(books, then))[1] == []
    assert (await as_known(books, told_at))[1] == [BreakKind.EVIDENCE_INVALID]
    assert (await as_known(books, widened_at))[1] == [BreakKind.EVIDENCE_INVALID] * 2


async def test_an_issuance_stands_as_it_stood(books: Books, then: datetime) -> None:
    store, row = books.store, IssuanceRow
    stopped_id, hour = books.issuance_ids[-1], timedelta(hours=1)
    async with store.begin() as work:
        # as before it was ever sent
        fresh = {"state": "planned", "mined_block": None, "tx_hash": None}
        await work.session.execute(update(row).where(col(row.id) == stopped_id).values(**fresh))
    for state, at in ((IssuanceState.STOPPED, then + hour), (IssuanceState.PLANNED, then + 2 * hour)):
        async with store.begin() as work:
            assert await issuances.move_issuance(work, stopped_id, state, at)
    states = []
    for known_at in (then, then + hour, then + hour * 1.5, then + 2 * hour, then + 3 * hour):
        facts, _ = await as_known(books, known_at)
        states.append(next(one.state for one in facts.issuances if one.id == stopped_id))
    assert states == ["planned", "stopped", "stopped", "planned", "planned"]
