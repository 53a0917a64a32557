"""A run loads the records of a source window by window, and finds what it would find with all of them at hand."""

from contextlib import closing
from datetime import timedelta

import pytest

from community.clients.evm import EvmNode
from community.reconciliation.breaks import BreakKind
from community.reconciliation.results import Outcome
from community.store.changed_matches import ChangeSpool, MatchChange
from community.store.reconciliation_facts import knowledge
from community.store.unit_of_work import Store
from indexer.both_sides import frame_now
from indexer.source_windows import Loader
from tests.conformance.indexer.books import Books, long_before
from tests.conformance.indexer.ledgers import Ledger, catch_up, follower, now
from tests.conformance.indexer.test_reconciling import change_amount
from tests.support.anvil import CHAIN_ID

ENERGIES_WH = (100, 250, 3, 40, 70)


async def compared(store: Store, ledger: Ledger, each: int) -> tuple[list[int], list[MatchChange], Outcome]:
    """With windows of `each` issuances: how many are in each, which pairs are new, and the outcome."""
    async with store.read() as work:
        _, frame = await frame_now(work, CHAIN_ID, ledger.contracts, timedelta(minutes=15), now())
        loader = Loader(work, CHAIN_ID, ledger.contracts, frame, issuances_a_window=each)
        known = await knowledge(work, frame.now)
        (source,) = frame.sources
        windows = [
            await loader.window(source, ledger.issuer, known, bounds)
            async for bounds in loader.bounds(source, ledger.issuer)
        ]
        with closing(ChangeSpool()) as spool:
            outcome = (await loader.compare(spool)).close(frame)
            changes = list(spool)
    return [len(one.issuances) for one in windows], changes, outcome


async def test_windows_of_any_size_come_to_the_same(store: Store, ledger: Ledger, node: EvmNode) -> None:
    books = await Books.open(store, ledger, long_before(now()))
    for energy_wh in ENERGIES_WH:
        await books.settle(energy_wh)
    ledger.settle(50)  # the chain moved on without our books
    ledger.chain.mine(17)
    await catch_up(follower(store, ledger), node)
    await change_amount(store, books.issuance_ids[3], 1)

    sizes, changes, whole = await compared(store, ledger, 300)
    assert sizes == [5]
    assert sorted(one.kind for one in whole.breaks) == [BreakKind.AMOUNT_DIFFERS, BreakKind.MISSING_OFF_CHAIN]
    assert whole.match_count == 4 == len(changes)
    for each, expected in ((2, [2, 2, 1]), (1, [1] * 5)):
        sizes, again, outcome = await compared(store, ledger, each)
        assert sizes == expected
        assert outcome == whole and again == changes


def test_changes_come_back_in_their_order_from_disk_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("community.store.changed_matches._IN_MEMORY_MAX", 100)
    given = [MatchChange(f"0x{n:064x}", "src_roof", "0x" + "ab" * 32, n, 1, n, 10**77) for n in range(50)]
    given.append(MatchChange("0x" + "cd" * 32))
    with closing(ChangeSpool()) as spool:
        spool.add(given)
        assert list(spool) == given == list(spool)
