"""A token without an issuer, and amounts up to the largest: what the chain says arrives whole on both databases."""

from typing import Any

from sqlalchemy import select

from community.clients.evm import EvmNode
from community.store import balances, share_transfers, transfers
from community.store.tables.chain import TransferRow
from community.store.unit_of_work import Store
from community.tokens.transfers import ZERO_ADDRESS
from community.units import AMOUNT_MAX
from contracts import abi
from indexer.decode import Contracts
from indexer.pace import Pace
from tests.conformance.indexer.ledgers import SHARED, Ledger, catch_up, follower
from tests.support.anvil import CHAIN_ID
from tests.support.scripted_node import ScriptedChain, ScriptedNode, address_topic, word

TOKEN, ANNA, BERND = "0x" + "aa" * 20, "0x" + "01" * 20, "0x" + "02" * 20


def moved(sender: str, recipient: str, amount: int) -> tuple[str, list[str], str]:
    return TOKEN, [abi.TOPIC_TRANSFER, address_topic(sender), address_topic(recipient)], "0x" + word(amount)


async def held(store: Store) -> dict[str, int]:
    async with store.read() as work:
        return await balances.balances(work, CHAIN_ID, TOKEN)


async def amounts(store: Store) -> list[int]:
    async with store.read() as work:
        found = await transfers.between(work, CHAIN_ID, 0, 10**6)
    return [one[-1] for one in found]


class _Plain:
    """What `follower` needs to know of a token that stands alone."""

    contracts = Contracts(TOKEN, None)


async def test_the_largest_amount_survives_block_by_block_a_rollback_and_in_ranges(store: Store) -> None:
    chain: Any = ScriptedChain()
    chain.add(moved(ZERO_ADDRESS, ANNA, AMOUNT_MAX))
    chain.add(moved(ANNA, BERND, AMOUNT_MAX), moved(BERND, BERND, AMOUNT_MAX))
    node, plain = ScriptedNode(chain), _Plain()
    following = follower(store, plain, start_block=0)  # type: ignore[arg-type]
    await catch_up(following, node)
    assert await held(store) == {BERND: AMOUNT_MAX} and await amounts(store) == [AMOUNT_MAX] * 3
    chain.drop(1)
    chain.add(moved(ANNA, BERND, 1), salt="another")
    chain.add()
    await catch_up(following, node)
    assert await held(store) == {ANNA: AMOUNT_MAX - 1, BERND: 1}
    for _ in range(80):
        chain.add(moved(BERND, ANNA, 1), moved(ANNA, BERND, AMOUNT_MAX), moved(BERND, ANNA, AMOUNT_MAX - 1))
    chain.finalised = len(chain.blocks) - 1
    await catch_up(follower(store, plain, start_block=0, pace=Pace(blocks=7)), node)  # type: ignore[arg-type]
    assert await held(store) == {ANNA: AMOUNT_MAX - 1, BERND: 1}
    async with store.read() as work:
        supply = await balances.supply(work, CHAIN_ID, TOKEN, final=True)
        final = await balances.balances(work, CHAIN_ID, TOKEN, final=True)
        largest = (await work.session.execute(select(TransferRow.amount).where(TransferRow.log_index == 1))).scalars()  # type: ignore[arg-type, call-overload]
        assert set(largest) == {AMOUNT_MAX}
    assert supply.outstanding == AMOUNT_MAX and final == {ANNA: AMOUNT_MAX - 1, BERND: 1}


async def test_shares_move_in_single_and_batch_logs(store: Store, ledger: Ledger, node: EvmNode) -> None:
    ledger.give_shares(1, [10])
    ledger.give_shares(2, [5, 7])
    await catch_up(follower(store, ledger), node)
    first, second = ("0x" + source_id.hex() for source_id in SHARED)
    zero, one, two = (ledger.accounts[n] for n in range(3))
    async with store.read() as work:
        held_first = await balances.balances(work, CHAIN_ID, first, ledger=balances.SHARES)
        held_second = await balances.balances(work, CHAIN_ID, second, ledger=balances.SHARES)
        moves = await share_transfers.between(work, CHAIN_ID, 0, ledger.head())
    assert held_first == {zero: 985, one: 10, two: 5} and held_second == {zero: 993, two: 7}
    batch = [(row.position, row.source_ref, row.amount) for row in moves if row.recipient == two]
    assert batch == [(0, first, 5), (1, second, 7)]
