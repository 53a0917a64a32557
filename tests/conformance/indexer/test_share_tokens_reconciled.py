"""Share tokens of a real contract against the share register: the fixed total, and who holds how many."""

from datetime import UTC, datetime, timedelta

from community.clients.evm import EvmNode
from community.reconciliation.breaks import BreakKind
from community.store import break_proofs, breaks
from community.store.stored_breaks import StoredBreak
from community.store.unit_of_work import Store
from contracts import shares
from indexer.reconcile import Reconciler
from tests.conformance.indexer.books import Books, long_before
from tests.conformance.indexer.ledgers import SOURCE_ID, Ledger, catch_up, follower, now
from tests.support.anvil import CHAIN_ID


async def found_after(store: Store, ledger: Ledger, node: EvmNode, later: timedelta) -> list[StoredBreak]:
    ledger.chain.mine(17)
    await catch_up(follower(store, ledger), node)
    at = datetime.fromtimestamp(ledger.chain_time(), UTC) + later
    await Reconciler(store, CHAIN_ID, ledger.contracts, timedelta(minutes=15), lambda: at).run(node)
    async with store.read() as work:
        found = await breaks.open_breaks(work)
        assert all([await break_proofs.proofs_of(work, one) for one in found])
    return found


async def test_share_tokens_and_the_register_agree_or_are_named(store: Store, ledger: Ledger, node: EvmNode) -> None:
    books = await Books.open(store, ledger, long_before(now()))
    await books.settle(100)
    treasury = ledger.accounts[0]
    ledger.send(ledger.share_tokens, shares.encode_create(SOURCE_ID, sum(ledger.config.weights), treasury))
    for holder, weight in zip(ledger.config.holders, ledger.config.weights, strict=True):
        ledger.send(ledger.share_tokens, shares.encode_safe_transfer(treasury, holder, SOURCE_ID, weight))
    assert await found_after(store, ledger, node, timedelta(days=1)) == []

    sender, recipient = ledger.accounts[1], ledger.accounts[9]
    ledger.send(ledger.share_tokens, shares.encode_safe_transfer(sender, recipient, SOURCE_ID, 1), sender=1)
    assert await found_after(store, ledger, node, timedelta(minutes=1)) == [], "it counts from a later boundary on"
    found = await found_after(store, ledger, node, timedelta(days=2))
    assert {(one.kind, one.expected, one.found) for one in found} == {
        (BreakKind.SHARE_TABLE_DIFFERS, "300", "299"),
        (BreakKind.SHARE_TABLE_DIFFERS, "0", "1"),
    }


async def test_another_total_than_the_registers_is_named(sqlite_store: Store, ledger: Ledger, node: EvmNode) -> None:
    books = await Books.open(sqlite_store, ledger, long_before(now()))
    await books.settle(100)
    ledger.send(ledger.share_tokens, shares.encode_create(SOURCE_ID, 999, ledger.accounts[0]))
    (found,) = await found_after(sqlite_store, ledger, node, timedelta(minutes=1))
    assert (found.kind, found.expected, found.found) == (BreakKind.SHARE_SUPPLY_DIFFERS, "1000", "999")
